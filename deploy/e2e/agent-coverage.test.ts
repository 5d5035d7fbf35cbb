import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { readBoards } from '#ingest/boards/board-library.js';
import type { VariableValue } from '#ingest/boards/macros.js';
import { panelData } from '#ingest/boards/panel-data.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { packageRoot } from '#schemas/root.js';

/** Spans of real GenAI libraries (`npm run agents:spans`); each is sent by a repository of its own that sends nothing else. */
const FOLDER = join(packageRoot(), 'ingest/testing/agent-spans');
const NAMES = readdirSync(FOLDER).map((file) => file.replace('.json', ''));
const AGENTS: Readonly<Record<string, string>> = {
  'openinference-langgraph': 'langchain',
  'openinference-openai-agents': 'openai-agents',
  'openllmetry-langgraph': 'langchain',
  'openllmetry-openai-agents': 'openai-agents',
  'traceloop-guardrails': 'traceloop',
};
const NOW = BigInt(Date.now()) * 1_000_000n;
const TIME = /(imeUnixNano":")(\d+)/g;

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // Twice, because exporters repeat requests.
  for (const name of [...NAMES, ...NAMES]) await send(capture(name));
  await send(unknownNames());
  await send(unknownNames());
  await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
});
afterAll(() => gateway.close());

async function send(payload: string): Promise<void> {
  const headers = jsonHeaders(gateway.ingestToken);
  const answer = await gateway.app.inject({ method: 'POST', url: '/v1/traces', payload, headers });
  expect(answer.statusCode, answer.body).toBe(200);
}

/** Returns a capture with its times shifted to now and its repository named. */
function capture(name: string): string {
  const text = readFileSync(join(FOLDER, `${name}.json`), 'utf8');
  const newest = [...text.matchAll(TIME)].map(([, , time = '0']) => BigInt(time)).reduce((a, b) => (a > b ? a : b));
  return text
    .replaceAll(TIME, (_, key: string, time: string) => `${key}${String(BigInt(time) - newest + NOW)}`)
    .replaceAll('"attributes":[{"key":"service.name"', `"attributes":[${repository(name)},{"key":"service.name"`);
}

const repository = (name: string): string =>
  ['owner', 'repository']
    .map((part) => `{"key":"vcs.${part}.name","value":{"stringValue":"${part === 'owner' ? 'acme' : name}"}}`)
    .join(',');

/** Four spans of pydantic-ai under an operation that no dialect knows. */
function unknownNames(): string {
  return capture('pydantic-ai')
    .replaceAll('"execute_tool"', '"plan_route"')
    .replaceAll('"invoke_agent"', '"plan_route"')
    .replaceAll(/"traceId":"[0-9a-f]{32}"/g, `"traceId":"${'e'.repeat(32)}"`);
}

async function get<T>(url: string): Promise<T> {
  const answer = await gateway.app.inject({ url, headers: { authorization: `Bearer ${gateway.readToken}` } });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<T>();
}

describe('a repository whose agent sends GenAI spans alone', () => {
  it.each(NAMES)('is listed, and covered from the first span of %s on', async (name) => {
    const { repos } = await get<{ repos: { repository: string }[] }>('/v1/repos?limit=100');
    expect(repos).toContainEqual(expect.objectContaining({ repository: `acme/${name}` }));
    const { points } = await get<{ points: { producer: string; state: string }[] }>(
      `/v1/series/coverage?bucket=hour&repository=acme%2F${name}`,
    );
    expect(points).toContainEqual(expect.objectContaining({ producer: AGENTS[name] ?? name, state: 'reporting' }));
  });

  it('is on the board Coverage as one that no guard covers, and its unknown events are shown by name and counted once', async () => {
    const library = await readBoards();
    const rowsOf = async (id: string): Promise<unknown[][]> => {
      const variables = new Map<string, VariableValue>([
        ['org', ['org_a']],
        ['repo', 'all'],
      ]);
      const now = Date.now();
      const range = { from: now - 86_400_000, to: now + 60_000 };
      return (await panelData(gateway.store.client, library.panel('shieldwatch-coverage', id), { range, variables }))
        .rows;
    };
    expect((await rowsOf('6')).map(([repo, producer, state]) => [repo, producer, state])).toEqual(
      expect.arrayContaining(NAMES.map((name) => [`acme/${name}`, 'guard', 'never'])),
    );
    expect((await rowsOf('11')).map((row) => row.slice(0, 4))).toEqual([['pydantic-ai', 'plan_route', '2.68.0', 4]]);
  });
});
