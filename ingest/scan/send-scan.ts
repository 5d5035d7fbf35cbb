import type { ScanBody } from '#schemas/http/ingest-scan.js';
import { decisionSpanIds } from '#schemas/records/decision.js';
import { findingAttributes, FINDING_SEVERITY_NUMBERS, type FindingRecord } from '#schemas/records/finding.js';
import { EVENT_FINDING, SPAN_SCAN } from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { logsRequest, tracesRequest } from '../telemetry/otlp-json.js';
import { JSON_TYPE, type TelemetrySink } from '../telemetry/sink.js';
import { findingRecords } from './finding-records.js';
import { attributesOf } from './scan-attributes.js';

/** Findings of one request to the collector. */
const BATCH = 1_000;

/**
 * Sends a scan on as our own exporter does: findings first and the span last, so that a scan which arrived has
 * all its findings. Returns its findings.
 */
export async function sendScan(sink: TelemetrySink, body: ScanBody, repository: string, caller: Caller): Promise<FindingRecord[]> {
  const ids = decisionSpanIds(body.bundleDigest);
  const timeMs = Date.parse(body.generatedAt);
  const findings = findingRecords(body);
  for (let from = 0; from < findings.length; from += BATCH) {
    const records = findings.slice(from, from + BATCH).map((finding) => ({
      eventName: EVENT_FINDING,
      ...ids,
      timeMs,
      severityNumber: FINDING_SEVERITY_NUMBERS[finding.severity],
      severityText: finding.severity,
      attributes: findingAttributes(finding),
    }));
    await sink.deliver({ signal: 'logs', type: JSON_TYPE, encoding: 'identity', body: [logsRequest(repository, records)] }, caller);
  }
  const span = { name: SPAN_SCAN, ...ids, startMs: timeMs, durationMs: 0, attributes: attributesOf(body, repository) };
  await sink.deliver({ signal: 'traces', type: JSON_TYPE, encoding: 'identity', body: [tracesRequest(repository, [span])] }, caller);
  return findings;
}
