/*
 * Options of variables. All come from small tables that are written with the facts: values without facts do not appear.
 */

/** Returns organisations with data, by name. */
export function orgOptions(): string {
  return 'SELECT DISTINCT org_id FROM (SELECT org_id FROM repository_activity UNION ALL SELECT org_id FROM drift_event) ORDER BY org_id';
}

/** Returns repositories of the chosen organisation that reported, by name; the 1,000 that reported last. One that `watch` alone reported has no activity but its drifts. */
export function repoOptions(): string {
  return `SELECT repo FROM
(
    SELECT repo, max(at) AS last_at
    FROM
    (
        SELECT repo, last_seen_at AS at FROM repository_activity WHERE org_id = \${org:singlequote}
        UNION ALL
        SELECT repo, max(occurred_at) AS at FROM drift_event WHERE org_id = \${org:singlequote} GROUP BY repo
    )
    GROUP BY repo
    ORDER BY last_at DESC
    LIMIT 1000
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
