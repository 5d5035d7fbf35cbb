/*
 * Options of variables, all of them from small tables that are written as facts come in: what has no fact any more is
 * in none of them.
 */

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

/** Agents whose tool calls were decided, tools that were called, or categories of findings, by name; 500 at most likewise. */
export function dimensionOptions(dimension: 'agent' | 'tool' | 'category'): string {
  return `SELECT value FROM
(
    SELECT value, max(last_seen_at) AS last_at FROM dimension WHERE org_id = \${org:singlequote} AND dimension = '${dimension}' GROUP BY value ORDER BY last_at DESC LIMIT 500
)
ORDER BY value`;
}
