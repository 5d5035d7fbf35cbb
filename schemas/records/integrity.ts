import type { Integrity } from './enums.js';

/** What AgentShield's `evidence-pack inspect` says of one artifact. Null: there is none. */
export interface InspectedArtifact {
  ok: boolean;
  expectedSha256?: string | null | undefined;
  actualSha256?: string | null | undefined;
  expectedBytes?: number | null | undefined;
  actualBytes?: number | null | undefined;
}

/** All that an inspection says about whether a pack holds together; what it does not say is absent. */
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
  /** How many findings the report counts, the remediation plan has, and are listed. */
  findings: { reported: number; planned?: number | undefined; listed?: number | undefined };
}

/**
 * Judges a pack by everything that was said of it: one artifact that does not verify makes it a `mismatch`, any other
 * error, and counts that contradict each other, make it `suspect`. There is no signature: a pack that was edited and
 * hashed anew all over verifies, and gives itself away only where it contradicts itself.
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

/** The manifest has no digest, expected or actual. What was not said cannot differ. */
function verifies({ ok, expectedSha256, actualSha256, expectedBytes, actualBytes }: InspectedArtifact): boolean {
  return ok && isSame(expectedSha256, actualSha256) && isSame(expectedBytes, actualBytes);
}

const isSame = <T>(expected: T | undefined, actual: T | undefined): boolean =>
  expected === undefined || actual === undefined || expected === actual;
