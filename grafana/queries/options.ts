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
