import { readDrift, readDriftWebhook } from '../drift/read-drift.js';
import { toInserts, toProtobuf, type OtlpWork } from '../landing/otlp-work.js';
import { readRuntime } from '../runtime/read-runtime.js';
import { readScan } from '../scan/read-scan.js';
import type { Meter } from '../request/meter.js';
import type { ReportKind, ReportWork } from '../report/report.js';

/** Synchronous processing of one request's bytes. */
export type Work = OtlpWork | ReportWork;

/** Parsers by kind of report. */
export const REPORTS = {
  runtime: readRuntime,
  scan: readScan,
  drift: readDrift,
  webhook: readDriftWebhook,
} as const satisfies Record<ReportKind, unknown>;

/** Result of parsing a kind of report. */
export type ReportOf<K extends ReportKind> = ReturnType<(typeof REPORTS)[K]>;

/** Result of work: bytes, INSERTs or a report. */
export type WorkResult = ReturnType<typeof toProtobuf> | ReturnType<typeof toInserts> | ReportOf<ReportKind>;

/**
 * Runs the work. `meter` is updated also when this throws.
 * @throws ShieldwatchError 4xx.
 */
export function runWork(work: Work, meter: Meter): WorkResult {
  switch (work.kind) {
    case 'protobuf':
      return toProtobuf(work.signal, work.type, work.body, meter);
    case 'inserts':
      return toInserts(work, meter);
    case 'report':
      return REPORTS[work.report](work.body, work.sender, meter);
  }
}
