import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';
import { drillList } from '#schemas/http/drills.js';
import { drillSpan, type DrillRecord } from '#schemas/records/drill.js';
import { mintToken } from '../auth/tokens.js';
import { tracesRequest } from '../report/otlp-json.js';
import { jsonHeaders, startGateway, type TestGateway } from '../testing/gateway.js';

const HOUR = 3_600_000;
const NOW = Date.now();
const seat = (letter: string): string => letter.repeat(32);
const drill = (over: Partial<DrillRecord>, hoursAgo: number): DrillRecord => ({
  seat: seat('a'),
  client: 'claude-code',
  version: '2.1.332',
  repository: 'acme/app',
  timestamp: new Date(NOW - hoursAgo * HOUR).toISOString(),
  durationMs: 1_000,
  result: 'proved',
  ...over,
});

let gateway: TestGateway;
let bound: { token: string; id: string };

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const { postgres } = gateway;
  bound = await mintToken(postgres, {
    orgId: 'org_a',
    name: 'app',
    scopes: ['ingest:otlp', 'read'],
    repository: 'acme/app',
  });
});

afterAll(() => gateway.close());

async function send(records: readonly DrillRecord[], token = gateway.ingestToken): Promise<number> {
  for (const record of records) {
    const payload = tracesRequest(record.repository, [{ ...drillSpan(record) }]);
    const answer = await gateway.app.inject({
      method: 'POST',
      url: '/v1/traces',
      headers: jsonHeaders(token),
      payload,
    });
    expect(answer.statusCode, answer.body).toBe(200);
  }
  return records.length;
}

async function list(query = '', token = gateway.readToken): Promise<ReturnType<typeof drillList.parse>> {
  const answer = await gateway.app.inject({
    url: `/v1/drills${query}`,
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.statusCode, answer.body).toBe(200);
  return drillList.parse(answer.json());
}

/** Content of every table that holds rows of organisations, except drills themselves and landing. */
async function everythingElse(): Promise<Record<string, string>> {
  const tables = await selectRows<{ table_name: string }>(
    gateway.store.client,
    `SELECT DISTINCT table AS table_name FROM system.columns WHERE database = currentDatabase() AND name = 'org_id'
     AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
     AND table != 'drill_event_v1' ORDER BY table_name`,
  );
  expect(tables.length).toBeGreaterThan(30);
  const content: Record<string, string> = {};
  for (const { table_name: name } of tables) {
    const [row] = await selectRows<{ content: string }>(
      gateway.store.client,
      `SELECT concat(toString(count()), ' ', toString(sum(cityHash64(*)))) AS content FROM ${name}`,
    );
    content[name] = row?.content ?? '';
  }
  return content;
}

describe('drills', () => {
  it('are listed by seat, repository and agent with the newest result, and change no other fact, series or register', async () => {
    const before = await everythingElse();
    await send([
      drill({}, 1),
      drill({ result: 'failed_open' }, 5),
      drill({ seat: seat('b') }, 30),
      drill({ seat: seat('c') }, 3),
      drill({ seat: seat('c'), result: 'hook_failed' }, 2),
      drill({ client: 'codex', version: undefined, repository: '' }, 4),
    ]);
    const { seats, nextCursor } = await list();
    expect(nextCursor).toBeNull();
    expect(
      seats.map((row) => [row.repository, row.seat[0], row.client, row.clientVersion, row.state, row.lastResult]),
    ).toEqual([
      [null, 'a', 'codex', null, 'proved', 'proved'],
      ['acme/app', 'a', 'claude-code', '2.1.332', 'proved', 'proved'],
      ['acme/app', 'b', 'claude-code', '2.1.332', 'overdue', 'proved'],
      ['acme/app', 'c', 'claude-code', '2.1.332', 'failed', 'hook_failed'],
    ]);
    expect(seats[3]?.lastProofAt).toBe(new Date(NOW - 3 * HOUR).toISOString());
    expect(await everythingElse()).toEqual(before);
  });

  it('are counted once however often they are sent', async () => {
    const count = (): Promise<unknown> =>
      selectRows(gateway.store.client, 'SELECT count() AS n FROM drill_event WHERE org_id = {org:String}', {
        org: 'org_a',
      });
    const before = await count();
    await send([drill({}, 1), drill({}, 1)]);
    expect(await count()).toEqual(before);
  });

  it('are paged and filtered, and shown to no other organisation', async () => {
    const first = await list('?limit=3');
    const rest = await list(`?limit=3&cursor=${first.nextCursor ?? ''}`);
    expect([...first.seats, ...rest.seats]).toEqual((await list()).seats);
    expect((await list('?state=failed')).seats.map((row) => row.seat[0])).toEqual(['c']);
    expect((await list('', gateway.otherToken)).seats).toEqual([]);
    expect((await list('', bound.token)).seats.map((row) => row.repository)).toEqual([
      'acme/app',
      'acme/app',
      'acme/app',
    ]);
  });

  it('with an unknown result, agent or seat, or of the future, are quarantined', async () => {
    const wrong = [
      drill({ seat: 'alice@laptop' }, 1),
      drill({ client: 'other' as 'codex' }, 1),
      drill({ result: 'fine' as 'proved' }, 1),
      drill({ seat: seat('d') }, -48),
    ];
    await send(wrong);
    expect(
      await selectRows(
        gateway.store.client,
        "SELECT problem FROM quarantine WHERE org_id = 'org_a' AND record = 'drill_event' ORDER BY problem",
      ),
    ).toEqual(
      [
        'client missing or unknown',
        'result missing or unknown',
        'seat missing or malformed',
        'timestamp in the future',
      ].map((problem) => ({ problem })),
    );
    expect((await list()).seats).toHaveLength(4);
  });

  it('that claim a time ahead prove nothing before it has come', async () => {
    await send([drill({ seat: seat('e') }, -2)]);
    expect((await list()).seats).toHaveLength(4);
  });

  it('are not shown before the history of the plan', async () => {
    await send([drill({ seat: seat('f') }, 24 * 100)]);
    expect((await list()).seats).toHaveLength(4);
  });

  it('are restored from landing, and deleted with their token', async () => {
    await gateway.store.client.command({ query: 'TRUNCATE TABLE drill_event_v1' });
    for (const day of await landingDays(gateway.store.client)) await reconcileFacts(gateway.store.client, day);
    expect((await list()).seats).toHaveLength(4);
    await send([drill({ seat: seat('9') }, 1)], bound.token);
    expect((await list()).seats).toHaveLength(5);
    await deleteFacts(gateway.store.client, { orgId: 'org_a', tokenId: bound.id });
    expect((await list()).seats.map((row) => row.seat[0])).toEqual(['a', 'a', 'b', 'c']);
    await deleteFacts(gateway.store.client, { orgId: 'org_a', repo: 'acme/app' });
    expect((await list()).seats.map((row) => row.repository)).toEqual([null]);
  });
});
