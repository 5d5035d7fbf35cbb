/** Organisations there is anything of, by name. */
export function orgOptions(): string {
  return 'SELECT DISTINCT org_id FROM repository_activity ORDER BY org_id';
}

/** Repositories heard from in the chosen organisation, by name; 1,000 at most, the last heard first to stay. */
export function repoOptions(): string {
  return `SELECT repo FROM
(
    SELECT repo FROM repository_activity WHERE org_id = \${org:singlequote} ORDER BY last_seen_at DESC LIMIT 1000
)
ORDER BY repo`;
}

/** Days back that an agent or a tool must have decided something to be offered. */
const RECENT_DAYS = 90;

/** Agents whose tool calls were decided lately, by name. No version matters for what is only named. */
export function agentOptions(): string {
  return recent('agent');
}

/** Tools likewise. */
export function toolOptions(): string {
  return recent('tool');
}

function recent(column: 'agent' | 'tool'): string {
  return `SELECT DISTINCT ${column} FROM blocked_command_rate_v1
WHERE org_id = \${org:singlequote} AND bucket_start >= now() - toIntervalDay(${String(RECENT_DAYS)}) AND NOT is_head AND ${column} != ''
ORDER BY ${column} LIMIT 500`;
}

/** Categories of findings there ever were, by name. */
export function categoryOptions(): string {
  return 'SELECT DISTINCT category FROM finding_lifecycle_v1 WHERE org_id = ${org:singlequote} AND NOT is_head AND category != \'\' ORDER BY category LIMIT 100';
}
