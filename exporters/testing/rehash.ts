import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DIGESTED = [
  'agentshield-report.json',
  'agentshield-report.html',
  'agentshield-results.sarif',
  'policy-evaluation.json',
  'baseline-comparison.json',
  'supply-chain.json',
  'ci-context.json',
  'remediation-plan.json',
];

interface Manifest {
  bundleDigest: string;
  artifacts: { file: string; sha256: string | null; bytes: number | null }[];
}

/** Recomputes the digests of a pack's manifest, as a forger would: that of the bundle alone, or all of them. */
export function rehash(folder: string, what: 'bundle' | 'all' = 'all'): void {
  const at = join(folder, 'manifest.json');
  const manifest = JSON.parse(readFileSync(at, 'utf8')) as Manifest;
  const hash = (file: string): { sha256: string | null; bytes: number | null } => {
    if (!existsSync(join(folder, file))) return { sha256: null, bytes: null };
    const content = readFileSync(join(folder, file));
    return { sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
  };
  const entries = DIGESTED.map((file) => ({ file, ...hash(file) }));
  manifest.bundleDigest = `sha256:${createHash('sha256').update(JSON.stringify(entries)).digest('hex')}`;
  if (what === 'all') {
    const listed = manifest.artifacts.length > 0 ? manifest.artifacts : entries;
    manifest.artifacts = listed.map((artifact) =>
      artifact.file === 'manifest.json' ? artifact : { ...artifact, ...hash(artifact.file) },
    );
  }
  writeFileSync(at, JSON.stringify(manifest, null, 2));
}
