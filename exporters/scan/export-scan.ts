import { BREAKDOWN_CATEGORIES, SEVERITIES } from '#schemas/records/enums.js';
import type { ScanRecord } from '#schemas/records/scan.js';
import { bodyOfScan } from '#schemas/mapping/scan-body.js';
import { scanTelemetry, type ScanExport } from '#schemas/records/scan-telemetry.js';
import { scrubText } from '#schemas/scrub.js';
import { METRIC_FINDINGS, METRIC_SCORE } from '#schemas/semconv.js';
import { gauge, type Metric } from '../otlp/metric.js';
import { BATCH_SIZE, type Sender } from '../otlp/sender.js';

/**
 * Sends a scan: findings first and the span last, so that a scan that arrived has all its findings; a scan that lost
 * findings would look like a repository in which they were fixed. Gauges follow. Returns warnings about what did not
 * arrive although the scan did.
 */
export async function exportScan(sender: Sender, scanned: ScanExport): Promise<string[]> {
  const { scan } = scanned;
  const { repository } = scan;
  const { span, findings } = scanTelemetry(scanned);
  const warnings: string[] = [];
  for (let from = 0; from < findings.length; from += BATCH_SIZE) {
    const batch = findings.slice(from, from + BATCH_SIZE).map((record) => ({ ...record, repository }));
    const { rejected, message } = await sender.logRecords(batch);
    if (rejected > 0) warnings.push(`the server refused ${String(rejected)} findings: ${message}`);
  }
  const { rejected, message } = await sender.spans([{ ...span, repository }]);
  if (rejected > 0) warnings.push(`the server refused the scan: ${message}`);
  try {
    await sender.metrics(scanGauges(scan, span.startMs));
  } catch (error) {
    // Gauges serve other tools' dashboards; the scan itself has arrived.
    warnings.push(`gauges were not accepted: ${error instanceof Error ? error.message : String(error)}`);
  }
  return warnings;
}

/** Sends the same scan through `POST /v1/ingest/scan`. A scan that already exists (409) has arrived. */
export async function postScan(sender: Sender, scanned: ScanExport): Promise<string[]> {
  const answer = await sender.json('v1/ingest/scan', bodyOfScan(scanned), [409]);
  try {
    const { warnings } = JSON.parse(answer) as { warnings?: unknown };
    return Array.isArray(warnings) ? warnings.map((warning) => scrubText(String(warning), 300)) : [];
  } catch {
    return [];
  }
}

/** Returns score by category and findings by severity. A scan of 0 files has no score: AgentShield would report 100. */
function scanGauges(scan: ScanRecord, timeMs: number): Metric[] {
  const { breakdown } = scan;
  const scores = [
    { value: scan.score, attributes: { category: 'overall' } },
    ...(breakdown === undefined
      ? []
      : BREAKDOWN_CATEGORIES.map((category) => ({ value: breakdown[category], attributes: { category } }))),
  ];
  const counts = SEVERITIES.map((severity) => ({ value: scan.findings[severity], attributes: { severity } }));
  return [
    ...(scan.filesScanned === 0 ? [] : [gauge(scan.repository, METRIC_SCORE, '1', scores, timeMs)]),
    gauge(scan.repository, METRIC_FINDINGS, '{finding}', counts, timeMs),
  ];
}
