import type { ClickHouseClient } from './client.js';

/** For each dimension table, the rows that facts still need, by the columns of `key`. */
const KEPT: readonly { table: string; key: string; kept: string }[] = [
  {
    table: 'dimension_v1',
    key: 'dimension, value, repo',
    kept: `SELECT 'agent', toString(agent), repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'tool', toString(tool), repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT 'rule', rule_name, repo FROM runtime_event_v1 WHERE org_id = {orgId:String} AND decision = 'block'
      UNION DISTINCT SELECT 'mcp_judged', extract(tool, '^mcp__(.+?)__'), repo FROM runtime_event_v1 WHERE org_id = {orgId:String} AND startsWith(tool, 'mcp__')
      UNION DISTINCT SELECT 'mcp_called', extract(tool, '^mcp__(.+?)__'), repo FROM agent_event_v1 WHERE org_id = {orgId:String} AND startsWith(tool, 'mcp__') AND kind IN ('tool_call', 'tool_result')
      UNION DISTINCT SELECT if(kind = 'session', 'mcp_configured', 'mcp_connected'), arrayJoin(mcp_servers), repo FROM agent_event_v1 WHERE org_id = {orgId:String} AND notEmpty(mcp_servers)
      UNION DISTINCT SELECT 'category', toString(category), repo FROM finding_v1 WHERE org_id = {orgId:String}`,
  },
  {
    // Only landing records the version that sent a decision, and landing is deleted first. So any decision of the
    // repository keeps the version.
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
      UNION DISTINCT SELECT repo FROM runtime_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT repo FROM drift_event_v1 WHERE org_id = {orgId:String}
      UNION DISTINCT SELECT repo FROM agent_event_v1 WHERE org_id = {orgId:String}`,
  },
];

/** Timeout per table in seconds. */
const TIMEOUT_S = 600;

/**
 * Deletes an organisation's dimension rows that no fact needs. Called after facts were removed, so that a removed
 * repository, agent, tool or category is no longer offered. Safe to repeat.
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
