import type { ClickHouseClient } from './client.js';

/** What of each dimension table the facts still have, by the columns of `key`. */
const KEPT: readonly { table: string; key: string; kept: string }[] = [
  {
    table: 'dimension_v1',
    key: 'dimension, value, repo',
    kept: `SELECT 'agent', toString(agent), repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'tool', toString(tool), repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'rule', rule_name, repo FROM runtime_event_v1 WHERE org_id = {orgId:String} AND decision = 'block'
      UNION DISTINCT SELECT 'category', toString(category), repo FROM finding_v1 WHERE org_id = {orgId:String}`,
  },
  {
    // Which version sent a decision is told by landing alone, which goes first: the repository's decisions stand for it.
    table: 'producer_version_v1',
    key: "producer, if(producer = 'guard', '', program), if(producer = 'guard', '', version), repo",
    kept: `SELECT 'scan', 'AgentShield', toString(producer_version), repo FROM scan_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'guard', '', '', repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'agent', toString(agent), toString(agent_version), repo FROM agent_event_v1 WHERE org_id = {orgId:String}`,
  },
  {
    table: 'repository_activity_v1',
    key: 'repo',
    kept: `SELECT repo FROM scan_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT repo FROM runtime_event_v1 WHERE org_id = {orgId:String}`,
  },
];

/** Seconds one table may take. */
const TIMEOUT_S = 600;

/**
 * Takes out of an organisation's dimensions what none of its facts has any more: called after facts were removed, so
 * that a removed repository, agent, tool or category is offered nowhere. May be run again.
 */
export async function pruneDimensions(client: ClickHouseClient, orgId: string): Promise<void> {
  for (const { table, key, kept } of KEPT) {
    await client.command({
      query: `DELETE FROM ${table} WHERE org_id = {orgId:String} AND (${key}) NOT IN (${kept})`,
      query_params: { orgId },
      clickhouse_settings: {
        max_execution_time: TIMEOUT_S,
        lightweight_deletes_sync: '1',
        mutations_sync: '1',
        allow_nondeterministic_mutations: 1,
      },
    });
  }
}
