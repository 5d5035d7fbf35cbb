import { rollupJobs, type RollupJob } from '#rollups/jobs.js';
import { Pass, recompute } from '#rollups/recompute.js';
import { OUTCOMES, type Outcome } from '#schemas/clickhouse/tool-call-outcome.js';
import { ORG } from '../boards/seed.js';
import type { BenchServer } from '../store/server.js';

/** Size of a seeded ledger. */
export interface LedgerSize {
  /** Tool calls in total. */
  readonly calls: number;
  readonly repositories: number;
}

/** The size that the figures refer to. */
export const LEDGER: LedgerSize = { calls: 10_000_000, repositories: 50 };

const DAYS = 90;
const HOURS_A_DAY = 10;
const SESSIONS_AN_HOUR = 4;
/** Rows per INSERT: as many as a small machine's memory allows. */
const CHUNK = 500_000;

/**
 * Calls in a million by outcome; all others are allowed. Those that passed a guard are so rare that a list of the newest
 * hundred reads hours of all ninety days.
 */
const PER_MILLION: Partial<Record<Outcome, number>> = {
  enforced: 80_000,
  unjudged: 50_000,
  unknown: 30_000,
  denied_elsewhere: 15_000,
  presumed: 10_000,
  failed_open: 8,
  bypassed: 6,
  overruled: 6,
};

const STARTS_OF: [Outcome, number][] = [];
for (const outcome of OUTCOMES)
  STARTS_OF.push([outcome, STARTS_OF.reduce((sum, [before]) => sum + (PER_MILLION[before] ?? 0), 0)]);
/** Outcome of a call by a number under a million. */
const OUTCOME_SQL = `multiIf(${STARTS_OF.filter(([outcome]) => PER_MILLION[outcome] !== undefined)
  .map(([outcome, start]) => `lot >= ${start} AND lot < ${start + (PER_MILLION[outcome] ?? 0)}, '${outcome}'`)
  .join(', ')}, 'allowed')`;

/**
 * Seeds the ledger of an organisation whose agents worked for ninety days, ten hours a day: calls, and four sessions for
 * each hour and repository. The store writes the rows of `tool_call_outcome_v1` and `agent_session_v1`, another bench measures
 * how they are joined; their series and its days are computed by the jobs.
 */
export async function seedLedger(server: BenchServer, { calls, repositories }: LedgerSize): Promise<void> {
  const { client } = server;
  const run = (sql: string): Promise<string> => server.run(sql);
  const buckets = DAYS * HOURS_A_DAY * repositories;
  const perBucket = Math.ceil(calls / buckets);
  /** Of the bucket number `of`: its day, the oldest first, its hour and its repository. */
  const place = (of: string): string => `intDiv(${of}, ${repositories}) AS hour_number,
        concat('acme/service-', leftPad(toString(${of} % ${repositories}), 2, '0')) AS repo_name,
        toDateTime(toStartOfDay(now('UTC'))) - toIntervalDay(${DAYS - 1} - intDiv(hour_number, ${HOURS_A_DAY})) - toIntervalHour(24 - 8 - hour_number % ${HOURS_A_DAY}) AS hour`;
  const session = `concat('session-', toString(bucket), '-', toString(cityHash64(n) % ${SESSIONS_AN_HOUR}))`;
  for (let done = 0; done < calls; done += CHUNK)
    await run(`INSERT INTO tool_call_outcome_v1 (org_id, repo, bucket_start, session_id, is_head, tool_call_id, repo_source, agent, tool, occurred_at, judged_at, ran_at,
        judgement, rule_id, rule_name, rule_category, reason, agent_decision, agent_decision_source, has_run, is_judged_in_time, outcome, cause,
        judgement_ids, agent_event_ids, version)
      WITH number + ${done} AS n, intDiv(n, ${perBucket}) AS bucket, ${place('bucket')},
        cityHash64(n, 'lot') % 1000000 AS lot, ${OUTCOME_SQL} AS ended, ended IN ('allowed', 'unjudged', 'bypassed', 'failed_open', 'overruled') AS did_run,
        ended IN ('enforced', 'presumed', 'bypassed', 'overruled', 'failed_open') AS is_denied, toDateTime64(hour, 3, 'UTC') + toIntervalMillisecond(cityHash64(n, 'at') % 3600000) AS at
      SELECT '${ORG}', repo_name, hour, ${session}, false, concat('toolu_', hex(n)), 'hook', ['claude-code', 'codex', 'gemini-cli'][1 + n % 3],
        ['Bash', 'Read', 'Edit', 'Grep', 'Write', 'WebFetch', 'mcp__browser__open'][1 + cityHash64(n, 'tool') % 7], at, at, if(did_run, at, NULL),
        multiIf(ended IN ('unjudged', 'denied_elsewhere'), '', is_denied, 'block', 'allow'), if(is_denied, concat('r', toString(lot % 12)), ''),
        if(is_denied, concat('deny[', toString(lot % 12), ']'), ''), if(is_denied, ['egress', 'destructive', 'sensitive-file', 'injection'][1 + lot % 4], ''),
        if(is_denied, 'matches a rule of the policy', ''), if(did_run, 'accept', 'reject'), 'config', did_run, ended = 'allowed', ended,
        multiIf(ended = 'unjudged', ['no_hook', 'hook_not_run', 'hook_not_trusted'][1 + lot % 3], ended = 'failed_open', 'timeout', ''),
        [hex(n)], [hex(n), hex(n + 1)], 1
      FROM numbers(${Math.min(CHUNK, calls - done)})`);
  const sessions = `numbers(${buckets * SESSIONS_AN_HOUR})`;
  const ofSession = `WITH intDiv(number, ${SESSIONS_AN_HOUR}) AS bucket, ${place('bucket')}, concat('session-', toString(bucket), '-', toString(number % ${SESSIONS_AN_HOUR})) AS name`;
  await run(`INSERT INTO tool_call_outcome_v1 (org_id, repo, bucket_start, session_id, is_head, version)
    ${ofSession} SELECT '${ORG}', repo_name, hour, name, true, 1 FROM ${sessions}`);
  await run(`INSERT INTO agent_session_v1 (org_id, session_id, agent, agent_version, repo, repo_source, repo_claimed, started_at, last_at, permission_modes, events, tool_calls, outcomes, version)
    ${ofSession} SELECT '${ORG}', name, 'claude-code', '2.1.332', repo_name, if(number % 5 = 0, 'telemetry', 'hook'), if(number % 1000 = 0, 'acme/service-01', ''), hour, hour + 3500,
      ['default'], 200, 55, map('allowed', 50, 'enforced', 5), 1 FROM ${sessions}`);
  await run(
    `INSERT INTO repository_activity_v1 SELECT org_id, repo, min(occurred_at), max(occurred_at) FROM tool_call_outcome_v1 WHERE org_id = '${ORG}' AND NOT is_head GROUP BY org_id, repo`,
  );
  for (const name of ['tool_call_outcomes', 'tool_call_outcomes_day']) {
    const job = rollupJobs().find((one): one is RollupJob => one.name === name);
    if (job === undefined) throw new Error(`no job ${name}`);
    const start = job.grain === 'day' ? 'toStartOfDay(bucket_start)' : 'bucket_start';
    const keys = await run(
      `SELECT DISTINCT repo, toUnixTimestamp(${start}) FROM tool_call_outcome_v1 WHERE org_id = '${ORG}' FORMAT TSV`,
    );
    await recompute(
      client,
      job,
      {
        marked: [],
        buckets: keys
          .trim()
          .split('\n')
          .map((line) => line.split('\t'))
          .map(([repo = '', at]) => ({ orgId: ORG, repo, bucketStart: Number(at) })),
      },
      await Pass.begin(client),
    );
    const counted = await run(
      `SELECT sum(s.calls) FROM tool_call_outcomes_${job.grain} AS s WHERE org_id = '${ORG}' FORMAT TSV`,
    );
    if (Number(counted) !== calls) throw new Error(`${name} counts ${counted.trim()} calls of ${calls}`);
  }
}
