import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { SPAN_DECISION } from '#schemas/semconv.js';
import { tracesRequest } from '../telemetry/otlp-json.js';

/** The decisions as the OTLP/JSON request that our own hook would have sent. */
export function toOtlp(decisions: readonly DecisionRecord[], repository: string, orgId: string): Buffer {
  return tracesRequest(
    repository,
    decisions.map((decision) => ({
      name: SPAN_DECISION,
      // With the organisation: another one may well send the same event id, and its spans are not these.
      ...decisionSpanIds(`${orgId}\0${decision.eventId}`),
      startMs: Date.parse(decision.timestamp),
      durationMs: decision.durationMs,
      attributes: decisionAttributes(decision),
    })),
  );
}
