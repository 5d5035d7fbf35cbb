/**
 * Condition on a row of `runtime_event` or `runtime_event_v1`: it is the judgement that counts for its call. A call that
 * several hooks judged, or one hook several times, has one such row: the strictest, of equally strict ones the earliest
 * (see migration 0021). Judgements outside `where` take part: one that a stricter one of another hour replaces is false.
 *
 * @param where the condition that the outer query puts on its rows, or a wider one; it bounds which calls are looked up.
 * @param org the part of it that names the organisation, which every query of a board puts first on each table.
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

/** Aggregate over the judgements of one call: (-strictness, time, event id) of each, the one that counts first. */
export const JUDGEMENTS_BY_STRICTNESS = 'arraySort(groupArray((-toInt8(strictness), occurred_at, event_id)))';
