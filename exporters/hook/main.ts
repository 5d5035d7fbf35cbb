import { answer } from './answer.js';
import { record, type RecordedCall } from './record.js';
import { readStdin } from './stdin.js';
import { parseHookInput } from './tool-call.js';
import { cannotJudge, judge, type Verdict } from './verdict.js';

interface Decision {
  readonly event: string;
  readonly call: RecordedCall;
  readonly verdict: Verdict;
}

/**
 * `shieldwatch hook`: judges the one tool call on standard input, answers the agent, leaves a line in the
 * spool, and sets the exit code. It loads neither zod nor OpenTelemetry: it runs before every tool call.
 */
export async function runHook(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const startedAt = performance.now();
  const decision = await decide(env);
  if (decision === undefined) return;
  const durationMs = performance.now() - startedAt;
  process.exitCode = answer(decision.event, decision.call.tool, decision.verdict);
  record(decision.call, decision.verdict, durationMs, env);
}

/** Undefined when nothing was asked. Never throws: agents take a crashed hook for leave. */
async function decide(env: NodeJS.ProcessEnv): Promise<Decision | undefined> {
  const unknown: RecordedCall = { tool: 'unknown', cwd: env['PWD'] ?? '/', sessionId: '', agent: '' };
  try {
    const input = parseHookInput(await readStdin(), env);
    if (input.kind === 'not-a-call') return undefined;
    if (input.kind === 'unreadable') return { event: input.event, call: unknown, verdict: cannotJudge(input.problem) };
    return { event: input.call.event, call: input.call, verdict: judge(input.call, env) };
  } catch {
    return { event: 'PreToolUse', call: unknown, verdict: cannotJudge('the guard failed') };
  }
}
