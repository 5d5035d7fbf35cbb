import { writeSync } from 'node:fs';
import { scrubText } from '#schemas/scrub.js';
import type { Verdict } from './verdict.js';

/** Codex truncates long reasons. */
const MAX_REASON = 500;

/**
 * Answers the agent and returns the exit code. A block uses the only form that Claude Code, Codex and Gemini all obey:
 * this JSON and nothing else on stdout, the reason on stderr, exit code 2. Codex runs the tool if the JSON has an
 * unknown key or no reason, and if exit code 2 comes with an empty stderr: if stderr cannot be written, exit code 0
 * with the JSON blocks in all three. An allowed call gets no output and exit code 0.
 */
export function answer(event: string, tool: string, verdict: Verdict): number {
  if (verdict.decision === 'allow') return 0;
  const body = denial(event, tool, verdict.reason);
  const isReasonSaid = say(2, `${body.reason}\n`);
  const isDenialSaid = say(1, JSON.stringify(body));
  return isDenialSaid && !isReasonSaid ? 0 : 2;
}

/** Returns the JSON that denies a call, for a command hook and an HTTP hook alike. */
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
  // Each separately: a quote that truncation leaves open would otherwise end in the next text.
  const head = `AgentShield: BLOCKED ${scrubText(tool, 100)} — `;
  const reason = head + scrubText(why, MAX_REASON - head.length);
  return {
    decision: 'block',
    reason,
    hookSpecificOutput: { hookEventName: event, permissionDecision: 'deny', permissionDecisionReason: reason },
  };
}

/**
 * Writes all of a text; returns false on failure. A closed pipe must not turn a block into a crash, after which agents
 * run the tool.
 */
function say(descriptor: number, text: string): boolean {
  try {
    return writeSync(descriptor, text) === Buffer.byteLength(text);
  } catch {
    return false;
  }
}
