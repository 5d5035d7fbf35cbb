import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { withKeys, type BucketKey } from './bucket-key.js';
import { rollupJobs, type RollupJob } from './jobs.js';
import { Pass, recompute } from './recompute.js';
import { SESSION_LIMITS } from './session-size.js';
import { randomOf, sessionFacts, type LedgerFact } from './testing/ledger/generate.js';
import { differingCalls, ledgerCalls, naiveCalls, type Call } from './testing/ledger/oracle.js';
import { differingBuckets, differingSessions, differingUsage, insertFacts, playLedger } from './testing/ledger/play.js';
import { createRollupWorker } from './worker.js';

/** A new seed each day, equal on all machines. */
const SEED = Math.floor(Date.now() / 86_400_000);
const MINUTES = 60_000;

const job = (name: string): RollupJob => {
  const found = rollupJobs().find((one) => one.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const ledger = job('tool_call_outcome');

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

function changed(from: string, to: string): RollupJob {
  const sql = ledger.sql.replaceAll(from, to);
  if (sql === ledger.sql) throw new Error('the mutant changes nothing');
  return { ...ledger, sql };
}

/** Changes to the ledger's statement that the naive reading must notice. */
const MUTANTS: Readonly<Record<string, RollupJob>> = {
  'of the judgements the earliest counts, strict or not': changed(
    '[3, 2, 1], 0), occurred_at',
    '[1, 1, 1], 0), occurred_at',
  ),
  'a judgement after the decision is in time': changed("'late', 'in_time')", "'in_time', 'in_time')"),
  'a denied call stays presumed': changed('moved_at > judge.at', 'false'),
  'the response that asked for the call counts as progress': changed('OVER session)[2]', 'OVER session)[1]'),
  'calls without an id are not joined by order': changed(
    "kind = 'judgement' AND tool_call_id = '', 'judgement',",
    "kind = 'judgement' AND tool_call_id = '', event_id,",
  ),
  'hook runs are joined without regard to turns': changed(
    'session_id, turn, batch, hook_tool',
    'session_id, batch, hook_tool',
  ),
  'parallel calls without an id are joined without regard to their batch': changed(
    'turn_number, batch_number, ',
    'turn_number, ',
  ),
  'what the telemetry claims wins over the hook': changed(
    "multiIf(judgements > 0, judge.repo, hook_repo != '', hook_repo, claim) AS repo",
    "if(claim != '', claim, judge.repo) AS repo",
  ),
  'calls without a judgement get no repository of their session': changed(
    "hook_repo != '', hook_repo, claim) AS repo",
    'claim) AS repo',
  ),
};

describe('the ledger of tool calls', () => {
  let naive: Call[];

  it(
    'equals a naive reading of all facts after 10,000 calls of repeated, late, reordered, missing and deleted halves, and crashes',
    async () => {
      const played = await playLedger({ clickhouse: db.client, calls: 10_000, seed: SEED });
      process.stdout.write(`${played.calls} calls, ${played.crashes} crashes: ${JSON.stringify(played.outcomes)}\n`);
      naive = played.naive;
      expect(played.differences).toEqual({ count: 0, some: [] });
      expect(played.calls).toBeGreaterThan(8_000);
      expect(Object.keys(played.outcomes)).toHaveLength(9);
    },
    5 * MINUTES,
  );

  it('is counted by its series, hour by hour and day by day, and by its sessions', async () => {
    expect(await differingBuckets(db.client, 'hour')).toEqual([]);
    expect(await differingBuckets(db.client, 'day')).toEqual([]);
    expect(await differingSessions(db.client)).toEqual([]);
    expect(await differingUsage(db.client)).toEqual([]);
    const [used] = await selectRows<Record<string, number>>(
      db.client,
      `SELECT (SELECT sum(u.model_calls) FROM agent_usage_hour AS u) AS hours, (SELECT sum(u.model_calls) FROM agent_usage_org_week AS u) AS weeks,
        (SELECT sum(u.errors) FROM agent_usage_day AS u) AS errors, (SELECT sum(s.errors) FROM agent_session AS s) AS failed`,
    );
    expect(used?.['hours']).toBeGreaterThan(1_000);
    expect([used?.['weeks'], used?.['errors']]).toEqual([used?.['hours'], used?.['failed']]);
    const [row] = await selectRows<Record<string, number>>(
      db.client,
      `SELECT (SELECT sum(s.calls) FROM tool_call_outcomes_week AS s) AS week, (SELECT sum(s.calls) FROM tool_call_outcomes_org_day AS s) AS day,
        (SELECT count() FROM tool_call_outcome) AS calls, (SELECT sum(s.ran) FROM judged_share_org_hour AS s) AS ran,
        (SELECT sum(s.judged) + sum(arraySum(mapValues(s.causes))) FROM judged_share_day AS s) AS explained`,
    );
    expect([row?.['week'], row?.['day']]).toEqual([row?.['calls'], row?.['calls']]);
    expect(row?.['explained']).toBe(row?.['ran']);
  });

  it(
    'differs from the naive reading under each change of its rules',
    async () => {
      const keys = await selectRows<BucketKey>(
        db.client,
        'SELECT DISTINCT org_id AS orgId, session_id AS repo, 0 AS bucketStart FROM session_event_v1 ORDER BY repo LIMIT 80',
      );
      const sessions = new Set(keys.map(({ repo }) => repo));
      const wanted = naive.filter(({ session }) => sessions.has(session));
      const unnoticed: string[] = [];
      for (const [number, [name, mutant]] of [
        ['the statement itself', ledger] as const,
        ...Object.entries(MUTANTS),
      ].entries()) {
        const formula = number + 100;
        await recompute(db.client, { ...mutant, formula }, { marked: keys }, await Pass.begin(db.client));
        const { count } = differingCalls(await ledgerCalls(db.client, formula), wanted);
        if (count === 0) unnoticed.push(name);
      }
      expect(unnoticed).toEqual(['the statement itself']);
    },
    3 * MINUTES,
  );
});

describe('calls of the same time', () => {
  let other: TestDatabase;
  beforeAll(async () => {
    other = await freshDatabase(inject('clickhouseUrl'));
  });
  afterAll(() => other.drop());

  it('of which one has no id are joined with hook runs as in the naive reading', async () => {
    const at = Date.now() - 3_600_000;
    const event = (id: string, ms: number, row: Record<string, string | number>): LedgerFact => ({
      table: 'agent_event_v1',
      row: {
        org_id: 'o',
        event_id: id,
        occurred_at: at + ms,
        agent: 'claude-code',
        session_id: 's',
        tool: 'Bash',
        ...row,
      },
    });
    const hook = { kind: 'hook_run', hook_event: 'PreToolUse' };
    const result = { kind: 'tool_result', success: 'true' };
    await insertFacts(other.client, [
      event('h1', 0, { ...hook, hooks_failed: 1 }),
      event('h2', 1, { ...hook, hooks_cancelled: 1 }),
      event('b', 2, { ...result, tool_call_id: 'call-1' }),
      event('a', 2, { ...result, tool_call_id: '[REDACTED]' }),
    ]);
    await createRollupWorker({ clickhouse: other.client, settleMs: 0, jobs: [ledger] }).tick();
    const calls = await ledgerCalls(other.client);
    expect(calls.map(({ events, cause }) => [...events, cause]).sort()).toEqual([
      ['a', 'hook_failed'],
      ['b', 'timeout'],
    ]);
    expect(differingCalls(calls, await naiveCalls(other.client))).toEqual({ count: 0, some: [] });
  });
});

describe('the cost of one new event', () => {
  let other: TestDatabase;
  beforeAll(async () => {
    other = await freshDatabase(inject('clickhouseUrl'));
  });
  afterAll(() => other.drop());

  it('in rows read does not depend on the history of other sessions', async () => {
    const key = { orgId: 'org_cost', repo: 'changed', bucketStart: 0 };
    const from = Date.now() - 5 * 86_400_000;
    const read = async (): Promise<number> => {
      const answer = await other.client.query({
        query: withKeys(ledger.sql.slice(ledger.sql.indexOf('\nSELECT') + 1), [key]),
        query_params: { version: 1, formula: 0 },
        format: 'JSON',
      });
      return (await answer.json()).statistics?.rows_read ?? Number.NaN;
    };
    const history = async (first: number, last: number): Promise<void> => {
      const random = randomOf(SEED + first);
      const facts = Array.from({ length: last - first }, (_, nth) =>
        sessionFacts('org_cost', `h${first + nth}`, 20, from, random),
      );
      await insertFacts(other.client, facts.flat());
    };
    await history(0, 20);
    await insertFacts(other.client, sessionFacts('org_cost', 'changed', 20, from, randomOf(SEED)));
    await optimize(other);
    const once = await read();
    await history(20, 200);
    await optimize(other);
    const tenfold = await read();
    // A look-up reads whole granules of 256 rows, of which the session touches one more or fewer.
    expect(tenfold).toBeLessThanOrEqual(once + 4 * 256);
    expect(once).toBeGreaterThan(0);
  });

  it('is the recomputation of its session alone', async () => {
    const facts = (name: string): ReturnType<typeof sessionFacts> =>
      sessionFacts('org_cost', name, 3, Date.now() - 86_400_000, randomOf(3));
    const worker = createRollupWorker({ clickhouse: other.client, settleMs: 0, jobs: [ledger] });
    await worker.tick();
    await insertFacts(other.client, [...facts('s1'), ...facts('s2')]);
    expect(await worker.tick()).toEqual({ tool_call_outcome: 2 });
    await insertFacts(other.client, facts('s1').slice(0, 1));
    expect(await worker.tick()).toEqual({ tool_call_outcome: 1 });
    expect(await worker.tick()).toEqual({ tool_call_outcome: 0 });
  });
});

describe('a session that is too large to be joined', () => {
  let other: TestDatabase;
  beforeAll(async () => {
    other = await freshDatabase(inject('clickhouseUrl'));
  });
  afterAll(() => other.drop());

  const jobs = rollupJobs().filter(({ scope }) => scope === 'session');
  /** Inserts results of calls of one session, one a second. */
  const insertCalls = (session: string, first: number, last: number, column = "'acme/a' AS repo"): Promise<unknown> =>
    other.client.command({
      query: `INSERT INTO agent_event_v1 (org_id, repo, event_id, occurred_at, agent, event_name, kind, session_id, tool, tool_call_id, success, ingested_at)
        SELECT 'org_large', ${column}, toString(number), toStartOfHour(now64(3)) - toIntervalHour(400) + toIntervalSecond(number - {first:UInt32}) AS occurred_at,
          'claude-code', 'tool_result', 'tool_result', {session:String}, 'Bash', concat('call-', toString(number)), 'true', now64(3)
        FROM numbers({first:UInt32}, {count:UInt32})`,
      query_params: { session, first, count: last - first },
    });
  const outcomes = (session: string): Promise<unknown[]> =>
    selectRows(
      other.client,
      `SELECT repo, toString(outcome) AS outcome, toString(cause) AS cause, count() AS n FROM tool_call_outcome
       WHERE session_id = {session:String} GROUP BY ALL ORDER BY ALL`,
      { session },
    );

  it('by its events has one unknown call more, keeps what was joined before, and holds up no other session', async () => {
    const worker = createRollupWorker({ clickhouse: other.client, settleMs: 0, jobs });
    await insertCalls('large', 0, 10);
    await worker.tick();
    const before = { repo: 'acme/a', outcome: 'unjudged', cause: 'no_hook', n: 10 };
    expect(await outcomes('large')).toEqual([before]);
    await insertCalls('large', 10, SESSION_LIMITS.events + 1);
    await insertCalls('small', 0, 3);
    await worker.tick();
    expect(await outcomes('large')).toEqual([
      { repo: '', outcome: 'unknown', cause: 'session_too_large', n: 1 },
      before,
    ]);
    expect(await outcomes('small')).toEqual([{ ...before, n: 3 }]);
    expect(await differingBuckets(other.client, 'hour')).toEqual([]);
    expect(await differingBuckets(other.client, 'day')).toEqual([]);
    expect(
      await selectRows(other.client, "SELECT tool_calls, outcomes FROM agent_session WHERE session_id = 'large'"),
    ).toEqual([{ tool_calls: 1, outcomes: { unknown: 1 } }]);
  });

  it('by its places is not joined either', async () => {
    const worker = createRollupWorker({ clickhouse: other.client, settleMs: 0, jobs });
    // 100 repositories in 28 hours.
    await insertCalls('wide', 0, 100_000 / 4, "concat('acme/', toString(number % 300)) AS repo");
    await worker.tick();
    expect(await outcomes('wide')).toEqual([{ repo: '', outcome: 'unknown', cause: 'session_too_large', n: 1 }]);
  });

  it('waits a millisecond for each of its events before it is joined again', async () => {
    let ahead = 0;
    const clock = async (): Promise<number> => {
      const [row] = await selectRows<{ ms: string }>(
        other.client,
        'SELECT toString(toUnixTimestamp64Milli(now64(3))) AS ms',
      );
      return Number(row?.ms) + ahead;
    };
    const worker = createRollupWorker({ clickhouse: other.client, jobs: [ledger], clock });
    await insertCalls('growing', 0, 30_000);
    await worker.tick();
    await insertCalls('growing', 30_000, 30_001);
    ahead = 10_000;
    expect(await worker.tick()).toEqual({ tool_call_outcome: 0 });
    ahead = 31_000;
    expect(await worker.tick()).toEqual({ tool_call_outcome: 1 });
    expect(await outcomes('growing')).toEqual([{ repo: 'acme/a', outcome: 'unjudged', cause: 'no_hook', n: 30_001 }]);
    // What became visible late, behind the newest mark, is found when that mark settles.
    ahead = 95_000;
    expect(await worker.tick()).toMatchObject({ tool_call_outcome: expect.any(Number) as number });
  });
});

describe('the US dollars of a session', () => {
  let other: TestDatabase;
  beforeAll(async () => {
    other = await freshDatabase(inject('clickhouseUrl'));
  });
  afterAll(() => other.drop());

  it('are a number, for any number that the agent sends', async () => {
    await other.client.command({
      query: `INSERT INTO agent_event_v1 (org_id, repo, event_id, occurred_at, agent, event_name, kind, session_id, model, cost_usd, ingested_at)
        SELECT 'org_dear', 'acme/a', toString(number), now64(3) - toIntervalHour(3), 'claude-code', 'api_request', 'model_call', 'dear', 'm',
          [nan, inf, -inf, -1e300, 1e300, 0.5][number + 1], now64(3)
        FROM numbers(6)`,
    });
    const jobs = rollupJobs().filter(({ scope }) => scope === 'session');
    await createRollupWorker({ clickhouse: other.client, settleMs: 0, jobs }).tick();
    expect(await selectRows(other.client, 'SELECT session_id, cost_usd FROM agent_session')).toEqual([
      { session_id: 'dear', cost_usd: 0.5 },
    ]);
  });
});

/** Merges all parts, so that rows read are those of the session and not of its duplicates. */
async function optimize({ client }: TestDatabase): Promise<void> {
  for (const table of ['session_event_v1', 'session_hour_v1'])
    await client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
}
