import { driftBody, driftWebhookBody, type DriftBody, type DriftFinding } from '#schemas/http/ingest-drift.js';
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
import { scrubText } from '#schemas/scrub.js';
import { checkTime } from '../body/check-time.js';
import { placesOf } from '../body/fields.js';
import { parseJson } from '../body/json.js';
import { parseBody } from '../body/read-json.js';
import { tracesRequest, type Attributes, type JsonSpan } from '../telemetry/otlp-json.js';
import { JSON_TYPE } from '../telemetry/sink.js';
import type { Meter } from '../work/meter.js';
import { repositoryOf, type Report, type Sender } from '../work/report.js';

const MAX_TEXT = 500;

const PLACES = placesOf(driftBody);
const WEBHOOK_PLACES = placesOf(driftWebhookBody);

/** What both bodies of a drift come down to. */
type Drift = Omit<DriftBody, 'repository'>;

/** A finding as the drift's span lists it. */
interface ListedFinding {
  key: string;
  severity: DriftFinding['severity'];
  attributes: Attributes;
}

/** A drift as one request. */
export interface DriftReport extends Report {
  readonly eventId: string;
}

/** Reads the body of `POST /v1/ingest/drift`. */
export function readDrift(bytes: Buffer, sender: Sender, meter: Meter): DriftReport {
  const { value, warnings } = parseBody(parseJson(bytes, meter), driftBody, PLACES);
  return reportOf(value, value.repository, sender, warnings);
}

/** Reads what the stock `agentshield watch` posts to its webhook. */
export function readDriftWebhook(bytes: Buffer, sender: Sender, meter: Meter): DriftReport {
  const { value, warnings } = parseBody(parseJson(bytes, meter), driftWebhookBody, WEBHOOK_PLACES);
  const { score, ...drift } = value;
  return reportOf({ ...drift, previousScore: score.previous, currentScore: score.current, scoreDelta: score.delta }, undefined, sender, warnings);
}

/**
 * Makes one span of a drift. AgentShield's ids hold offsets, so a line that moves gives a new and a resolved finding;
 * such pairs are no drift, and what the producer said of them is judged again without them. The event id is made of what
 * is sent: the same drift sent twice is one fact.
 */
function reportOf(drift: Drift, name: string | null | undefined, sender: Sender, dropped: readonly string[]): DriftReport {
  checkTime(drift.timestamp, 'timestamp');
  const { named, repository } = repositoryOf(name, sender);
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
  const eventId = idOf('drift', sender.orgId, repository, time, result);
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
  const warnings = [...dropped, ...(moved === 0 ? [] : [`newFindings, resolvedFindings: ${String(moved)} are in both, their lines moved; they are no drift`])];
  return { named, warnings, eventId, requests: [{ signal: 'traces', type: JSON_TYPE, bytes: tracesRequest(repository, [span]) }] };
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
