import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { REFUSAL_CODES } from '#schemas/clickhouse/refusals.js';
import { packageRoot } from '#schemas/root.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await gateway.store.client.command({
    query: "ALTER TABLE otel_logs ADD CONSTRAINT takes CHECK Body NOT LIKE 'bad%'",
  });
  await gateway.store.client.command({
    query: "ALTER TABLE otel_traces ADD CONSTRAINT takes CHECK NOT has(mapValues(SpanAttributes), 'BadTool')",
  });
});
afterAll(() => gateway.close());

const NOW = String(BigInt(Date.now()) * 1_000_000n);
const logs = (bodies: readonly string[]) =>
  JSON.stringify({
    resourceLogs: [
      { scopeLogs: [{ logRecords: bodies.map((text) => ({ timeUnixNano: NOW, body: { stringValue: text } })) }] },
    ],
  });
const post = (url: string, payload: string) =>
  gateway.app.inject({ method: 'POST', url, payload, headers: jsonHeaders(gateway.ingestToken) });
const kept = async (like: string): Promise<string[]> =>
  (
    await selectRows<{ Body: string }>(
      gateway.store.client,
      'SELECT Body FROM otel_logs WHERE Body LIKE {like:String} ORDER BY Body',
      { like },
    )
  ).map(({ Body }) => Body);

describe('records that the store rejects because of their content', () => {
  it('are named in a partial success, and the others are stored once', async () => {
    const bodies = Array.from({ length: 50 }, (_, n) =>
      n === 7 || n === 33 ? `bad ${String(n)}` : `first ${String(n).padStart(2, '0')}\n`,
    );
    const answer = await post('/v1/logs', logs(bodies));
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([200, undefined]);
    const { partialSuccess } = answer.json<{ partialSuccess: { rejectedLogRecords: string; errorMessage: string } }>();
    expect(partialSuccess).toEqual({
      rejectedLogRecords: '2',
      errorMessage:
        'the store rejects 2 of 50 log records because of their content: number 8 of otel_logs (code 469), number 34 of otel_logs (code 469)',
    });
    expect(await kept('first%')).toEqual(bodies.filter((text) => text.startsWith('first')));
    expect(await kept('bad%')).toEqual([]);
  });

  it('are 400 where there are no others, so that nobody sends them again', async () => {
    const answer = await post('/v1/logs', logs(['bad 1']));
    expect([answer.statusCode, answer.headers['retry-after'], answer.json<Refusal>().error.code]).toEqual([
      400,
      undefined,
      'body_invalid',
    ]);
  });

  it('cost a bounded number of inserts, however many they are, and are all counted', async () => {
    const bodies = Array.from({ length: 400 }, (_, n) => (n % 2 === 0 ? `bad ${String(n)}` : `many ${String(n)}`));
    const { partialSuccess } = (await post('/v1/logs', logs(bodies))).json<{
      partialSuccess?: { rejectedLogRecords: string };
    }>();
    const stored = (await kept('many%')).length;
    // Every record is either stored or reported.
    if (partialSuccess !== undefined) expect(Number(partialSuccess.rejectedLogRecords) + stored).toBe(400);
    else expect(stored).toBe(0);
  });

  it('of a batch of REST are 400 too, and the rest of it is there', async () => {
    const entry = (tool: string) => ({ timestamp: new Date().toISOString(), tool, decision: 'allow' });
    const answer = await post(
      '/v1/ingest/runtime',
      JSON.stringify({ repository: 'acme/app', entries: [entry('Bash'), entry('BadTool'), entry('Read')] }),
    );
    expect([answer.statusCode, answer.json<Refusal>().error.message]).toEqual([
      400,
      'the store rejects 1 of 3 spans because of their content: number 2 of otel_traces (code 469)',
    ]);
    const facts = await selectRows<{ tool: string }>(
      gateway.store.client,
      "SELECT DISTINCT tool FROM runtime_event WHERE org_id = 'org_a' ORDER BY tool",
    );
    expect(facts.map(({ tool }) => tool)).toEqual(['Bash', 'Read']);
  });

  it('are refused alike in a request that spans many days', async () => {
    const day = 86_400_000n * 1_000_000n;
    const payload = JSON.stringify({
      resourceLogs: [
        {
          scopeLogs: [
            {
              logRecords: Array.from({ length: 400 }, (_, n) => ({
                timeUnixNano: String(BigInt(NOW) - BigInt(n) * day),
                body: { stringValue: 'days' },
              })),
            },
          ],
        },
      ],
    });
    expect((await post('/v1/logs', payload)).json()).toEqual({});
  });
});

describe('what the store rejects for its content', () => {
  it('is recognised by the same codes as in the collector', () => {
    const list =
      /var refusals = map\[int\]bool\{\n([\s\S]*?)\n\}/.exec(
        readFileSync(join(packageRoot(), 'collector', 'exporters', 'setaside', 'refusal.go'), 'utf8'),
      )?.[1] ?? '';
    expect([...list.matchAll(/^\t(\d+):/gm)].map(([, code]) => code)).toEqual([...REFUSAL_CODES]);
  });
});
