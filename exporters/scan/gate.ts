import type { EvidencePack } from './evidence-pack.js';

/** AgentShield's own thresholds, which no option of its CLI changes. */
const MAX_SCORE_DROP = 5;

const EXIT_GATE = 3;

/**
 * Returns the exit code of a gated scan. AgentShield's `--gate` fails on any new finding or a score that fell by more
 * than 5, and passes if it could not compare; here that fails too, because a requested gate must be evaluated.
 */
export function gateExitCode(baseline: EvidencePack['baseline'], exitCode: number): number {
  if ('status' in baseline) return EXIT_GATE;
  const { newFindings, newCriticalCount, newHighCount, scoreDelta } = baseline;
  const fails = newFindings.length > 0 || newCriticalCount + newHighCount > 0 || -scoreDelta > MAX_SCORE_DROP;
  return fails ? EXIT_GATE : exitCode;
}
