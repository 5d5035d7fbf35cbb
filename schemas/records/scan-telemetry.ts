import type { SeverityNumber } from '@opentelemetry/api-logs';
import { EVENT_FINDING, SPAN_SCAN } from '../semconv.js';
import { decisionSpanIds } from './decision.js';
import { findingAttributes, FINDING_SEVERITY_NUMBERS, type FindingRecord } from './finding.js';
import { scanAttributes, type ScanRecord } from './scan.js';

/** A scan with its findings and duration. */
export interface ScanExport {
  readonly scan: ScanRecord;
  readonly findings: readonly FindingRecord[];
  readonly durationMs: number;
}

type Attributes = Readonly<Record<string, string | number | boolean>>;

/** The span of a scan. Times are milliseconds since the epoch. */
export interface ScanSpan {
  name: string;
  traceId: string;
  spanId: string;
  startMs: number;
  durationMs: number;
  attributes: Attributes;
}

/** The log record of a finding, in the trace of its scan. */
export interface FindingLogRecord {
  eventName: string;
  traceId: string;
  spanId: string;
  timeMs: number;
  severityNumber: SeverityNumber;
  severityText: string;
  attributes: Attributes;
}

/**
 * Converts a scan to telemetry with all its ids; the same for OTLP and REST. The duration is in whole milliseconds,
 * because fractions are formatted differently.
 */
export function scanTelemetry({ scan, findings, durationMs }: ScanExport): {
  span: ScanSpan;
  findings: FindingLogRecord[];
} {
  const ids = decisionSpanIds(scan.eventId);
  const timeMs = Date.parse(scan.generatedAt);
  return {
    span: {
      name: SPAN_SCAN,
      ...ids,
      startMs: timeMs,
      durationMs: Math.round(durationMs),
      attributes: scanAttributes(scan),
    },
    findings: findings.map((finding) => ({
      eventName: EVENT_FINDING,
      ...ids,
      timeMs,
      severityNumber: FINDING_SEVERITY_NUMBERS[finding.severity],
      severityText: finding.severity,
      attributes: findingAttributes(finding),
    })),
  };
}
