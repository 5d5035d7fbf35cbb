import type { Integrity } from './enums.js';

/** Result of AgentShield's `evidence-pack inspect` for one artifact. Null for absent. */
export interface InspectedArtifact {
  ok: boolean;
  expectedSha256?: string | null | undefined;
  actualSha256?: string | null | undefined;
  expectedBytes?: number | null | undefined;
  actualBytes?: number | null | undefined;
}

/** Everything that an inspection reports about the integrity of a pack; missing values are absent. */
export interface Inspected {
  bundleDigest: string;
  expectedBundleDigest?: string | null | undefined;
  ok?: boolean | null | undefined;
  errors?: readonly string[] | null | undefined;
  artifactCount?: number | null | undefined;
  verifiedArtifactCount?: number | null | undefined;
  verification?:
    | {
        ok?: boolean | null | undefined;
        errors?: readonly string[] | null | undefined;
        artifacts?: readonly InspectedArtifact[] | null | undefined;
      }
    | null
    | undefined;
  /** Number of findings in the report, in the remediation plan, and listed. */
  findings: { reported: number; planned?: number | undefined; listed?: number | undefined };
}

/**
 * Returns the integrity of a pack. An artifact that does not verify makes it a `mismatch`; any other error, or counts
 * that contradict each other, make it `suspect`. Packs are not signed: a pack that was edited and hashed again
 * verifies, and is detected only if it contradicts itself.
 */
export function integrityOf({ findings, ...inspected }: Inspected): Integrity {
  const { verification, artifactCount, verifiedArtifactCount, expectedBundleDigest } = inspected;
  const isBroken =
    (typeof expectedBundleDigest === 'string' && expectedBundleDigest !== inspected.bundleDigest) ||
    (typeof artifactCount === 'number' &&
      typeof verifiedArtifactCount === 'number' &&
      verifiedArtifactCount < artifactCount) ||
    verification?.ok === false ||
    (verification?.errors ?? []).length > 0 ||
    (verification?.artifacts ?? []).some((artifact) => !verifies(artifact));
  if (isBroken) return 'mismatch';
  const { reported, planned = reported, listed = reported } = findings;
  const isContradictory =
    inspected.ok === false || (inspected.errors ?? []).length > 0 || planned !== reported || listed !== reported;
  return isContradictory ? 'suspect' : 'ok';
}

/** The manifest itself has no expected or actual digest. Missing values do not count as different. */
function verifies({ ok, expectedSha256, actualSha256, expectedBytes, actualBytes }: InspectedArtifact): boolean {
  return ok && isSame(expectedSha256, actualSha256) && isSame(expectedBytes, actualBytes);
}

const isSame = <T>(expected: T | undefined, actual: T | undefined): boolean =>
  expected === undefined || actual === undefined || expected === actual;
