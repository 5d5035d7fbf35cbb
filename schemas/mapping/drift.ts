import type { DriftBody } from '../http/ingest-drift.js';
import { scrubText } from '../scrub.js';
import {
  ATTR_DRIFT_FINDINGS_NEW,
  ATTR_DRIFT_FINDINGS_RESOLVED,
  ATTR_DRIFT_HAS_CRITICAL,
  ATTR_DRIFT_IS_REGRESSION,
  ATTR_DRIFT_SCORE_CURRENT,
  ATTR_DRIFT_SCORE_DELTA,
  ATTR_DRIFT_SCORE_PREVIOUS,
  ATTR_DRIFT_TIMESTAMP,
  ATTR_EVENT_ID,
  ATTR_FINDING_CATEGORY,
  ATTR_FINDING_FILE,
  ATTR_FINDING_ID,
  ATTR_FINDING_KEY,
  ATTR_FINDING_SEVERITY,
  ATTR_FINDING_TITLE,
  SPAN_DRIFT,
  SPAN_EVENT_FINDING_NEW,
  SPAN_EVENT_FINDING_RESOLVED,
} from '../semconv.js';
import { decisionSpanIds } from '../records/decision.js';
import type { Severity } from '../records/enums.js';
import { evidenceHashOf, findingKey, findingsWithout } from '../records/finding.js';
import { hashable } from '../hashable.js';
import { idOf } from '../records/ids.js';
import { fileOfFinding, MAX_FINDING_TEXT } from './scan-body.js';

/** A scrubbed finding of a drift. */
export interface DriftFinding {
  readonly id: string;
  readonly severity: Severity;
  readonly category?: string;
  readonly title: string;
  readonly file: string;
  /** AgentShield's `id::file::sha256:...` with a hash that may be stored; absent if the producer sent none. */
  readonly fingerprint?: string;
}

/** Changes between two scans of a repository: AgentShield's DriftResult, scrubbed. */
export interface DriftRecord {
  readonly eventId: string;
  readonly repository: string;
  /** Time of the later scan, ISO 8601 in UTC with milliseconds. */
  readonly timestamp: string;
  readonly previousScore: number;
  readonly currentScore: number;
  readonly newFindings: readonly DriftFinding[];
  readonly resolvedFindings: readonly DriftFinding[];
  readonly isRegression: boolean;
  readonly hasCritical: boolean;
}

/** The part of a body that describes the drift. */
export type DriftStatement = Omit<DriftBody, 'repository' | 'scoreDelta'>;

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The span of a drift. Times are milliseconds since the epoch. */
export interface DriftSpan {
  name: string;
  traceId: string;
  spanId: string;
  startMs: number;
  durationMs: number;
  attributes: Attributes;
  /** One event per new or resolved finding. They are no finding facts, because the next scan would count them again. */
  events: { name: string; timeMs: number; attributes: Attributes }[];
}

/**
 * Adds the event id. It is derived from repository, time, scores and the findings' keys in any order, so a repeated
 * drift is one event, by OTLP and by REST.
 */
export function driftRecord(drift: Omit<DriftRecord, 'eventId'>): DriftRecord {
  const {
    repository,
    timestamp,
    previousScore,
    currentScore,
    isRegression,
    hasCritical,
    newFindings,
    resolvedFindings,
  } = drift;
  const keys = (findings: readonly DriftFinding[]): string[] =>
    findings.map((finding) => hashable(`${finding.severity}|${keyOf(finding)}`)).sort();
  const content = JSON.stringify([
    previousScore,
    currentScore,
    isRegression,
    hasCritical,
    keys(newFindings),
    keys(resolvedFindings),
  ]);
  return { eventId: idOf('drift', repository, timestamp, content), ...drift };
}

/** Converts a drift to telemetry with all its ids; the same for OTLP and REST. */
export function driftTelemetry(drift: DriftRecord): DriftSpan {
  const startMs = Date.parse(drift.timestamp);
  const events = (name: string, findings: readonly DriftFinding[]): DriftSpan['events'] =>
    findings.map((finding) => ({ name, timeMs: startMs, attributes: findingAttributes(finding) }));
  return {
    name: SPAN_DRIFT,
    ...decisionSpanIds(drift.eventId),
    startMs,
    durationMs: 0,
    attributes: {
      [ATTR_EVENT_ID]: drift.eventId,
      [ATTR_DRIFT_TIMESTAMP]: drift.timestamp,
      [ATTR_DRIFT_SCORE_PREVIOUS]: drift.previousScore,
      [ATTR_DRIFT_SCORE_CURRENT]: drift.currentScore,
      [ATTR_DRIFT_SCORE_DELTA]: drift.currentScore - drift.previousScore,
      [ATTR_DRIFT_IS_REGRESSION]: drift.isRegression,
      [ATTR_DRIFT_HAS_CRITICAL]: drift.hasCritical,
      [ATTR_DRIFT_FINDINGS_NEW]: drift.newFindings.length,
      [ATTR_DRIFT_FINDINGS_RESOLVED]: drift.resolvedFindings.length,
    },
    events: [
      ...events(SPAN_EVENT_FINDING_NEW, drift.newFindings),
      ...events(SPAN_EVENT_FINDING_RESOLVED, drift.resolvedFindings),
    ],
  };
}

/** Builds the body of `POST /v1/ingest/drift`. {@link driftOfBody} restores the same drift. */
export function bodyOfDrift(drift: DriftRecord): DriftBody {
  const { repository, timestamp, previousScore, currentScore, isRegression, hasCritical } = drift;
  const findings = (list: readonly DriftFinding[]): DriftBody['newFindings'] =>
    list.map(({ id, severity, category, title, file, fingerprint }) => ({
      id,
      severity,
      category: category as DriftBody['newFindings'][number]['category'],
      title,
      file,
      fingerprint,
    }));
  return {
    repository,
    timestamp,
    newFindings: findings(drift.newFindings),
    resolvedFindings: findings(drift.resolvedFindings),
    scoreDelta: currentScore - previousScore,
    previousScore,
    currentScore,
    isRegression,
    hasCritical,
  };
}

/**
 * Converts a body to a scrubbed drift. AgentShield's ids contain offsets, so a moved line is reported as a new and a
 * resolved finding. Such pairs are removed, and the producer's `isRegression` and `hasCritical` are computed again.
 *
 * @returns the drift, and the number of findings listed as both new and resolved.
 */
export function driftOfBody(body: DriftStatement, repository: string): { drift: DriftRecord; moved: number } {
  const [came, went] = [body.newFindings.map(keyed), body.resolvedFindings.map(keyed)];
  const newFindings = findingsWithout(came, went).map(({ finding }) => finding);
  const resolvedFindings = findingsWithout(went, came).map(({ finding }) => finding);
  const moved = came.length - newFindings.length;
  const { previousScore, currentScore } = body;
  const drift = driftRecord({
    repository,
    timestamp: new Date(body.timestamp).toISOString(),
    previousScore,
    currentScore,
    newFindings,
    resolvedFindings,
    isRegression: moved === 0 ? body.isRegression : newFindings.length > 0 || currentScore < previousScore,
    hasCritical: moved === 0 ? body.hasCritical : newFindings.some(({ severity }) => severity === 'critical'),
  });
  return { drift, moved };
}

function keyed(row: DriftBody['newFindings'][number]): { key: string; finding: DriftFinding } {
  const [id, title, file] = [
    scrubText(row.id, MAX_FINDING_TEXT),
    scrubText(row.title, MAX_FINDING_TEXT),
    fileOfFinding(row.file),
  ];
  const { severity, category, fingerprint } = row;
  const finding: DriftFinding = {
    id,
    severity,
    title,
    file,
    ...(typeof category === 'string' ? { category } : {}),
    ...(typeof fingerprint === 'string'
      ? {
          fingerprint: `${id}::${file}::${evidenceHashOf({ id, category: category ?? 'secrets', hash: fingerprint.slice(fingerprint.lastIndexOf('::') + 2) })}`,
        }
      : {}),
  };
  return { key: `${severity}|${keyOf(finding)}`, finding };
}

/** Returns the key of a finding; without a fingerprint it is id without offset, file and title. */
function keyOf({ id, file, title, fingerprint }: DriftFinding): string {
  return findingKey({ id, file, fingerprint: fingerprint ?? `::${title}` });
}

function findingAttributes(finding: DriftFinding): Attributes {
  const { id, severity, category, title, file, fingerprint } = finding;
  return {
    [ATTR_FINDING_ID]: id,
    ...(fingerprint === undefined ? {} : { [ATTR_FINDING_KEY]: keyOf(finding) }),
    [ATTR_FINDING_SEVERITY]: severity,
    ...(category === undefined ? {} : { [ATTR_FINDING_CATEGORY]: category }),
    [ATTR_FINDING_TITLE]: title,
    [ATTR_FINDING_FILE]: file,
  };
}
