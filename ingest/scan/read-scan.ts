import { ShieldwatchError } from '#schemas/errors.js';
import { scanBody, type ScanBody } from '#schemas/http/ingest-scan.js';
import type { Integrity } from '#schemas/records/enums.js';
import { filesScannedOf, integrityOfBody, scanOfBody } from '#schemas/mapping/scan-body.js';
import { scanTelemetry, type ScanExport } from '#schemas/records/scan-telemetry.js';
import { redactText } from '#schemas/redaction.js';
import { checkTime } from '../body/check-time.js';
import { knownFieldsOf } from '../body/fields.js';
import { parseJson } from '../body/json.js';
import { parseBody } from '../body/read-json.js';
import { logsRequest, tracesRequest } from '../report/otlp-json.js';
import { JSON_TYPE } from '../request/content.js';
import type { Meter } from '../request/meter.js';
import { repositoryOf, type OutgoingRequest, type Report, type Sender } from '../report/report.js';

const KNOWN_FIELDS = knownFieldsOf(scanBody);
/** Findings per request to the collector. */
const BATCH = 1_000;

/** A scan as OTLP requests: findings first, the span last, so that a stored scan has all its findings. */
export interface ScanReport extends Report {
  readonly bundleDigest: string;
  /** Time of the scan, ISO 8601. */
  readonly generatedAt: string;
  readonly integrity: Integrity;
  /** Whether any finding has the category `injection`. */
  readonly hasInjection: boolean;
}

/** Parses the body of `POST /v1/ingest/scan`. */
export function readScan(bytes: Buffer, sender: Sender, meter: Meter): ScanReport {
  const input = parseJson(bytes, meter);
  requireRedacted(input);
  const { value: body, warnings } = parseBody(input, scanBody, KNOWN_FIELDS);
  checkTime(body.generatedAt, 'generatedAt');
  checkDigest(body.bundleDigest, 'bundleDigest');
  const { named, repository } = repositoryOf(body.repository, sender);
  const scan = scanOfBody(body, repository);
  return {
    named,
    warnings: [...warnings, ...missingValueWarnings(body)],
    bundleDigest: body.bundleDigest,
    generatedAt: new Date(body.generatedAt).toISOString(),
    integrity: integrityOfBody(body),
    hasInjection: scan.findings.some(({ category }) => category === 'injection'),
    requests: requestsOf(scan),
  };
}

function requestsOf(scan: ScanExport): OutgoingRequest[] {
  const { repository } = scan.scan;
  const { span, findings } = scanTelemetry(scan);
  const requests: OutgoingRequest[] = [];
  for (let from = 0; from < findings.length; from += BATCH) {
    requests.push({
      signal: 'logs',
      type: JSON_TYPE,
      bytes: logsRequest(repository, findings.slice(from, from + BATCH)),
    });
  }
  requests.push({ signal: 'traces', type: JSON_TYPE, bytes: tracesRequest(repository, [span]) });
  return requests;
}

/**
 * Rejects a pack that is not marked as redacted.
 * @throws ShieldwatchError 422.
 */
function requireRedacted(input: unknown): void {
  const redacted =
    typeof input === 'object' && input !== null && !Array.isArray(input) && Object.hasOwn(input, 'redacted')
      ? (input as { redacted: unknown }).redacted
      : undefined;
  if (redacted === true) return;
  throw new ShieldwatchError('not_redacted', 'redacted: expected true; unredacted evidence packs are not accepted', {
    field: 'redacted',
    expected: 'true',
  });
}

/** Rejects a digest that looks like a secret: masking it would give two scans one identity. */
function checkDigest(digest: string, field: string): void {
  if (redactText(digest) === digest) return;
  throw new ShieldwatchError('body_invalid', `${field} looks like a secret`, { field, expected: 'a digest' });
}

/** Returns warnings about missing values that affect the series. */
function missingValueWarnings(body: ScanBody): string[] {
  return filesScannedOf(body) === undefined
    ? ['filesScanned: not sent; a scan of an empty folder cannot be distinguished from one without findings']
    : [];
}
