/**
 * Returns an SQL condition for rows of `runtime_event` or `runtime_event_v1`: true for the judgement that counts for
 * its call. Of several judgements of a call it is the strictest, of equally strict ones the earliest (`call_judgement_v1`).
 * Judgements outside of `where` are included: if one of another hour is stricter, the condition is false.
 *
 * @param where the condition of the outer query, or a wider one; it limits which calls are looked up.
 * @param org the part of it that selects the organisation, which every board query puts first on each table.
 */
export function isCounted(where: string, org?: string): string {
  return `(org_id, repo, event_id, occurred_at) NOT IN
    (
        SELECT org_id, repo, judgement.3, judgement.2
        FROM
        (
            SELECT org_id, repo, arrayPopFront(${JUDGEMENTS_BY_STRICTNESS}) AS judgements
            FROM call_judgement_v1 FINAL
            WHERE ${org === undefined ? '' : `${org} AND `}(org_id, repo, session_id, tool_call_id) IN
                (SELECT org_id, repo, session_id, tool_call_id FROM runtime_event_v1 WHERE ${where} AND tool_call_id != '')
            GROUP BY org_id, repo, session_id, tool_call_id
            HAVING count() > 1
        )
        ARRAY JOIN judgements AS judgement
    )`;
}

/** Aggregates the judgements of one call to an array of (-strictness, time, event id), the one that counts first. */
export const JUDGEMENTS_BY_STRICTNESS = 'arraySort(groupArray((-toInt8(strictness), occurred_at, event_id)))';
