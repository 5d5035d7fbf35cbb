/**
 * Whose rows a panel reads: the organisation first, as in every table's sort key, then the chosen
 * repositories. With "All" chosen the datasource drops the second condition.
 */
export const SCOPE = 'org_id = ${org:singlequote} AND $__conditionalAll(repo IN (${repo:singlequote}), $repo)';
