/** Condition on the organisation alone: for values without a repository, or about all of them. */
export const ORG = 'org_id = ${org:singlequote}';

/**
 * Condition on organisation and repositories: the organisation first, as in every table's sort key. With "All" chosen
 * the datasource drops the second condition.
 */
export const SCOPE = `${ORG} AND $__conditionalAll(repo IN (\${repo:singlequote}), $repo)`;

/** The same, restricted to the chosen agents and tools of guard decisions. */
export const GUARD_SCOPE = `${SCOPE} AND $__conditionalAll(agent IN (\${agent:singlequote}), $agent) AND $__conditionalAll(tool IN (\${tool:singlequote}), $tool)`;
