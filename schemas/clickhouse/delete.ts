import { ATTR_TENANT_TOKEN_ID } from '../semconv.js';
import type { ClickHouseClient } from './client.js';
import { pruneDimensions } from './dimensions.js';
import { FACTS, readingOf, type Fact } from './facts.js';

/** What to forget: a repository, or everything that one token sent. */
export type Deletion = { orgId: string; repo: string } | { orgId: string; tokenId: string };

/** Tables of landing. */
export const LANDING = [
  'otel_traces',
  'otel_logs',
  'otel_metrics_gauge',
  'otel_metrics_sum',
  'otel_metrics_histogram',
  'otel_metrics_exponential_histogram',
  'otel_metrics_summary',
];

/** Seconds one DELETE may take. */
const DELETE_TIMEOUT_S = 600;

/**
 * Forgets what is named: its facts and what landed of it; and marks every hour it was in, so that the series follow.
 * A fact that another token sent as well is made again from that token's records by the next comparison of landing
 * with facts. Can be repeated after a failure: landing, by which a token's facts are found, goes last.
 */
export async function deleteFacts(client: ClickHouseClient, deletion: Deletion): Promise<void> {
  const facts: string[] = [...Object.keys(FACTS), ...('repo' in deletion ? ['masking_event', 'control_event'] : [])];
  for (const fact of facts) {
    const where =
      'repo' in deletion
        ? 'org_id = {orgId:String} AND repo = {repo:String}'
        : `org_id = {orgId:String} AND (org_id, repo, event_id, occurred_at) IN (
          SELECT org_id, repo, event_id, occurred_at FROM (${await readingOf(client, fact as Fact)} AND OrgId = {orgId:String} AND ResourceAttributes['${ATTR_TENANT_TOKEN_ID}'] = {tokenId:String}))`;
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
    // Marked before, while the facts still tell their hours, and again after: a worker may have worked off the first
    // marks before the facts were gone. Too many marks are harmless.
    await run(
      `INSERT INTO dirty_hour_v1 SELECT DISTINCT '${fact}', org_id, repo, toStartOfHour(occurred_at), now64(3) FROM ${fact}_v1 WHERE ${where}`,
    );
    if (fact === 'runtime_event') await forgetJudgements(run, where);
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

/** Forgets which calls the judgements that meet `where` belong to, and marks the other hours of these calls: another judgement may count now. */
async function forgetJudgements(run: (query: string) => Promise<unknown>, where: string): Promise<void> {
  await run(`INSERT INTO dirty_hour_v1 SELECT DISTINCT 'runtime_event', org_id, repo, toStartOfHour(occurred_at), now64(3) FROM call_judgement_v1
    WHERE (org_id, repo, session_id, tool_call_id) IN (SELECT org_id, repo, session_id, tool_call_id FROM call_judgement_v1 WHERE ${where})`);
  await run(`DELETE FROM call_judgement_v1 WHERE ${where}`);
}
