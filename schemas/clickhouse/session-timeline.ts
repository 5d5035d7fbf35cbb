/** Kinds of a timeline's rows that are not kinds of events: values masked in an event without one, drift, and lost events. */
export const TIMELINE_KINDS = { other: 'event', drift: 'drift', gap: 'gap' } as const;

/** SQL expressions that name a session. */
export interface TimelineOf {
  org: string;
  session: string;
  /** Condition on `repo` and `occurred_at`, which every source has. */
  where: string;
}

/**
 * Writes the SELECT of everything that is known of one session, in no order: judgements with the outcome of their call, events
 * of the agent, drift of its repositories in its time, and gaps. Columns: {@link TimelineRow}. Sort by {@link TIMELINE_ORDER}.
 *
 * A gap stands before the event that shows it: Claude Code numbers its events from 0 on in each process, so that a number that
 * is missing is an event that never arrived. What was lost after the last event that arrived shows no gap. Events of the client
 * count from a day before the first that the session shows.
 */
export function sessionTimeline({ org, session, where }: TimelineOf): string {
  const isOfSession = `org_id = ${org} AND session_id = ${session}`;
  const isInTime = `occurred_at >= (SELECT min(occurred_at) FROM session_event WHERE ${isOfSession}) AND occurred_at <= (SELECT max(occurred_at) FROM session_event WHERE ${isOfSession})`;
  // What a client does at its start is often no event of the session, but has numbers too.
  const isNumbered = `occurred_at >= (SELECT min(occurred_at) - toIntervalDay(1) FROM session_event WHERE ${isOfSession}) AND occurred_at <= (SELECT max(occurred_at) FROM session_event WHERE ${isOfSession})`;
  const isOfRepositories = `repo IN (SELECT repo FROM session_event WHERE ${isOfSession})`;
  return `SELECT e.occurred_at AS occurred_at, e.sequence AS sequence, if(e.kind = '', '${TIMELINE_KINDS.other}', toString(e.kind)) AS kind, e.event_id AS event_id, e.repo AS repo,
        e.agent AS agent, e.event_name AS event_name, e.tool AS tool, e.tool_call_id AS tool_call_id, e.decision AS decision, e.decision_source AS decision_source,
        e.rule_name AS rule_name, e.reason AS reason, c.outcome AS outcome, c.cause AS cause, e.permission_mode AS permission_mode, e.model AS model,
        e.input_tokens AS input_tokens, e.output_tokens AS output_tokens, e.cost_usd AS cost_usd, e.success AS success, e.error_type AS error_type,
        intDiv(e.duration_us, 1000) AS duration_ms, e.masked AS masked, toUInt32(0) AS lost, toUInt8(0) AS score_previous, toUInt8(0) AS score_current
    FROM (SELECT * FROM session_event WHERE ${isOfSession} AND ${where} AND (kind != '' OR masked > 0)) AS e
    LEFT ANY JOIN
    (
        SELECT arrayJoin(judgement_ids) AS judgement, toString(outcome) AS outcome, toString(cause) AS cause
        FROM tool_call_outcome
        WHERE ${isOfSession} AND bucket_start IN (SELECT toStartOfHour(toDateTime(occurred_at, 'UTC')) FROM session_event WHERE ${isOfSession})
    ) AS c ON c.judgement = e.event_id
    UNION ALL
    SELECT occurred_at, sequence, '${TIMELINE_KINDS.gap}', event_id, repo, agent, '', '', '', '', '', '', '', '', '', '', '', 0, 0, 0, '', '', 0, 0,
        missing, 0, 0
    FROM
    (
        SELECT *, row_number() OVER numbered AS place, lagInFrame(sequence) OVER numbered AS before,
            multiIf(place = 1 OR sequence < before, sequence, sequence > before + 1, toUInt32(sequence - before - 1), 0) AS missing
        FROM (SELECT occurred_at, sequence, event_id, repo, agent FROM agent_event WHERE ${isOfSession} AND agent = 'claude-code' AND ${isNumbered} AND ${isOfRepositories})
        WINDOW numbered AS (ORDER BY occurred_at, sequence, event_id, repo)
    )
    WHERE missing > 0 AND ${where}
    UNION ALL
    SELECT occurred_at, 0, '${TIMELINE_KINDS.drift}', event_id, repo, '', '', '', '', '', '', '', '', '', '', '', '', 0, 0, 0, '', '', 0, 0,
        0, score_previous, score_current
    FROM drift_event
    WHERE org_id = ${org} AND ${isInTime} AND ${isOfRepositories} AND repo != '' AND ${where}`;
}

/** Time, then the agent's own number; a gap stands before the event that shows it. */
export const TIMELINE_ORDER = `occurred_at, sequence, kind != '${TIMELINE_KINDS.gap}', kind, event_id, repo`;

/** A row of {@link sessionTimeline}: empty text and 0 where a source has no such value. */
export interface TimelineRow {
  /** ISO 8601. */
  occurred_at: string;
  /** Number that the agent gave the event in its process; 0 if it gives none. */
  sequence: number;
  kind: string;
  event_id: string;
  repo: string;
  agent: string;
  event_name: string;
  tool: string;
  tool_call_id: string;
  decision: string;
  decision_source: string;
  rule_name: string;
  reason: string;
  /** Of a judgement's call, and its cause; empty while nothing tells. */
  outcome: string;
  cause: string;
  permission_mode: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  /** `true`, `false` or empty. */
  success: string;
  error_type: string;
  duration_ms: number;
  /** Values that redaction masked in the record. */
  masked: number;
  /** Of a gap: events that never arrived. */
  lost: number;
  /** Of a drift. */
  score_previous: number;
  score_current: number;
}
