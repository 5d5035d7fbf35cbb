import type { ClickHouseClient } from '#schemas/clickhouse/client.js';

/** A row of `tool_call_outcome_v1`; what is not given is empty. */
export interface ToolCallSeed {
  org_id?: string;
  repo?: string;
  session_id?: string;
  tool_call_id: string;
  /** ISO 8601. */
  occurred_at: string;
  outcome: string;
  [column: string]: unknown;
}

/**
 * Inserts tool calls, their sessions and their series as the jobs write them: calls of Claude Code's Bash in acme/web and
 * session-1 unless given otherwise.
 */
export async function insertToolCalls(client: ClickHouseClient, seeds: readonly ToolCallSeed[]): Promise<void> {
  await client.insert({
    table: 'tool_call_outcome_v1',
    format: 'JSONEachRow',
    values: seeds.map((seed) => ({
      org_id: 'org_a',
      repo: 'acme/web',
      session_id: 'session-1',
      bucket_start: Math.floor(Date.parse(seed.occurred_at) / 3_600_000) * 3_600,
      agent: 'claude-code',
      tool: 'Bash',
      version: 1,
      ...seed,
    })),
    clickhouse_settings: { date_time_input_format: 'best_effort' },
  });
  const query_params = { sessions: seeds.map(({ session_id = 'session-1' }) => session_id) };
  await client.command({
    query: `INSERT INTO agent_session_v1 (org_id, session_id, agent, repo, repo_source, repo_claimed, started_at, last_at, events, tool_calls, outcomes, version)
      SELECT org_id, session_id, any(t.agent), max(t.repo), max(t.repo_source), max(t.repo_claimed), min(t.occurred_at), max(t.occurred_at),
        count(), count(), sumMap(map(toString(t.outcome), toUInt64(1))), toUnixTimestamp64Micro(now64(6))
      FROM tool_call_outcome AS t
      WHERE session_id IN {sessions:Array(String)}
      GROUP BY org_id, session_id`,
    query_params,
  });
  await client.command({
    query: `INSERT INTO tool_call_outcomes_v1 (org_id, repo, bucket_start, is_head, outcome, cause, agent, tool, rule_id, rule_category, calls, ran, judged, version)
      SELECT org_id, repo, bucket_start, false AS is_head, outcome, cause, agent, tool, rule_id, rule_category, count(), countIf(has_run),
        countIf(is_judged_in_time), toUnixTimestamp64Micro(now64(6))
      FROM tool_call_outcome
      WHERE (org_id, repo, bucket_start) IN (SELECT org_id, repo, bucket_start FROM tool_call_outcome WHERE session_id IN {sessions:Array(String)})
      GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category`,
    query_params,
  });
  await client.command({
    query: `INSERT INTO tool_call_outcomes_day_v1 (org_id, repo, bucket_start, outcomes, causes, agents, tools, rule_ids, rule_categories, calls, ran, judged, version)
      SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, groupArray(outcome), groupArray(cause), groupArray(agent), groupArray(tool), groupArray(rule_id),
        groupArray(rule_category), groupArray(h.calls), groupArray(h.ran), groupArray(h.judged), toUnixTimestamp64Micro(now64(6))
      FROM tool_call_outcomes_hour AS h
      GROUP BY org_id, repo, day`,
  });
}
