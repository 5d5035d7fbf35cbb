import { ATTR_TENANT_TOKEN_ID } from '../semconv.js';
import type { ClickHouseClient } from './client.js';
import { pruneDimensions } from './dimensions.js';
import { FACTS, readingsOf, type Fact } from './facts.js';

/** What to delete: a repository, or everything that one token sent. */
export type Deletion = { orgId: string; repo: string } | { orgId: string; tokenId: string };

/** Landing tables. */
export const LANDING = [
  'otel_traces',
  'otel_logs',
  'otel_metrics_gauge',
  'otel_metrics_sum',
  'otel_metrics_histogram',
  'otel_metrics_exponential_histogram',
  'otel_metrics_summary',
];

/** Timeout of a DELETE in seconds. */
const DELETE_TIMEOUT_S = 600;

/** Writes the condition on a fact's table for what the records of the token `tokenId` of `orgId` became. */
async function ofToken(client: ClickHouseClient, fact: Fact): Promise<string> {
  const keys = (await readingsOf(client, fact)).map(
    (reading) => `SELECT org_id, repo, event_id, occurred_at FROM (${reading}
          AND OrgId = {orgId:String} AND ResourceAttributes['${ATTR_TENANT_TOKEN_ID}'] = {tokenId:String})`,
  );
  return `org_id = {orgId:String} AND (org_id, repo, event_id, occurred_at) IN (${keys.join(' UNION ALL ')})`;
}

/**
 * Deletes facts and landing rows, and marks every affected hour, so that the series follow. A fact that another token
 * sent too is restored by the next reconciliation of landing with facts. Safe to repeat after a failure: landing,
 * through which a token's facts are found, is deleted last.
 */
export async function deleteFacts(client: ClickHouseClient, deletion: Deletion): Promise<void> {
  const facts: string[] = [...Object.keys(FACTS), ...('repo' in deletion ? ['masking_event', 'control_event'] : [])];
  for (const fact of facts) {
    const where =
      'repo' in deletion ? 'org_id = {orgId:String} AND repo = {repo:String}' : await ofToken(client, fact as Fact);
    const run = (query: string): Promise<unknown> =>
      client.command({
        query,
        query_params: { ...deletion },
        clickhouse_settings: {
          max_execution_time: DELETE_TIMEOUT_S,
          mutations_sync: '1',
          lightweight_deletes_sync: '1',
          allow_nondeterministic_mutations: 1,
        },
      });
    // Marked before, while the facts still determine the hours, and again after: a worker may have processed the first
    // marks before the facts were deleted. Additional marks are harmless.
    await run(
      `INSERT INTO dirty_hour_v1 SELECT DISTINCT '${fact}', org_id, repo, toStartOfHour(occurred_at), now64(3) FROM ${fact}_v1 WHERE ${where}`,
    );
    if (fact === 'runtime_event') await forgetJudgements(run, where);
    if (isOfSession(fact)) await forgetSessionEvents(run, `fact = '${fact}' AND ${where}`);
    await run(`DELETE FROM ${fact}_v1 WHERE ${where}`);
    await run(`INSERT INTO dirty_hour_v1 SELECT DISTINCT fact, org_id, repo, bucket_start, now64(3) FROM dirty_hour_v1
      WHERE fact = '${fact}' AND org_id = {orgId:String} AND marked_at > now64(3) - toIntervalSecond(${DELETE_TIMEOUT_S})`);
  }
  for (const table of LANDING) {
    const where =
      'repo' in deletion
        ? 'Repository = {repo:String}'
        : `ResourceAttributes['${ATTR_TENANT_TOKEN_ID}'] = {tokenId:String}`;
    await client.command({
      query: `DELETE FROM ${table} WHERE OrgId = {orgId:String} AND ${where}`,
      query_params: { ...deletion },
      clickhouse_settings: { max_execution_time: DELETE_TIMEOUT_S, lightweight_deletes_sync: '1' },
    });
  }
  await pruneDimensions(client, deletion.orgId);
}

/** Returns whether events of a fact also stand in `session_event_v1`. */
export const isOfSession = (fact: string): boolean => fact === 'runtime_event' || fact === 'agent_event';

/**
 * Deletes the events of sessions that meet `where`, and marks their sessions: before, while the events still tell which,
 * and after, because a worker may have processed the first marks before the deletion.
 *
 * @param ofMarks condition on `session_hour_v1` that the marks of these events meet.
 */
export async function forgetSessionEvents(
  run: (query: string) => Promise<unknown>,
  where: string,
  ofMarks = 'org_id = {orgId:String}',
): Promise<void> {
  await run(`INSERT INTO session_hour_v1 SELECT DISTINCT org_id, session_id, repo, toStartOfHour(occurred_at), now64(3)
    FROM session_event_v1 WHERE ${where}`);
  await run(`DELETE FROM session_event_v1 WHERE ${where}`);
  await run(`INSERT INTO session_hour_v1 SELECT org_id, session_id, repo, bucket_start, now64(3) FROM session_hour_v1
    WHERE ${ofMarks} AND marked_at > now64(3) - toIntervalSecond(${DELETE_TIMEOUT_S})`);
}

/**
 * Deletes the judgements that meet `where`, and marks the other hours of their calls, because another judgement may
 * count now.
 */
export async function forgetJudgements(run: (query: string) => Promise<unknown>, where: string): Promise<void> {
  await run(`INSERT INTO dirty_hour_v1 SELECT DISTINCT 'runtime_event', org_id, repo, toStartOfHour(occurred_at), now64(3) FROM call_judgement_v1
    WHERE (org_id, repo, session_id, tool_call_id) IN (SELECT org_id, repo, session_id, tool_call_id FROM call_judgement_v1 WHERE ${where})`);
  await run(`DELETE FROM call_judgement_v1 WHERE ${where}`);
}
