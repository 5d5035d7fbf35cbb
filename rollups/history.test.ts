import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { history, type History, type Turn } from './testing/history/generate.js';
import { playMany } from './testing/history/many.js';
import { differences } from './testing/history/oracle.js';
import { clockOf, run, prepareStage } from './testing/history/play.js';
import { rollupJobs, type RollupJob } from './jobs.js';

/** A new seed each day, equal on all machines. */
const SEED = Math.floor(Date.now() / 86_400_000);
const MINUTES = 60_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
  await prepareStage(db.client);
});
afterAll(() => db.drop());

describe('every series', () => {
  it(
    'equals the naive query after 1,000 random histories of repeats, late data, reordering, crashes, pauses, deletion and two workers',
    async () => {
      const { distribution, failures } = await playMany({
        clickhouse: db.client,
        histories: 1_000,
        perPlay: 250,
        seed: SEED,
      });
      process.stdout.write(`histories (least, median, greatest): ${JSON.stringify(distribution)}\n`);
      expect(failures).toEqual([]);
      expect(distribution.histories).toBe(1_000);
      expect(distribution.events[1]).toBeGreaterThanOrEqual(200);
      expect(distribution.crashes[1]).toBeGreaterThanOrEqual(2);
    },
    15 * MINUTES,
  );
});

/** How a mutant changes the jobs, and the series that must then differ from the oracle. */
interface Mutant {
  change: (job: RollupJob) => RollupJob;
  settleMs?: number;
  series: string;
  /** Jobs that the series needs. */
  jobs: readonly string[];
}

const LIFE = ['scan_posture', 'finding_transition', 'finding_lifecycle'];
const same = (job: RollupJob): RollupJob => job;
const inSql =
  (name: string, from: string | RegExp, to: string) =>
  (job: RollupJob): RollupJob =>
    job.name === name ? { ...job, sql: changed(job.sql, from, to) } : job;
const withoutAffected =
  (name: string, keep = 0) =>
  (job: RollupJob): RollupJob =>
    job.name === name ? { ...job, affected: job.affected.slice(0, keep) } : job;

function changed(sql: string, from: string | RegExp, to: string): string {
  const mutated = sql.replaceAll(from, to);
  if (mutated === sql) throw new Error('the mutant changes nothing');
  return mutated;
}

const RATE = { series: 'blocked_command_rate_hour', jobs: ['blocked_command_rate'] };
const MUTANTS: Readonly<Record<string, Mutant>> = {
  'no overlap: a mark that becomes visible late is never seen': { change: same, settleMs: 0, ...RATE },
  'a call counts as often as it was judged': {
    change: inSql('blocked_command_rate', 'countIf(counts AND ', 'countIf(n = 1 AND '),
    ...RATE,
  },
  'of the judgements of a call the earliest counts, strict or not': {
    change: inSql('blocked_command_rate', '(-toInt8(strictness), ', '(toInt8(0), '),
    ...RATE,
  },
  'a judgement in another hour does not move the call': { change: withoutAffected('blocked_command_rate'), ...RATE },
  'repeats are counted': {
    change: inSql('blocked_command_rate', 'runtime_event_v1 FINAL', 'runtime_event_v1'),
    ...RATE,
  },
  'no version: what is written last wins, and groups that are gone stay': {
    change: inSql('blocked_command_rate', '{version:UInt64}', 'toUInt64(1)'),
    ...RATE,
  },
  'no head: a bucket without facts is not rewritten': {
    change: inSql('blocked_command_rate', 'HAVING is_head OR countIf(counts) > 0', 'HAVING countIf(counts) > 0'),
    ...RATE,
  },
  'late data is left out': {
    change: inSql(
      'blocked_command_rate',
      'AND occurred_at >=',
      'AND occurred_at > now() - toIntervalDay(30) AND occurred_at >=',
    ),
    ...RATE,
  },
  'last is by arrival': {
    change: inSql('score_trend', '(occurred_at, event_id)', 'hash'),
    series: 'score_trend_hour',
    jobs: ['score_trend'],
  },
  'a late scan does not move the next one': {
    change: withoutAffected('finding_transition'),
    series: 'finding_transition',
    jobs: LIFE.slice(0, 2),
  },
  'what changed does not reach the next appearance and the next fix': {
    change: withoutAffected('finding_lifecycle', 1),
    series: 'finding_lifecycle_hour',
    jobs: LIFE,
  },
  'a scan that filters severities fixes what it does not report': {
    change: inSql('finding_transition', 'range(toUInt8(severity_from), 5)', 'range(0, 5)'),
    series: 'finding_transition',
    jobs: LIFE.slice(0, 2),
  },
  'a scan that only counts its findings, or of which some are still on their way, fixes the others': {
    change: inSql('scan_posture', /AND f\.n >= greatest.* AS is_detailed/g, 'AS is_detailed'),
    series: 'open_finding',
    jobs: LIFE.slice(0, 2),
  },
  'a day is not folded again when one of its hours was': {
    change: (job) => (job.grain === 'day' ? { ...job, facts: [] } : job),
    series: 'blocked_command_rate_day',
    jobs: ['blocked_command_rate', 'blocked_command_rate_day'],
  },
  'a day takes hours that were replaced': {
    change: inSql('blocked_command_rate_day', 'version = head_version AND', ''),
    series: 'blocked_command_rate_day',
    jobs: ['blocked_command_rate', 'blocked_command_rate_day'],
  },
  'a day of findings has only the hours that were marked': {
    change: withoutAffected('finding_lifecycle_day'),
    series: 'finding_lifecycle_day',
    jobs: [...LIFE, 'finding_lifecycle_day'],
  },
  'the open findings of a day are those of any hour': {
    change: inSql('finding_lifecycle_day', 'argMax(open, h.bucket_start)', 'max(open)'),
    series: 'finding_lifecycle_day',
    jobs: [...LIFE, 'finding_lifecycle_day'],
  },
  'the posture before does not learn when it ended': {
    change: withoutAffected('posture_interval'),
    series: 'repo_route',
    jobs: ['scan_posture', 'posture_interval'],
  },
  'a late scan moves its own hour of the organisation only': {
    change: (job) =>
      job.name === 'cross_repo_org_rollup'
        ? {
            ...job,
            affected: [
              "SELECT key.1 AS org_id, '' AS repo, toDateTime(key.3, 'UTC') AS bucket_start FROM (SELECT arrayJoin({keys}) AS key)",
            ],
          }
        : job,
    series: 'cross_repo_org_rollup_hour',
    jobs: ['scan_posture', 'posture_interval', 'cross_repo_org_rollup'],
  },
};

/** Rounds that contain everything that a mutant may get wrong. */
const HARD: readonly Turn[] = (
  [
    ['together', 'one'],
    ['marks first', 'both'],
    ['together', 'two'],
    ['facts first', 'one'],
    ['marks first', 'two'],
    ['facts first', 'both'],
  ] as const
).map(([order, pass], number) => ({
  order,
  pass,
  crash: { call: 1_000, isAfter: false },
  deletes: number === 3,
  seconds: 61,
}));

/** Histories of a mutant's first run, in which most mutants show. */
const FIRST = 10;

describe('the oracle catches a job that', () => {
  const seed = 11;
  const histories = fc.sample(history, { numRuns: 200, seed });
  async function differencesOf(
    some: readonly History[],
    only: readonly string[],
    worker: { settleMs?: number; jobs: readonly RollupJob[] },
  ) {
    await run({ clickhouse: db.client, name: 'mutant', histories: some, turns: HARD, newest: clockOf(seed), worker });
    return differences(db.client, 'mutant-', only);
  }

  /**
   * Runs the first histories, then four times as many each time, until some detect the mutant: most do at once, two
   * mutants show in one of twenty. A play costs more than its histories.
   */
  async function isCaught({ change, settleMs = 60_000, series, jobs }: Mutant): Promise<boolean> {
    const mutated = rollupJobs()
      .filter((job) => jobs.includes(job.name))
      .map(change);
    for (let from = 0, count = FIRST; from < histories.length; from += count, count *= 4) {
      const some = histories.slice(from, from + count);
      if ((await differencesOf(some, [series], { settleMs, jobs: mutated })).length > 0) return true;
    }
    return false;
  }

  it.each(Object.entries(MUTANTS))(
    '%s',
    async (_, mutant) => {
      expect(await isCaught(mutant)).toBe(true);
    },
    5 * MINUTES,
  );

  it(
    'reports no difference for the unchanged jobs on the same histories',
    async () => {
      const all = Object.values(MUTANTS);
      const jobs = rollupJobs().filter(({ name }) => all.some((mutant) => mutant.jobs.includes(name)));
      expect(
        await differencesOf(
          histories.slice(0, FIRST),
          all.map(({ series }) => series),
          { jobs },
        ),
      ).toEqual([]);
    },
    10 * MINUTES,
  );

  it(
    'a view that does not look at heads',
    async () => {
      const views = await selectRows<{ sql: string }>(
        db.client,
        `SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = 'blocked_command_rate_hour'`,
      );
      const sql = views[0]?.sql ?? '';
      await db.client.command({
        query: changed(sql.replace('CREATE VIEW', 'CREATE OR REPLACE VIEW'), '(version = head_version) AND', ''),
      });
      expect(await isCaught({ change: same, ...RATE })).toBe(true);
      await db.client.command({ query: sql.replace('CREATE VIEW', 'CREATE OR REPLACE VIEW') });
    },
    5 * MINUTES,
  );
});
