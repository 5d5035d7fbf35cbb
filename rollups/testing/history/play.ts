import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { createRollupWorker, type RollupWorker, type WorkerSettings } from '../../worker.js';
import { Crash, failpoints, type Failpoints } from './failpoints.js';
import { factRows, orgOf, type FactRow } from './facts.js';
import type { History, Step, Turn } from './generate.js';

export interface PlaySettings {
  /** A migrated store, prepared by {@link prepareStage}. */
  clickhouse: ClickHouseClient;
  /** Prefix of the organisations' names. */
  name: string;
  histories: readonly History[];
  turns: readonly Turn[];
  /**
   * Time of the newest event and start of the run's clock, in ms since the epoch; within the 30 days for which marks
   * are kept.
   */
  newest: number;
  /** Changes to the workers, for mutants. For the named jobs only the facts arrive. */
  worker?: Partial<Pick<WorkerSettings, 'jobs' | 'settleMs'>>;
}

export interface Played {
  /** Passes that crashed at a call to the store. */
  crashes: number;
  passes: number;
  pauses: number;
  /** Buckets that were open as failed or waiting at the end of the rounds that refuse some. */
  refused: number;
  /** The run's clock at the end, in ms since the epoch. */
  endedAt: number;
}

/**
 * Drops the views that make marks: the run makes them itself, at the times of its own clock and separately from their
 * facts.
 */
export async function prepareStage(clickhouse: ClickHouseClient): Promise<void> {
  for (const fact of FACTS) {
    await clickhouse.command({ query: `DROP TABLE dirty_hour_${fact}_mv_v1` });
  }
  // The ledger has histories of its own (testing/ledger): here it gets no events.
  for (const fact of ['runtime_event', 'agent_event'])
    await clickhouse.command({ query: `DROP TABLE session_event_${fact}_mv_v1` });
}

/** Removes what earlier runs left: their marks would be processed again, and their clock may have been ahead. */
async function clearStage(clickhouse: ClickHouseClient): Promise<void> {
  const tables = await selectRows<{ name: string }>(
    clickhouse,
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND total_rows > 0 AND name NOT IN ('schema_migration', 'rollup_formula_v1')`,
  );
  await Promise.all(tables.map(({ name }) => clickhouse.command({ query: `TRUNCATE TABLE ${name}` })));
}

const DAY_MS = 86_400_000;

/**
 * Returns the time of a run with this seed, in ms since the epoch: one to three weeks ago, since marks are kept for 30
 * days. Weekday, hour and minute depend on the seed alone, and therefore the boundaries of buckets.
 */
export function clockOf(seed: number): number {
  const monday = Math.floor((Date.now() / DAY_MS + 3) / 7) * 7 - 3;
  return (monday - 14) * DAY_MS + ((seed * 7_919_000) % (7 * DAY_MS));
}

/** All marks have settled by then, and what failed is due again: longer than the workers' overlap and than any wait. */
const LONG_SECONDS = 4_000;

/**
 * Runs many histories at once in one store, so that thousands are affordable: each has its own organisations, and all
 * share the rounds, the two workers, their crashes and their pauses. At the end the clock advances until every mark has
 * settled, and the workers run once more.
 */
export async function run(settings: PlaySettings): Promise<Played> {
  const { clickhouse, name, histories } = settings;
  await clearStage(clickhouse);
  const jobs = settings.worker?.jobs;
  const kinds = FACTS.filter(
    (fact) => jobs === undefined || jobs.some(({ facts: read }) => read.some((one) => one === fact)),
  );
  const played: Played = { crashes: 0, passes: 0, pauses: 0, refused: 0, endedAt: settings.newest };
  const newWorker = (): Seat => {
    const points = failpoints(clickhouse);
    const worker = createRollupWorker({
      settleMs: 60_000,
      ...settings.worker,
      clickhouse: points.client,
      clock: () => Promise.resolve(played.endedAt),
    });
    return { points, worker };
  };
  const seats = { one: newWorker(), two: newWorker() };
  let refused: string | undefined;
  let asleep: { wake: () => void; pass: Promise<void> } | undefined;

  async function pass(seat: 'one' | 'two'): Promise<void> {
    played.passes += 1;
    try {
      await seats[seat].worker.tick();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      played.crashes += 1;
      // A restarted worker is a new process without memory.
      seats[seat] = newWorker();
    }
  }
  /** A constraint makes the engine refuse some rows; a worker cannot tell it from another reason. */
  async function refuse(series: string): Promise<void> {
    refused = `${series}_v1`;
    await clickhouse.command({
      query: `ALTER TABLE ${refused} ADD CONSTRAINT refused CHECK cityHash64(org_id) % 3 != 0`,
    });
  }
  async function accept(): Promise<void> {
    if (refused === undefined) return;
    const found = await selectRows<{ n: number }>(clickhouse, 'SELECT count() AS n FROM rollup_failure');
    played.refused += found[0]?.n ?? 0;
    await clickhouse.command({ query: `ALTER TABLE ${refused} DROP CONSTRAINT refused` });
    refused = undefined;
  }
  async function wakeUp(): Promise<void> {
    asleep?.wake();
    await asleep?.pass;
    asleep = undefined;
  }

  for (const [number, turn] of settings.turns.entries()) {
    const steps = histories.map((history) => history.steps[number]).filter((step): step is Step => step !== undefined);
    const rows = steps
      .flatMap(({ arrivals }, index) => {
        const history = histories[index];
        return history === undefined
          ? []
          : arrivals.flatMap((arrival) => factRows(history, name, index, arrival, settings.newest));
      })
      .filter(({ fact }) => kinds.includes(fact));
    const marks = (): Promise<void> => insertMarks(clickhouse, rows, played.endedAt);
    const facts = (): Promise<void> => insertFacts(clickhouse, rows);
    const [first, second] = turn.order === 'marks first' ? [marks, facts] : [facts, marks];
    const markedAt = played.endedAt;
    await first();
    if (turn.order === 'together') await second();

    if (turn.pass !== 'none' && turn.pass !== 'two' && asleep !== undefined) await wakeUp();
    await accept();
    if (turn.refuses !== undefined) await refuse(turn.refuses);
    seats.one.points.clear();
    seats.two.points.clear();
    if (turn.pass === 'pause') {
      played.pauses += 1;
      const wake = seats.one.points.pauseAt(turn.crash.call);
      asleep = { wake, pass: pass('one') };
      await pass('two');
    } else if (turn.pass !== 'none') {
      seats[turn.pass === 'two' ? 'two' : 'one'].points.crashAt(turn.crash.call, turn.crash.isAfter);
      await Promise.all([...(turn.pass === 'two' ? [] : [pass('one')]), ...(turn.pass === 'one' ? [] : [pass('two')])]);
    }

    // The other half of the INSERT, at most half a minute later and with the mark's own time.
    if (turn.order !== 'together') {
      played.endedAt += Math.min(turn.seconds, 29) * 1_000;
      if (turn.order === 'marks first') await facts();
      else await insertMarks(clickhouse, rows, markedAt);
    }
    if (turn.deletes) await deleteFacts(clickhouse, kinds, name, histories, played.endedAt);
    played.endedAt += turn.seconds * 1_000;
  }
  await wakeUp();
  await accept();
  for (const seat of ['one', 'two'] as const) seats[seat].points.clear();
  played.endedAt += LONG_SECONDS * 1_000;
  await pass('one');
  return played;
}

interface Seat {
  points: Failpoints;
  worker: RollupWorker;
}

async function insertFacts(clickhouse: ClickHouseClient, rows: readonly FactRow[]): Promise<void> {
  const tables = new Map<string, FactRow['row'][]>();
  for (const { fact, row } of rows) tables.set(fact, [...(tables.get(fact) ?? []), row]);
  await Promise.all(
    [...tables].map(([fact, values]) => clickhouse.insert({ table: `${fact}_v1`, values, format: 'JSONEachRow' })),
  );
}

const HOUR_MS = 3_600_000;

async function insertMarks(clickhouse: ClickHouseClient, rows: readonly FactRow[], markedAt: number): Promise<void> {
  const marks = new Map<string, Record<string, unknown>>();
  for (const { fact, row } of rows) {
    const bucket_start = Math.floor(row.occurred_at / HOUR_MS) * 3_600;
    marks.set(`${fact} ${row.org_id} ${row.repo} ${bucket_start}`, {
      fact,
      org_id: row.org_id,
      repo: row.repo,
      bucket_start,
      marked_at: markedAt,
    });
  }
  if (marks.size > 0)
    await clickhouse.insert({ table: 'dirty_hour_v1', values: [...marks.values()], format: 'JSONEachRow' });
}

const FACTS = [
  'scan',
  'finding',
  'runtime_event',
  'drift_event',
  'agent_event',
  'masking_event',
  'control_event',
] as const;

/** Deletes and marks what the histories delete, in one statement per table. */
async function deleteFacts(
  clickhouse: ClickHouseClient,
  kinds: readonly FactRow['fact'][],
  name: string,
  histories: readonly History[],
  markedAt: number,
): Promise<void> {
  const all: string[] = [];
  const fifth: string[] = [];
  for (const [index, { deletion }] of histories.entries()) {
    if (deletion !== undefined)
      (deletion.part === 'all' ? all : fifth).push(`${orgOf(name, index, deletion.org)} ${deletion.repo}`);
  }
  if (all.length + fifth.length === 0) return;
  const params = { all, fifth };
  const where = `startsWith(org_id, '${name}') AND (concat(org_id, ' ', repo) IN {all:Array(String)}
    OR (concat(org_id, ' ', repo) IN {fifth:Array(String)} AND cityHash64(splitByChar('/', event_id)[1]) % 5 = 0))`;
  await Promise.all(
    kinds.map(async (fact) => {
      await clickhouse.command({
        query: `INSERT INTO dirty_hour_v1 SELECT DISTINCT '${fact}', org_id, repo, toStartOfHour(occurred_at), fromUnixTimestamp64Milli({markedAt:Int64}, 'UTC')
        FROM ${fact}_v1 WHERE ${where}`,
        query_params: { ...params, markedAt },
      });
      if (fact === 'runtime_event') await forgetJudgements(clickhouse, where, { ...params, markedAt });
      await clickhouse.command({ query: `DELETE FROM ${fact}_v1 WHERE ${where}`, query_params: params });
    }),
  );
}

/**
 * Marks every hour of the calls that lose a judgement, and removes it from the order by calls, as a deletion of facts
 * does.
 */
async function forgetJudgements(
  clickhouse: ClickHouseClient,
  where: string,
  params: Record<string, unknown>,
): Promise<void> {
  await clickhouse.command({
    query: `INSERT INTO dirty_hour_v1 SELECT DISTINCT 'runtime_event', org_id, repo, toStartOfHour(occurred_at), fromUnixTimestamp64Milli({markedAt:Int64}, 'UTC')
      FROM runtime_event_v1 WHERE (org_id, repo, session_id, tool_call_id) IN (SELECT org_id, repo, session_id, tool_call_id FROM runtime_event_v1 WHERE tool_call_id != '' AND ${where})`,
    query_params: params,
  });
  await clickhouse.command({ query: `DELETE FROM call_judgement_v1 WHERE ${where}`, query_params: params });
}
