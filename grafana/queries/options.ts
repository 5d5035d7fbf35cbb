/*
 * Options of variables. All come from small tables that are written with the facts: values without facts do not appear.
 */

/** Returns organisations with data, by name. */
export function orgOptions(): string {
  return 'SELECT DISTINCT org_id FROM repository_activity ORDER BY org_id';
}

/** Returns repositories of the chosen organisation that reported, by name; the 1,000 that reported last. */
export function repoOptions(): string {
  return `SELECT repo FROM
(
    SELECT repo FROM repository_activity WHERE org_id = \${org:singlequote} ORDER BY last_seen_at DESC LIMIT 1000
)
ORDER BY repo`;
}

/** Returns agents and tools with decided calls, or categories of findings, by name; the 500 that occurred last. */
export function dimensionOptions(dimension: 'agent' | 'tool' | 'category'): string {
  return `SELECT value FROM
(
    SELECT value, max(last_seen_at) AS last_at FROM dimension WHERE org_id = \${org:singlequote} AND dimension = '${dimension}' GROUP BY value ORDER BY last_at DESC LIMIT 500
)
ORDER BY value`;
}
