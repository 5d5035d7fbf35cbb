import { writeSync } from 'node:fs';
import { scrubText } from '#schemas/scrub.js';
import type { Verdict } from './verdict.js';

/** Codex truncates long reasons. */
const MAX_REASON = 500;

/**
 * Tells the agent. A block is said in the one form that Claude Code, Codex and Gemini all obey: this JSON
 * and nothing else on stdout, the reason on stderr, exit code 2. Codex runs the tool when the JSON has a
 * key it does not know or the reason is missing, and when exit code 2 comes with an empty stderr: where stderr
 * cannot be written, exit code 0 with the JSON blocks in all three. An allowed call is answered by silence and 0.
 * Returns the exit code.
 */
export function answer(event: string, tool: string, verdict: Verdict): number {
  if (verdict.decision === 'allow') return 0;
  const body = denial(event, tool, verdict.reason);
  const isReasonSaid = say(2, `${body.reason}\n`);
  const isDenialSaid = say(1, JSON.stringify(body));
  return isDenialSaid && !isReasonSaid ? 0 : 2;
}

/** The JSON that denies a call, to a command hook and to an HTTP hook alike. */
export interface Denial {
  readonly decision: 'block';
  readonly reason: string;
  readonly hookSpecificOutput: {
    readonly hookEventName: string;
    readonly permissionDecision: 'deny';
    readonly permissionDecisionReason: string;
  };
}

export function denial(event: string, tool: string, why: string): Denial {
  // Each by itself: a quote that the cut leaves open would end in the other.
  const head = `AgentShield: BLOCKED ${scrubText(tool, 100)} — `;
  const reason = head + scrubText(why, MAX_REASON - head.length);
  return {
    decision: 'block',
    reason,
    hookSpecificOutput: { hookEventName: event, permissionDecision: 'deny', permissionDecisionReason: reason },
  };
}

/** Writes all of a text; false when it could not. A closed pipe must not turn a block into a crash, after which agents run the tool. */
function say(descriptor: number, text: string): boolean {
  try {
    return writeSync(descriptor, text) === Buffer.byteLength(text);
  } catch {
    return false;
  }
}
