import type { ScanBody } from '#schemas/http/ingest-scan.js';
import type { Integrity } from '#schemas/records/enums.js';

/**
 * Whether the evidence holds together. There is no signature: a report that was edited and hashed anew verifies,
 * and gives itself away only where it contradicts the remediation plan beside it.
 */
export function integrityOf(body: ScanBody): Integrity {
  if (typeof body.expectedBundleDigest === 'string' && body.expectedBundleDigest !== body.bundleDigest) return 'mismatch';
  const { total } = body.report.findings;
  const planned = body.remediation?.totalFindings ?? total;
  const listed = body.findings?.length ?? total;
  return planned === total && listed === total ? 'ok' : 'suspect';
}
