import { gunzipSync } from 'node:zlib';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { mintToken } from '#ingest/auth/tokens.js';
import { createDiscovery } from '#ingest/control/discovery.js';
import { collectMetrics } from '#ingest/metrics/collect.js';
import { MAX_NAMED } from '#ingest/metrics/named-repositories.js';
import { decisionOf, Seed } from '#ingest/testing/board-seed.js';
import { startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { insertToolCalls } from '#ingest/testing/tool-call-rows.js';
import { foldSeries } from '../testing/board-seed.js';
import { PROMETHEUS } from '../testing/prometheus.js';

const URL = '/v1/metrics/prometheus';
const DAY = 86_400_000;
/** Names that a sender makes up, with a first report before everybody else's. */
const FLOOD = MAX_NAMED + 5;
const HOSTILE = ['x/quote"} 1', 'x/back\\slash', "x/it's", 'x/\u202egnp.exe', 'x/{brace}', 'x/$1', 'x/%2f'];

let gateway: TestGateway;
let bound: string;
let answer: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const { client } = gateway.store;
  const seed = new Seed(client, 'org_a');
  const now = Date.now();
  const at = (before: number): string => new Date(now - before).toISOString();
  await gateway.app.plane.change({ orgId: 'org_a', actor: 'test' }, async (tx) => {
    await tx.query("INSERT INTO repo (id, org_id, full_name) VALUES ('repo_known', 'org_a', 'acme/known')", []);
  });
  const discover = createDiscovery(client, gateway.app.plane);
  // Each gets its place before the next come: rows are ranked by age, and names within a round of discovery by letters.
  for (const names of [HOSTILE, Array.from({ length: FLOOD }, (_, index) => `flood/${String(index)}`)]) {
    await seed.decisions(names.map((name) => decisionOf(name, at(2 * DAY))));
    await discover();
  }
  await seed.decisions([
    // Retired: its place is free.
    decisionOf('acme/retired', at(40 * DAY)),
    decisionOf('acme/known', at(1), { decision: 'block', ruleName: 'deny[0]:Bash', ruleCategory: 'egress' }),
    decisionOf('acme/known', at(2)),
    ...Array.from({ length: 30 }, (_, index) =>
      decisionOf('acme/late', at(index), { decision: 'block', ruleName: 'deny[0]:Bash', ruleCategory: 'egress' }),
    ),
  ]);
  await new Seed(client, 'org_b').decisions([decisionOf('acme/of-b', at(1))]);
  await foldSeries(client);
  // A session of its own: the ledger has folded that of the decisions.
  const call = { session_id: 'session-calls', occurred_at: at(1), has_run: true };
  await insertToolCalls(client, [
    { ...call, repo: 'acme/known', tool_call_id: '1', outcome: 'unjudged' },
    { ...call, repo: '', tool_call_id: '2', outcome: 'bypassed' },
  ]);
  bound = (
    await mintToken(gateway.postgres, { orgId: 'org_a', name: 'bound', scopes: ['read'], repository: 'acme/known' })
  ).token;
  answer = (await scrape(gateway.readToken)).body;
});
afterAll(() => gateway.close());

const scrape = (token: string, headers: Record<string, string> = {}) =>
  gateway.app.inject({ url: URL, headers: { authorization: `Bearer ${token}`, ...headers } });

/** Samples of a metric as `labels value`, with both hours as one, since an hour may begin between two lines of this test. */
const samples = (text: string, name: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(`${name}{`));
const total = (text: string, name: string, labels: string): number =>
  samples(text, name)
    .filter((line) => line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
const repositories = (text: string): Set<string> =>
  new Set([...text.matchAll(/repository="((?:[^"\\]|\\.)*)"/g)].map(([, name = '']) => name));

describe('GET /v1/metrics/prometheus', () => {
  it('answers OpenMetrics or plain text, compressed or not, with the same lines and no timestamps', async () => {
    const open = await scrape(gateway.readToken, {
      accept: 'application/openmetrics-text;version=1.0.0',
      'accept-encoding': 'gzip',
    });
    expect([open.statusCode, open.headers['content-type'], open.headers['content-encoding']]).toEqual([
      200,
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'gzip',
    ]);
    const plain = await scrape(gateway.readToken);
    expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(plain.headers['vary']).toBe('accept, accept-encoding');
    const names = (text: string): string[] => text.split('\n').map((line) => line.replace(/ \S+$/, ''));
    expect(names(gunzipSync(open.rawPayload).toString())).toEqual(names(plain.body));
    expect(plain.body).toMatch(/# EOF\n$/);
    for (const line of plain.body.split('\n').slice(0, -2)) expect(line).toMatch(/^# |^shieldwatch_[a-z_]+\{.*\} \S+$/);
  });

  it('needs a token with the scope read', async () => {
    expect((await gateway.app.inject({ url: URL })).statusCode).toBe(401);
    expect((await scrape(gateway.ingestToken)).statusCode).toBe(403);
  });

  it('shows what the API shows', async () => {
    const of = async (series: string): Promise<Record<string, number>[]> =>
      (
        await gateway.app.inject({
          url: `/v1/series/${series}?bucket=hour&repository=acme%2Fknown`,
          headers: { authorization: `Bearer ${gateway.readToken}` },
        })
      ).json<{ points: Record<string, number>[] }>().points;
    const sum = (rows: Record<string, number>[], field: string): number =>
      rows.reduce((all, row) => all + (row[field] ?? 0), 0);
    const known = 'repository="acme/known"';
    const rate = await of('blocked_command_rate');
    for (const [name, field] of [
      ['decisions', 'total'],
      ['allowed_decisions', 'allowed'],
      ['blocked_decisions', 'blocked'],
      ['asked_decisions', 'asked'],
    ] as const)
      expect([name, total(answer, `shieldwatch_${name}`, known)]).toEqual([name, sum(rate, field)]);
    expect(sum(rate, 'total')).toBe(2);
    expect(total(answer, 'shieldwatch_tool_calls', `${known},hour="`)).toBe(
      sum(await of('tool_call_outcomes'), 'calls'),
    );
    const judged = await of('judged_share');
    expect(total(answer, 'shieldwatch_ran_calls', known)).toBe(sum(judged, 'ran'));
    expect(total(answer, 'shieldwatch_judged_ran_calls', known)).toBe(sum(judged, 'judged'));
    expect(samples(answer, 'shieldwatch_judged_ratio').filter((line) => line.includes(known))).toHaveLength(1);
    // Calls without a repository are those of none.
    expect(total(answer, 'shieldwatch_guard_passed_calls', 'repository="not named"')).toBe(1);
    // No decision, no rate.
    expect(samples(answer, 'shieldwatch_blocked_ratio').some((line) => line.includes('flood/'))).toBe(false);
  });

  it(`names ${String(MAX_NAMED)} repositories, those with a row first, and folds the rest so that their alert fires`, () => {
    const names = repositories(answer);
    expect(names.size).toBeLessThanOrEqual(MAX_NAMED + 2);
    expect(names.has('acme/known')).toBe(true);
    expect(names.has('acme/retired')).toBe(false);
    expect(names.has('acme/late')).toBe(false);
    const known = FLOOD + HOSTILE.length + 3;
    expect(answer).toContain(`\nshieldwatch_repositories{org_id="org_a"} ${String(known)}\n`);
    expect(answer).toContain(`\nshieldwatch_repositories_folded{org_id="org_a"} ${String(known - MAX_NAMED)}\n`);
    expect(total(answer, 'shieldwatch_decisions', 'repository="_other"')).toBe(30);
    expect(answer).toContain('shieldwatch_blocked_burn_ratio{org_id="org_a",repository="_other",window="1h"} 50\n');
  });

  it('escapes names that senders made up, and hides characters that change the direction of text', () => {
    const names = repositories(answer);
    for (const name of ['x/quote\\"} 1', 'x/back\\\\slash', "x/it's", 'x/\ufffdgnp.exe', 'x/{brace}', 'x/$1', 'x/%2f'])
      expect([name, names.has(name)]).toEqual([name, true]);
  });

  it('shows a bound token its repository only, and nothing of the whole organisation', async () => {
    const { statusCode, body } = await scrape(bound);
    expect(statusCode).toBe(200);
    expect([...repositories(body)]).toEqual(['acme/known']);
    expect(body).not.toContain('shieldwatch_rollup_lag_seconds');
    expect(body).toContain('\nshieldwatch_repositories{org_id="org_a"} 1\n');
    for (const name of ['shieldwatch_decisions', 'shieldwatch_tool_calls', 'shieldwatch_coverage_age_seconds'])
      expect(samples(body, name).map((line) => line.replace(/ \d+$/, ''))).toEqual(
        samples(answer, name)
          .filter((line) => line.includes('repository="acme/known"'))
          .map((line) => line.replace(/ \d+$/, '')),
      );
  });

  it('shows nothing of another organisation', async () => {
    expect(answer).not.toContain('of-b');
    const { body } = await scrape(gateway.otherToken);
    expect([...repositories(body)]).toEqual(['acme/of-b']);
    expect([...body.matchAll(/org_id="([^"]*)"/g)].every(([, org]) => org === 'org_b')).toBe(true);
  });

  it('reads the store once for many scrapes', async () => {
    let queries = 0;
    const { client } = gateway.store;
    const ask = client.query.bind(client);
    client.query = (...args: Parameters<typeof ask>) => {
      queries += 1;
      return ask(...args);
    };
    try {
      await collectMetrics({ clickhouse: client, plane: gateway.app.plane }, { orgId: 'org_a', repository: null });
      const once = queries;
      queries = 0;
      await Promise.all(Array.from({ length: 50 }, () => scrape(gateway.readToken)));
      expect(queries).toBeLessThanOrEqual(once);
      expect(once).toBeLessThan(30);
    } finally {
      client.query = ask;
    }
  });

  it.skipIf(!PROMETHEUS.isInstalled)(
    `is accepted by promtool without a remark${PROMETHEUS.isInstalled ? '' : ` (NOT RUN: no ${PROMETHEUS.needs})`}`,
    () => {
      const { status, stdout, stderr } = spawnSync(PROMETHEUS.program('promtool'), ['check', 'metrics'], {
        input: answer,
        encoding: 'utf8',
      });
      expect([status, stdout, stderr]).toEqual([0, '', '']);
    },
  );
});

it('answers 429 once the samples have used up the quota of the token', async () => {
  const open = { rate: 1e9, burst: 1e9 };
  const small = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, failures: open, entries: { rate: 0.001, burst: 2 } },
  });
  try {
    const ask = async (): Promise<number> =>
      (await small.app.inject({ url: URL, headers: { authorization: `Bearer ${small.readToken}` } })).statusCode;
    // An organisation without data has three samples.
    expect([await ask(), await ask()]).toEqual([200, 429]);
  } finally {
    await small.close();
  }
});
