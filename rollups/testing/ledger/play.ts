import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { rollupJobs, type RollupJob } from '../../jobs.js';
import { createRollupWorker } from '../../worker.js';
import { Crash, failpoints } from '../history/failpoints.js';
import { randomOf, sessionFacts, shuffle, type LedgerFact } from './generate.js';
import { differingCalls, ledgerCalls, naiveCalls, type Call } from './oracle.js';

export const LEDGER_JOBS = ['tool_call_outcome', 'agent_session', 'tool_call_outcomes', 'tool_call_outcomes_day'];

export interface LedgerPlay {
  /** A migrated, empty store. */
  clickhouse: ClickHouseClient;
  calls: number;
  seed: number;
  /** Changes a job, for mutants. */
  change?: (job: RollupJob) => RollupJob;
  onBatch?: (batch: number) => void;
}

const CALLS_A_SESSION = 20;
const BATCHES = 3;
const ORG = 'org_ledger';

/** Inserts facts into their tables, in the order given. */
export async function insertFacts(clickhouse: ClickHouseClient, facts: readonly LedgerFact[]): Promise<void> {
  for (const table of ['runtime_event_v1', 'agent_event_v1'] as const) {
    const values = facts.filter((fact) => fact.table === table).map(({ row }) => row);
    if (values.length > 0) await clickhouse.insert({ table, values, format: 'JSONEachRow' });
  }
}

/**
 * Plays random sessions: shuffles their facts over a few batches, of which some arrive twice, runs a worker after each that
 * crashes once in every batch, deletes a repository, and compares the ledger with the naive reading.
 */
export async function playLedger({ clickhouse, calls, seed, change = (job) => job, onBatch }: LedgerPlay): Promise<{
  calls: number;
  crashes: number;
  outcomes: Record<string, number>;
  naive: Call[];
  differences: ReturnType<typeof differingCalls>;
}> {
  const random = randomOf(seed);
  const jobs = rollupJobs()
    .filter(({ name }) => LEDGER_JOBS.includes(name))
    .map(change);
  const newest = Date.now() - 3 * 86_400_000;
  const facts: LedgerFact[] = [];
  for (let session = 0; session * CALLS_A_SESSION < calls; session += 1)
    facts.push(
      ...sessionFacts(ORG, `s${session}`, CALLS_A_SESSION, newest - Math.floor(random() * 10 * 86_400_000), random),
    );
  shuffle(facts, random);
  let crashes = 0;
  const worker = (store: ClickHouseClient): ReturnType<typeof createRollupWorker> =>
    createRollupWorker({ clickhouse: store, settleMs: 0, jobs });
  const size = Math.ceil(facts.length / BATCHES);
  for (let batch = 0; batch < BATCHES; batch += 1) {
    const part = facts.slice(batch * size, (batch + 1) * size);
    await insertFacts(clickhouse, [...part, ...part.slice(0, 50)]);
    if (batch === BATCHES - 2) await deleteFacts(clickhouse, { orgId: ORG, repo: 'acme/b' });
    const points = failpoints(clickhouse);
    points.crashAt(1 + Math.floor(random() * 8), random() < 0.5);
    try {
      await worker(points.client).tick();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashes += 1;
      await worker(clickhouse).tick();
    }
    onBatch?.(batch);
  }
  const ledger = await ledgerCalls(clickhouse);
  const outcomes: Record<string, number> = {};
  for (const { outcome } of ledger) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const naive = await naiveCalls(clickhouse);
  return { calls: ledger.length, crashes, outcomes, naive, differences: differingCalls(ledger, naive) };
}

/** Returns hours or days whose series differ from a count over the ledger. */
export function differingBuckets(
  clickhouse: ClickHouseClient,
  grain: 'hour' | 'day',
): Promise<Record<string, unknown>[]> {
  const start = { hour: 'toStartOfHour', day: 'toStartOfDay' }[grain];
  return selectRows(
    clickhouse,
    `SELECT org_id, repo, bucket_start, sum(n) AS calls, sum(r) AS ran, sum(j) AS judged FROM
     (
        SELECT org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category, toInt64(calls) AS n, toInt64(ran) AS r, toInt64(judged) AS j FROM tool_call_outcomes_${grain}
        UNION ALL
        SELECT org_id, repo, ${start}(toDateTime(occurred_at, 'UTC')), outcome, cause, agent, tool, rule_id, rule_category, -1, -toInt64(has_run), -toInt64(is_judged_in_time) FROM tool_call_outcome
     )
     GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category
     HAVING calls != 0 OR ran != 0 OR judged != 0`,
  );
}

/** Returns sessions whose row differs from a count over their events and their calls. */
export function differingSessions(clickhouse: ClickHouseClient): Promise<Record<string, unknown>[]> {
  return selectRows(
    clickhouse,
    `SELECT org_id, session_id, sum(calls) AS calls, sum(ended) AS ended, sum(tokens) AS tokens, sum(spans) AS spans, sum(agents) AS agents, sum(failed) AS failed, sum(hidden) AS hidden FROM
     (
        SELECT org_id, session_id, toInt64(tool_calls) AS calls, toInt64(arraySum(mapValues(outcomes))) AS ended, toInt64(input_tokens) AS tokens,
            toUnixTimestamp64Milli(last_at) - toUnixTimestamp64Milli(started_at) AS spans,
            toInt64(subagents) AS agents, toInt64(errors) AS failed, toInt64(masked) AS hidden FROM agent_session
        UNION ALL
        SELECT org_id, session_id, -1, -1, 0, 0, 0, 0, 0 FROM tool_call_outcome
        UNION ALL
        SELECT org_id, session_id, 0, 0, -toInt64(sum(input_tokens)), toUnixTimestamp64Milli(min(occurred_at)) - toUnixTimestamp64Milli(max(occurred_at)),
            -toInt64(countIf(kind = 'subagent')), -toInt64(countIf(kind = 'error' OR kind = 'model_call' AND success = 'false')), -toInt64(sum(masked))
        FROM session_event_v1 FINAL GROUP BY org_id, session_id
     )
     GROUP BY org_id, session_id
     HAVING calls != 0 OR ended != 0 OR tokens != 0 OR spans != 0 OR agents != 0 OR failed != 0 OR hidden != 0`,
  );
}

/** Returns hours whose model calls, tokens, cost or errors differ from a count over the facts, by the repository and agent of their session. */
export function differingUsage(clickhouse: ClickHouseClient): Promise<Record<string, unknown>[]> {
  const session = `multiIf(session_id != '' AND position(session_id, '[REDACTED') = 0, session_id, trace_id != '', trace_id, event_id)`;
  return selectRows(
    clickhouse,
    `SELECT org_id, repo, hour, agent, model, sum(calls) AS calls, sum(tokens_in) AS tokens_in, sum(tokens_out) AS tokens_out, sum(microdollars) AS microdollars, sum(failed) AS failed FROM
     (
        SELECT org_id, repo, bucket_start AS hour, agent, model, toInt64(model_calls) AS calls, toInt64(input_tokens) AS tokens_in, toInt64(output_tokens) AS tokens_out,
            toInt64(round(cost_usd * 1000000)) AS microdollars, toInt64(errors) AS failed FROM agent_usage_hour
        UNION ALL
        SELECT e.org_id, s.repo, toStartOfHour(toDateTime(e.occurred_at, 'UTC')), s.agent, e.model, -toInt64(countIf(e.kind = 'model_call')), -toInt64(sum(e.input_tokens)),
            -toInt64(sum(e.output_tokens)), -toInt64(round(sum(e.cost_usd) * 1000000)), -toInt64(countIf(e.kind = 'error' OR e.success = 'false'))
        FROM (SELECT *, ${session} AS of_session FROM agent_event WHERE kind IN ('model_call', 'error')) AS e
        INNER JOIN agent_session AS s ON s.org_id = e.org_id AND s.session_id = e.of_session
        GROUP BY e.org_id, s.repo, toStartOfHour(toDateTime(e.occurred_at, 'UTC')), s.agent, e.model
     )
     GROUP BY org_id, repo, hour, agent, model
     HAVING calls != 0 OR tokens_in != 0 OR tokens_out != 0 OR microdollars != 0 OR failed != 0`,
  );
}
