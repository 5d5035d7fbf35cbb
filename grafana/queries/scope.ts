/** The organisation alone: for what has no repository, or is about all of them. */
export const ORG = 'org_id = ${org:singlequote}';

/**
 * Whose rows a panel reads: the organisation first, as in every table's sort key, then the chosen
 * repositories. With "All" chosen the datasource drops the second condition.
 */
export const SCOPE = `${ORG} AND $__conditionalAll(repo IN (\${repo:singlequote}), $repo)`;

/** Guard decisions of the chosen agents and tools as well. */
export const GUARD_SCOPE = `${SCOPE} AND $__conditionalAll(agent IN (\${agent:singlequote}), $agent) AND $__conditionalAll(tool IN (\${tool:singlequote}), $tool)`;
