import { HashFlood, assertNotHashFlood } from './hash-flood.js';
import type { RecordedCall } from './record.js';
import { parseHookInput } from './tool-call.js';
import { cannotJudge, judge, type Judging, type Verdict } from './verdict.js';

/** A judged tool call. */
export interface Decision {
  /** Event name for the response. */
  readonly event: string;
  readonly call: RecordedCall;
  readonly verdict: Verdict;
}

/**
 * Judges the input of a hook; undefined if it needs no decision. Throws nothing else, because agents treat a crashed
 * hook as allow.
 *
 * @throws HashFlood if this process must not parse it.
 */
export function decide(text: string, judging: Judging): Decision | undefined {
  const unknown: RecordedCall = { tool: 'unknown', cwd: judging.env['PWD'] ?? '/', sessionId: '', agent: '' };
  try {
    assertNotHashFlood(text);
    const input = parseHookInput(text, judging.env);
    if (input.kind === 'not-a-call') return undefined;
    if (input.kind === 'unreadable') return { event: input.event, call: unknown, verdict: cannotJudge(input.problem) };
    return { event: input.call.event, call: input.call, verdict: judge(input.call, judging) };
  } catch (error) {
    if (error instanceof HashFlood) throw error;
    return { event: 'PreToolUse', call: unknown, verdict: cannotJudge('the guard failed') };
  }
}
