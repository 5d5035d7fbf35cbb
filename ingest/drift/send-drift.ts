import type { DriftBody, DriftFinding } from '#schemas/http/ingest-drift.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { driftAttributes } from '#schemas/records/drift.js';
import { idOf } from '#schemas/records/ids.js';
import {
  ATTR_FINDING_CATEGORY,
  ATTR_FINDING_FILE,
  ATTR_FINDING_ID,
  ATTR_FINDING_SEVERITY,
  ATTR_FINDING_TITLE,
  SPAN_EVENT_FINDING_NEW,
  SPAN_EVENT_FINDING_RESOLVED,
  SPAN_DRIFT,
} from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { scrubText } from '#schemas/scrub.js';
import { tracesRequest, type Attributes, type JsonSpan } from '../telemetry/otlp-json.js';
import { JSON_TYPE, type TelemetrySink } from '../telemetry/sink.js';

const MAX_TEXT = 500;

/** What both bodies of a drift come down to. */
export type Drift = Omit<DriftBody, 'repository'>;

/** Sends a drift on as one span. Returns its id, made of what it says: the same drift sent twice is one fact. */
export async function sendDrift(sink: TelemetrySink, drift: Drift, repository: string, caller: Caller): Promise<string> {
  const time = new Date(drift.timestamp).toISOString();
  const events = [
    ...drift.newFindings.map((finding) => ({ name: SPAN_EVENT_FINDING_NEW, attributes: findingAttributes(finding) })),
    ...drift.resolvedFindings.map((finding) => ({ name: SPAN_EVENT_FINDING_RESOLVED, attributes: findingAttributes(finding) })),
  ];
  const { previousScore, currentScore, scoreDelta, isRegression, hasCritical } = drift;
  const result = JSON.stringify([previousScore, currentScore, scoreDelta, isRegression, hasCritical, events]);
  const eventId = idOf('drift', caller.orgId, repository, time, result);
  const span: JsonSpan = {
    name: SPAN_DRIFT,
    ...decisionSpanIds(eventId),
    startMs: Date.parse(time),
    durationMs: 0,
    // The findings stay with the span: as facts they would stand beside those of the next scan and count twice.
    events,
    attributes: driftAttributes({ ...drift, eventId, timestamp: time, newFindings: drift.newFindings.length, resolvedFindings: drift.resolvedFindings.length }),
  };
  await sink.deliver({ signal: 'traces', type: JSON_TYPE, encoding: 'identity', body: [tracesRequest(repository, [span])] }, caller);
  return eventId;
}

function findingAttributes({ id, severity, category, title, file }: DriftFinding): Attributes {
  return {
    [ATTR_FINDING_ID]: scrubText(id, MAX_TEXT),
    [ATTR_FINDING_SEVERITY]: severity,
    ...(typeof category === 'string' ? { [ATTR_FINDING_CATEGORY]: category } : {}),
    [ATTR_FINDING_TITLE]: scrubText(title, MAX_TEXT),
    [ATTR_FINDING_FILE]: scrubText(file, MAX_TEXT),
  };
}
