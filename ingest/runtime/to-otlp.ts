import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { ATTR_DECISION_DURATION, ATTR_DECISION_TIMESTAMP, ATTR_EVENT_ID, SPAN_DECISION } from '#schemas/semconv.js';
import { keyValuesText, tracesRequestOf } from '../telemetry/otlp-json.js';

/** Attributes that differ from one decision to the next; the others repeat, and are written once. */
const OWN = new Set([ATTR_EVENT_ID, ATTR_DECISION_TIMESTAMP, ATTR_DECISION_DURATION]);
const EVENT_ID = `{"key":"${ATTR_EVENT_ID}","value":{"stringValue":"`;
const TIMESTAMP = `"}},{"key":"${ATTR_DECISION_TIMESTAMP}","value":{"stringValue":"`;
const DURATION = `"}},{"key":"${ATTR_DECISION_DURATION}","value":`;
const durationText = (ms: number): string => (Number.isSafeInteger(ms) ? `{"intValue":${String(ms)}}},` : `{"doubleValue":${String(ms)}}},`);

/** Sets of repeating attributes kept while a request is written. */
const MAX_SETS = 1_000;

/** The decisions as the OTLP/JSON request that our own hook would have sent. Written as text: a batch has thousands of them. */
export function toOtlp(decisions: readonly DecisionRecord[], repository: string, orgId: string): Buffer {
  const repeated = new Map<string, string>();
  const spans = decisions.map((decision) => {
    // With the organisation: another one may well send the same event id, and its spans are not these.
    const { traceId, spanId } = decisionSpanIds(`${orgId}\0${decision.eventId}`);
    const { sessionId, agent, tool, toolCallId, reason, ruleName, ruleCategory, source } = decision;
    const key = [sessionId, agent, tool, toolCallId, decision.decision, reason, ruleName, ruleCategory, source].join('\0');
    let shared = repeated.get(key);
    if (shared === undefined) {
      shared = keyValuesText(Object.entries(decisionAttributes(decision)).filter(([name]) => !OWN.has(name)));
      if (repeated.size >= MAX_SETS) repeated.clear();
      repeated.set(key, shared);
    }
    // Neither an event id nor a time of ours holds a character that JSON would have to escape.
    const own = `${EVENT_ID}${decision.eventId}${TIMESTAMP}${decision.timestamp}${DURATION}${durationText(decision.durationMs)}`;
    const startMs = Date.parse(decision.timestamp);
    const start = `${String(startMs)}000000`;
    const end = decision.durationMs === 0 ? start : String(BigInt(startMs) * 1_000_000n + BigInt(Math.round(decision.durationMs * 1_000_000)));
    return `{"traceId":"${traceId}","spanId":"${spanId}","name":"${SPAN_DECISION}","kind":1,"startTimeUnixNano":"${start}","endTimeUnixNano":"${end}","attributes":[${own}${shared}]}`;
  });
  return tracesRequestOf(repository, spans);
}
