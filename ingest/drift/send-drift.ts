import type { DriftBody, DriftFinding } from '#schemas/http/ingest-drift.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { driftAttributes } from '#schemas/records/drift.js';
import { evidenceHashOf, findingKey, findingsWithout } from '#schemas/records/finding.js';
import { idOf } from '#schemas/records/ids.js';
import {
  ATTR_FINDING_CATEGORY,
  ATTR_FINDING_FILE,
  ATTR_FINDING_ID,
  ATTR_FINDING_KEY,
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

/** A finding as the drift's span lists it. */
interface ListedFinding {
  key: string;
  severity: DriftFinding['severity'];
  attributes: Attributes;
}

/** A drift on its way into the store. */
export interface SentDrift {
  eventId: string;
  /** Findings that the producer listed as new and as resolved alike, since their lines had moved; left out. */
  moved: number;
}

/**
 * Sends a drift on as one span. AgentShield's ids hold offsets, so a line that moves gives a new and a resolved finding;
 * such pairs are no drift, and what the producer said of them is judged again without them. The event id is made of what
 * is sent: the same drift sent twice is one fact.
 */
export async function sendDrift(sink: TelemetrySink, drift: Drift, repository: string, caller: Caller): Promise<SentDrift> {
  const time = new Date(drift.timestamp).toISOString();
  const [came, went] = [drift.newFindings.map(listed), drift.resolvedFindings.map(listed)];
  const [added, resolved] = [findingsWithout(came, went), findingsWithout(went, came)];
  const moved = came.length - added.length;
  const events = [
    ...added.map(({ attributes }) => ({ name: SPAN_EVENT_FINDING_NEW, attributes })),
    ...resolved.map(({ attributes }) => ({ name: SPAN_EVENT_FINDING_RESOLVED, attributes })),
  ];
  const { previousScore, currentScore, scoreDelta } = drift;
  const isRegression = moved === 0 ? drift.isRegression : added.length > 0 || scoreDelta < 0;
  const hasCritical = moved === 0 ? drift.hasCritical : added.some(({ severity }) => severity === 'critical');
  const result = JSON.stringify([previousScore, currentScore, scoreDelta, isRegression, hasCritical, events]);
  const eventId = idOf('drift', caller.orgId, repository, time, result);
  const span: JsonSpan = {
    name: SPAN_DRIFT,
    ...decisionSpanIds(eventId),
    startMs: Date.parse(time),
    durationMs: 0,
    // The findings stay with the drift: as facts of their own they would stand beside those of the next scan and count twice.
    events,
    attributes: driftAttributes({
      eventId, timestamp: time, previousScore, currentScore, scoreDelta, isRegression, hasCritical, newFindings: added.length, resolvedFindings: resolved.length,
    }),
  };
  await sink.deliver({ signal: 'traces', type: JSON_TYPE, encoding: 'identity', body: [tracesRequest(repository, [span])] }, caller);
  return { eventId, moved };
}

/** Makes the listed form of a finding. Without a fingerprint its key is id without offset, file and title. */
function listed(finding: DriftFinding): ListedFinding {
  const [id, file, title] = [scrubText(finding.id, MAX_TEXT), scrubText(finding.file, MAX_TEXT), scrubText(finding.title, MAX_TEXT)];
  const { severity, category } = finding;
  const hash = typeof finding.fingerprint === 'string' ? finding.fingerprint.slice(finding.fingerprint.lastIndexOf('::') + 2) : undefined;
  const evidence = hash === undefined ? title : evidenceHashOf({ id, category: category ?? 'secrets', hash });
  const key = findingKey({ id, file, fingerprint: `::${evidence}` });
  return {
    key: `${severity}|${key}`,
    severity,
    attributes: {
      [ATTR_FINDING_ID]: id,
      ...(typeof finding.fingerprint === 'string' ? { [ATTR_FINDING_KEY]: key } : {}),
      [ATTR_FINDING_SEVERITY]: severity,
      ...(typeof category === 'string' ? { [ATTR_FINDING_CATEGORY]: category } : {}),
      [ATTR_FINDING_TITLE]: title,
      [ATTR_FINDING_FILE]: file,
    },
  };
}
