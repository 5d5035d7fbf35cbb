import { scanTelemetry, type ScanExport } from '#schemas/records/scan-telemetry.js';
import type { Caller } from '../auth/caller.js';
import { logsRequest, tracesRequest } from '../telemetry/otlp-json.js';
import { JSON_TYPE, type TelemetrySink } from '../telemetry/sink.js';

/** Findings of one request to the collector. */
const BATCH = 1_000;

/** Sends a scan on as our own exporter does: findings first and the span last, so that a scan which arrived has all its findings. */
export async function sendScan(sink: TelemetrySink, scan: ScanExport, caller: Caller): Promise<void> {
  const { repository } = scan.scan;
  const { span, findings } = scanTelemetry(scan);
  for (let from = 0; from < findings.length; from += BATCH) {
    const body = [logsRequest(repository, findings.slice(from, from + BATCH))];
    await sink.deliver({ signal: 'logs', type: JSON_TYPE, encoding: 'identity', body }, caller);
  }
  await sink.deliver({ signal: 'traces', type: JSON_TYPE, encoding: 'identity', body: [tracesRequest(repository, [span])] }, caller);
}
