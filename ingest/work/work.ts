import { readDrift, readDriftWebhook } from '../drift/read-drift.js';
import { toInserts, toProtobuf, type OtlpWork } from '../landing/otlp-work.js';
import { readRuntime } from '../runtime/read-runtime.js';
import { readScan } from '../scan/read-scan.js';
import type { Meter } from '../request/meter.js';
import type { ReportKind, ReportWork } from '../report/report.js';

/** Synchronous work on the bytes of one request. */
export type Work = OtlpWork | ReportWork;

/** What each kind of report is read by. */
export const REPORTS = {
  runtime: readRuntime,
  scan: readScan,
  drift: readDrift,
  webhook: readDriftWebhook,
} as const satisfies Record<ReportKind, unknown>;

/** What a kind of report is read as. */
export type ReportOf<K extends ReportKind> = ReturnType<(typeof REPORTS)[K]>;

/** What work gives: bytes, rows or a report. */
export type WorkResult = ReturnType<typeof toProtobuf> | ReturnType<typeof toInserts> | ReportOf<ReportKind>;

/** Does the work. @throws ShieldwatchError 4xx; `meter` is right then too. */
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
