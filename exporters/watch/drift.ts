import { createHash } from 'node:crypto';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { driftAttributes } from '#schemas/records/drift.js';
import type { FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';
import {
  ATTR_FINDING_CATEGORY,
  ATTR_FINDING_FILE,
  ATTR_FINDING_ID,
  ATTR_FINDING_KEY,
  ATTR_FINDING_OCCURRENCE,
  ATTR_FINDING_SEVERITY,
  ATTR_FINDING_TITLE,
  SPAN_DRIFT,
  SPAN_EVENT_FINDING_NEW,
  SPAN_EVENT_FINDING_RESOLVED,
} from '#schemas/semconv.js';
import type { Span, SpanEvent } from '../otlp/span.js';
import { compareFindings } from './compare.js';

/** A scan with its findings. */
export interface ScanState {
  readonly scan: ScanRecord;
  readonly findings: readonly FindingRecord[];
}

/** What changed between two scans: AgentShield's DriftResult, with our comparison behind it. */
export interface Drift {
  readonly eventId: string;
  readonly repository: string;
  /** Report time of the later scan, ISO 8601. */
  readonly timestamp: string;
  readonly previousScore: number;
  readonly currentScore: number;
  readonly newFindings: readonly FindingRecord[];
  readonly resolvedFindings: readonly FindingRecord[];
  readonly isRegression: boolean;
  readonly hasCritical: boolean;
}

/** The drift between two scans; undefined when no finding came or went. */
export function driftBetween(before: ScanState, after: ScanState): Drift | undefined {
  const { added, resolved } = compareFindings(before.findings, after.findings);
  if (added.length + resolved.length === 0) return undefined;
  const [previousScore, currentScore] = [before.scan.score, after.scan.score];
  const { repository, generatedAt: timestamp } = after.scan;
  const content = JSON.stringify([previousScore, currentScore, added.map(identity), resolved.map(identity)]);
  return {
    eventId: createHash('sha256').update([repository, timestamp, content].join('\0')).digest('hex').slice(0, 32),
    repository,
    timestamp,
    previousScore,
    currentScore,
    newFindings: added,
    resolvedFindings: resolved,
    isRegression: added.length > 0 || currentScore < previousScore,
    hasCritical: added.some(({ severity }) => severity === 'critical'),
  };
}

/** A backend that stores a span with more events than this is hard to find. */
const MAX_EVENTS = 500;

/** The drift as a span; each finding that came or went is an event in it. */
export function driftSpan(drift: Drift): Span {
  const timeMs = Date.parse(drift.timestamp);
  const events = [
    ...drift.newFindings.map((finding) => findingEvent(SPAN_EVENT_FINDING_NEW, finding, timeMs)),
    ...drift.resolvedFindings.map((finding) => findingEvent(SPAN_EVENT_FINDING_RESOLVED, finding, timeMs)),
  ];
  return {
    repository: drift.repository,
    name: SPAN_DRIFT,
    ...decisionSpanIds(drift.eventId),
    startMs: timeMs,
    durationMs: 0,
    attributes: driftAttributes({
      ...drift,
      scoreDelta: drift.currentScore - drift.previousScore,
      newFindings: drift.newFindings.length,
      resolvedFindings: drift.resolvedFindings.length,
    }),
    events: events.slice(0, MAX_EVENTS),
  };
}

/** Body of `POST /v1/ingest/drift`. */
export function driftBody(drift: Drift): object {
  const finding = ({ id, severity, category, title, file, fingerprint }: FindingRecord): object => ({ id, severity, category, title, file, fingerprint });
  return {
    repository: drift.repository,
    timestamp: drift.timestamp,
    newFindings: drift.newFindings.map(finding),
    resolvedFindings: drift.resolvedFindings.map(finding),
    scoreDelta: drift.currentScore - drift.previousScore,
    previousScore: drift.previousScore,
    currentScore: drift.currentScore,
    isRegression: drift.isRegression,
    hasCritical: drift.hasCritical,
  };
}

function findingEvent(name: string, finding: FindingRecord, timeMs: number): SpanEvent {
  return {
    name,
    timeMs,
    attributes: {
      [ATTR_FINDING_ID]: finding.id,
      [ATTR_FINDING_KEY]: finding.key,
      [ATTR_FINDING_OCCURRENCE]: finding.occurrence,
      [ATTR_FINDING_SEVERITY]: finding.severity,
      [ATTR_FINDING_CATEGORY]: finding.category,
      [ATTR_FINDING_TITLE]: finding.title,
      [ATTR_FINDING_FILE]: finding.file,
    },
  };
}

function identity({ key, occurrence }: FindingRecord): string {
  return `${key}#${String(occurrence)}`;
}
