import { rollupJobs } from '#rollups/jobs.js';
import { randomOf, sessionFacts, type LedgerFact } from '#rollups/testing/ledger/generate.js';
import { insertFacts, LEDGER_JOBS } from '#rollups/testing/ledger/play.js';
import { createRollupWorker, type RollupWorker } from '#rollups/worker.js';
import { createClickHouse, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import type { BenchPart, BenchReport } from '../figure.js';
import { withFolder } from '../folders.js';
import { alternate, median, medianRatio } from '../measure.js';
import { startMigrated } from '../store/server.js';

export interface JoinSizes {
  /** Sessions of the smaller history; the larger one has ten times as many. */
  readonly sessions: number;
  readonly repeats: number;
}
const SIZES: JoinSizes = { sessions: 1_000, repeats: 25 };
const CALLS_A_SESSION = 20;
const ORG = 'org_join';
const SESSIONS_AN_INSERT = 500;
const DAY_MS = 86_400_000;

/** Fills a store with sessions of the last 20 days and computes their ledger. */
async function fill(client: ClickHouseClient, sessions: number, worker: RollupWorker): Promise<void> {
  const random = randomOf(sessions);
  for (let first = 0; first < sessions; first += SESSIONS_AN_INSERT) {
    const facts: LedgerFact[] = [];
    for (let number = first; number < Math.min(sessions, first + SESSIONS_AN_INSERT); number += 1)
      facts.push(
        ...sessionFacts(
          ORG,
          `s${number}`,
          CALLS_A_SESSION,
          Math.floor(Date.now() - DAY_MS - random() * 20 * DAY_MS),
          random,
        ),
      );
    await insertFacts(client, facts);
    await worker.tick();
  }
  for (const table of [
    'session_event_v1',
    'session_hour_v1',
    'tool_call_outcome_v1',
    'agent_session_v1',
    'tool_call_outcomes_v1',
  ])
    await client.command({ query: `OPTIMIZE TABLE ${table} FINAL` });
}

/** Adds one late result to a session and runs a pass of the ledger's jobs; resolves with the time of the pass in ms. */
async function oneEvent(client: ClickHouseClient, worker: RollupWorker, number: number): Promise<number> {
  await insertFacts(client, [
    {
      table: 'agent_event_v1',
      row: {
        org_id: ORG,
        repo: '',
        event_id: `late-${number}`,
        occurred_at: Date.now() - 2 * DAY_MS,
        agent: 'claude-code',
        session_id: 's7',
        trace_id: 's7',
        kind: 'tool_result',
        tool: 'Bash',
        tool_call_id: `call-${number % CALLS_A_SESSION}`,
        success: 'true',
      },
    },
  ]);
  const startedAt = performance.now();
  await worker.tick();
  return performance.now() - startedAt;
}

/** Measures what one new event costs the ledger: at a history ten times as long against once. */
export async function join(report: BenchReport, { sessions, repeats }: JoinSizes): Promise<void> {
  await withFolder(async (dataDir) => {
    const engine = await startMigrated(dataDir);
    await migrateClickHouse({ url: engine.url, database: 'bench_tenfold' });
    const once = createClickHouse({ url: engine.url, requestTimeoutMs: 600_000 });
    const tenfold = createClickHouse({ url: engine.url, database: 'bench_tenfold', requestTimeoutMs: 600_000 });
    const jobs = rollupJobs().filter(({ name }) => LEDGER_JOBS.includes(name));
    const workerOf = (clickhouse: ClickHouseClient): RollupWorker =>
      createRollupWorker({ clickhouse, settleMs: 0, jobs });
    const workers = { once: workerOf(once), tenfold: workerOf(tenfold) };
    try {
      await fill(once, sessions, workers.once);
      await fill(tenfold, sessions * 10, workers.tenfold);
      let number = 0;
      const pairs = await alternate(
        repeats,
        () => oneEvent(tenfold, workers.tenfold, number++),
        () => oneEvent(once, workers.once, number++),
      );
      report.figure({
        metric: 'join_10x_history_ratio',
        value: medianRatio(pairs),
        better: 'lower',
        floor: 1.5,
        goal: 1.1,
      });
      report.note(
        `one new event: ${median(pairs.map(({ b }) => b)).toFixed(1)} ms after ${sessions * CALLS_A_SESSION} calls, ${median(pairs.map(({ a }) => a)).toFixed(1)} ms after ten times as many`,
      );
    } finally {
      await once.close();
      await tenfold.close();
      await engine.stop();
    }
  });
}

/** Parts of `npm run bench -- join`. */
export const joinParts: Readonly<Record<string, BenchPart>> = {
  history: (report) => join(report, SIZES),
};
