import { decisionAttributes, decisionSpanIds, type DecisionRecord } from '#schemas/records/decision.js';
import { repositoryAttributes } from '#schemas/records/repository.js';
import { ATTR_SERVICE_NAME, SCOPE_NAME, SERVICE_NAME_PRODUCER, SPAN_DECISION } from '#schemas/semconv.js';

const KIND_INTERNAL = 1;

/** The decisions as the OTLP/JSON request that our own hook would have sent. */
export function toOtlp(decisions: readonly DecisionRecord[], repository: string, orgId: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: keyValues({ [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER, ...repositoryAttributes(repository) }) },
          scopeSpans: [{ scope: { name: SCOPE_NAME }, spans: decisions.map((decision) => toSpan(decision, orgId)) }],
        },
      ],
    }),
  );
}

function toSpan(decision: DecisionRecord, orgId: string) {
  const start = BigInt(Date.parse(decision.timestamp)) * 1_000_000n;
  return {
    // With the organisation: another one may well send the same event id, and its spans are not these.
    ...decisionSpanIds(`${orgId}\0${decision.eventId}`),
    name: SPAN_DECISION,
    kind: KIND_INTERNAL,
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(start + BigInt(Math.round(decision.durationMs * 1_000_000))),
    attributes: keyValues(decisionAttributes(decision)),
  };
}

function keyValues(attributes: Record<string, string | number>) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { doubleValue: value },
  }));
}
