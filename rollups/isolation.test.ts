import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { failingSeries } from '#schemas/clickhouse/rollup-failure.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import type { Failure } from './failures.js';
import { rollupJobs, type RollupJob } from './jobs.js';
import { landDecisions, landScans } from './testing/landing-rows.js';
import { Crash, failpoints } from './testing/history/failpoints.js';
import { randomOf, sessionFacts } from './testing/ledger/generate.js';
import { insertFacts } from './testing/ledger/play.js';
import { backfillMonth } from './backfill.js';
import { readStatus } from './status.js';
import { createRollupWorker, type WorkerSettings } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const HOUR_MS = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const at = (hours: number): string => new Date(NOW - hours * HOUR_MS).toISOString();
const select = <T>(sql: string): Promise<T[]> => selectRows<T>(db.client, sql);
const command = (query: string): Promise<unknown> => db.client.command({ query });

/** Has the engine refuse rows of a table, as it refuses a broken row or a query over its memory limit. */
const refusals = new Set<string>();
async function refuse(table: string, allowed: string): Promise<void> {
  refusals.add(table);
  await command(`ALTER TABLE ${table} ADD CONSTRAINT refused CHECK ${allowed}`);
}
async function accept(table: string): Promise<void> {
  if (refusals.delete(table)) await command(`ALTER TABLE ${table} DROP CONSTRAINT refused`);
}
afterEach(async () => {
  for (const table of refusals) await accept(table);
  // What a test left open is computed once nothing is refused.
  if ((await failingSeries(db.client)).length > 0) await pass({ ahead: 48 * HOUR_MS });
  expect(await failingSeries(db.client)).toEqual([]);
});

/** One pass of a new worker, for which every mark until now has settled, by a clock that is ahead. */
async function pass({ ahead = 0, ...settings }: Partial<WorkerSettings> & { ahead?: number } = {}): Promise<void> {
  await createRollupWorker({
    clickhouse: db.client,
    settleMs: ahead,
    clock: () => Promise.resolve(Date.now() + ahead),
    ...settings,
  }).tick();
}

const decisions = (orgId: string, hours: readonly number[], repo = 'acme/app'): Promise<void> =>
  landDecisions(
    db.client,
    hours.map((hour) => ({
      orgId,
      repository: repo,
      eventId: `${repo} ${hour}`,
      timestamp: at(hour),
      tool: 'Bash',
      decision: 'block' as const,
    })),
  );
/** Blocked calls by organisation, of the hours, the days, and of a series that nothing stopped. */
const blocked = async (prefix: string): Promise<Record<string, [number, number, number]>> => {
  const rows = await select<{ org: string; hours: number; days: number; other: number }>(
    `SELECT org_id AS org, sum(h) AS hours, sum(d) AS days, sum(o) AS other FROM (
       SELECT org_id, sum(b.blocked) AS h, 0 AS d, 0 AS o FROM blocked_command_rate_hour AS b GROUP BY org_id
       UNION ALL SELECT org_id, 0, sum(b.blocked), 0 FROM blocked_command_rate_day AS b GROUP BY org_id
       UNION ALL SELECT org_id, 0, 0, sum(c.events) FROM coverage_activity AS c GROUP BY org_id
     ) WHERE startsWith(org_id, '${prefix}') GROUP BY org_id ORDER BY org_id`,
  );
  return Object.fromEntries(rows.map(({ org, hours, days, other }) => [org, [hours, days, other]]));
};

describe('a job that the engine refuses for one organisation', () => {
  const ORGS = Array.from({ length: 9 }, (_, i) => `one-${i}`);

  it('computes all others in the same pass, keeps what it could not compute, and catches up', async () => {
    for (const org of ORGS) await decisions(org, [1, 2, 30]);
    await refuse('blocked_command_rate_v1', "org_id != 'one-4'");
    const failed: Failure[] = [];
    const now = Date.now();
    const clock = (): Promise<number> => Promise.resolve(now);
    await pass({ clock, onFailed: (failures) => failed.push(...failures) });
    expect(await blocked('one-')).toEqual(
      Object.fromEntries(ORGS.map((org) => [org, org === 'one-4' ? [0, 0, 3] : [3, 3, 3]])),
    );
    expect(new Set(failed.map(({ series, orgId, reason }) => `${series} ${orgId} ${reason}`))).toEqual(
      new Set(['blocked_command_rate one-4 VIOLATED_CONSTRAINT']),
    );
    const [rate, days, ...rest] = await failingSeries(db.client);
    expect(rest).toEqual([]);
    expect(rate).toMatchObject({
      series: 'blocked_command_rate',
      failed: 3,
      waiting: 0,
      organisations: 1,
      reasons: ['VIOLATED_CONSTRAINT'],
    });
    expect(days).toMatchObject({ series: 'blocked_command_rate_day', failed: 0, waiting: 2, reasons: [] });
    const status = await readStatus(db.client);
    expect(status.filter(({ failing }) => failing !== undefined).map(({ series }) => series)).toEqual([
      'blocked_command_rate',
      'blocked_command_rate_day',
    ]);
    // The watermark goes on: only the record leads to these buckets.
    await command('TRUNCATE TABLE dirty_hour_v1');
    // Not yet due, then due in vain, and less often each time.
    await pass({ clock, onFailed: () => expect.unreachable() });
    await pass({ ahead: HOUR_MS });
    expect(await select('SELECT DISTINCT attempts FROM rollup_failure ORDER BY attempts')).toEqual([
      { attempts: 0 },
      { attempts: 2 },
    ]);
    await accept('blocked_command_rate_v1');
    await pass({ ahead: 3 * HOUR_MS });
    expect((await blocked('one-'))['one-4']).toEqual([3, 3, 3]);
    expect(await failingSeries(db.client)).toEqual([]);
    expect(
      await select(
        "SELECT count() > 0 AS is_there FROM rollup_run WHERE cause = 'retry' AND series = 'blocked_command_rate'",
      ),
    ).toEqual([{ is_there: 1 }]);
  });

  it('lets wait only the day of a failed hour', async () => {
    await decisions('day', [1, 30, 60]);
    const hour = `toDateTime('${at(30).slice(0, 19).replace('T', ' ')}', 'UTC')`;
    await refuse('blocked_command_rate_v1', `bucket_start != ${hour} OR org_id != 'day'`);
    await pass();
    expect(await blocked('day')).toEqual({ day: [2, 2, 3] });
    // A later fact of the failed hour changes nothing until it can be computed; one of another day is computed.
    await decisions('day', [30, 2], 'acme/other');
    await pass();
    expect(await blocked('day')).toEqual({ day: [3, 3, 5] });
    await accept('blocked_command_rate_v1');
    await pass({ ahead: HOUR_MS });
    expect(await blocked('day')).toEqual({ day: [5, 5, 5] });
  });

  it('loses nothing when it crashes at any of its calls', async () => {
    await refuse('blocked_command_rate_v1', "NOT startsWith(org_id, 'crash')");
    const jobs = rollupJobs().filter(({ series }) => series === 'blocked_command_rate');
    const orgs: string[] = [];
    for (let call = 3; call <= 21; call += 2) {
      orgs.push(`crash-${call}`);
      await decisions(`crash-${call}`, [200]);
      const points = failpoints(db.client);
      points.crashAt(call, call % 4 === 1);
      await pass({ clickhouse: points.client, jobs }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
    }
    await accept('blocked_command_rate_v1');
    await pass({ ahead: HOUR_MS });
    expect(await blocked('crash')).toEqual(Object.fromEntries(orgs.map((org) => [org, [1, 1, 1]])));
  });

  it('holds back what reads the repository’s series, and no other repository', async () => {
    const scan = (repo: string, hour: number, score: number) => ({
      orgId: 'reads',
      repository: repo,
      eventId: `${repo} ${hour}`,
      generatedAt: at(hour),
      score,
      findings: { critical: 0, high: 0, medium: 0, low: 0, info: 0 },
    });
    await refuse('scan_posture_v1', "repo != 'acme/broken'");
    await landScans(db.client, [scan('acme/broken', 5, 90), scan('acme/sound', 5, 80), scan('acme/sound', 3, 60)]);
    await pass();
    const shown = () => select("SELECT repo, score FROM posture_interval WHERE org_id = 'reads' ORDER BY ALL");
    const repos = () => select("SELECT repos FROM cross_repo_org_rollup WHERE org_id = 'reads'");
    expect(new Set(((await shown()) as { repo: string }[]).map(({ repo }) => repo))).toEqual(new Set(['acme/sound']));
    expect(await repos()).toEqual([{ repos: 1 }]);
    expect(
      (await failingSeries(db.client)).map(({ series, failed, waiting }) => [series, failed, waiting]),
    ).toContainEqual(['posture_interval', 0, 1]);
    await accept('scan_posture_v1');
    await pass({ ahead: HOUR_MS });
    expect(await repos()).toEqual([{ repos: 2 }]);
  });

  it('splits no further than its bound, and still computes the other organisations', async () => {
    const hours = Array.from({ length: 100 }, (_, i) => i + 1);
    for (const org of ['many-a', 'many-b', 'many-c']) await decisions(org, hours);
    await refuse('blocked_command_rate_v1', "org_id != 'many-b'");
    let statements = 0;
    const counting = new Proxy(db.client, {
      get: (target, name) =>
        name === 'command'
          ? (params: { query: string }) => {
              if (params.query.includes('INTO blocked_command_rate_v1')) statements += 1;
              return target.command(params);
            }
          : (Reflect.get(target, name) as unknown),
    });
    await pass({ clickhouse: counting });
    expect(await blocked('many-')).toEqual({
      'many-a': [100, 100, 100],
      'many-b': [0, 0, 100],
      'many-c': [100, 100, 100],
    });
    expect(statements).toBeLessThan(80);
    expect((await failingSeries(db.client))[0]).toMatchObject({ failed: 100 });
  });
});

describe('a session that the engine refuses', () => {
  const JOBS = rollupJobs().filter(({ scope }) => scope === 'session');

  /** Has the ledger refuse one session of three, and tells what stands in the series meanwhile and afterwards. */
  async function play(org: string, jobs: readonly RollupJob[]): Promise<unknown[]> {
    const facts = (session: string) => sessionFacts(org, session, 5, NOW - 48 * HOUR_MS, randomOf(7));
    await insertFacts(db.client, [...facts('sound'), ...facts('broken'), ...facts('whole')]);
    const shown = async (): Promise<unknown[]> =>
      select(
        `WITH (SELECT count() FROM tool_call_outcome WHERE org_id = '${org}') AS calls
         SELECT (SELECT arraySort(groupUniqArray(session_id)) FROM tool_call_outcome WHERE org_id = '${org}') AS joined,
          (SELECT arraySort(groupArray(session_id)) FROM agent_session WHERE org_id = '${org}') AS sessions,
          calls = (SELECT sum(s.calls) FROM tool_call_outcomes_hour AS s WHERE org_id = '${org}') AS is_counted_by_hour,
          calls = (SELECT sum(s.calls) FROM tool_call_outcomes_day AS s WHERE org_id = '${org}') AS is_counted_by_day`,
      );
    await refuse('tool_call_outcome_v1', "session_id != 'broken'");
    await pass({ jobs });
    const meanwhile = await shown();
    await accept('tool_call_outcome_v1');
    await pass({ jobs, ahead: HOUR_MS });
    return [...meanwhile, ...(await shown())];
  }
  const expected = [
    ['sound', 'whole'],
    ['broken', 'sound', 'whole'],
  ].map((sessions) => ({ joined: sessions, sessions, is_counted_by_hour: 1, is_counted_by_day: 1 }));

  it('is the only one that the ledger lacks, in the series too', async () => {
    expect(await play('ledger', JOBS)).toEqual(expected);
  });

  it.each(JOBS.filter(({ reads }) => reads.length > 0).map(({ name }) => name))(
    'would be wrong in %s afterwards, did that not wait for what it reads',
    async (name) => {
      const jobs = JOBS.map((job) => (job.name === name ? { ...job, reads: [] } : job));
      expect(await play(`hasty-${name}`, jobs)).not.toEqual(expected);
    },
  );
});

describe('a backfill', () => {
  it('reports what the engine refused, computes the rest, and leaves it to the worker', async () => {
    await decisions('fill-a', [1]);
    await decisions('fill-b', [1]);
    await pass();
    await command("DELETE FROM blocked_command_rate_v1 WHERE startsWith(org_id, 'fill-')");
    await refuse('blocked_command_rate_v1', "org_id != 'fill-a'");
    const job = rollupJobs().find(({ name }) => name === 'blocked_command_rate');
    if (job === undefined) throw new Error('no job');
    const { failed } = await backfillMonth(db.client, job, `${at(1).slice(0, 7)}-01`);
    expect(failed).toBe(1);
    const hours = async () => Object.values(await blocked('fill-')).map(([hour]) => hour);
    expect(await hours()).toEqual([0, 1]);
    await accept('blocked_command_rate_v1');
    await pass({ ahead: HOUR_MS });
    expect(await hours()).toEqual([1, 1]);
  });
});
