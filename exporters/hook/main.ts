import { answer } from './answer.js';
import { decide, type Decision } from './decide.js';
import { policyMode } from './policy-mode.js';
import { record } from './record.js';
import { readStdin } from './stdin.js';
import { cannotJudge } from './verdict.js';

/**
 * `shieldwatch hook [--policy-mode <mode>]`: judges the one tool call on standard input, answers the agent,
 * leaves a line in the spool, and sets the exit code. It loads nothing but Node's own files and a few of
 * ours: it runs before every tool call.
 */
export async function runHook(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<void> {
  // Until there is a verdict, whatever ends the process blocks. Exit code 1 would be leave.
  process.exitCode = 2;
  const startedAt = performance.now();
  const projectDir = env['CLAUDE_PROJECT_DIR'] ?? '';
  const mode = policyMode(optionValue(args, '--policy-mode') ?? env['SHIELDWATCH_POLICY_MODE']);
  const decision = await readDecision((text) => decide(text, { mode, env, projectDir }));
  if (decision === undefined) {
    process.exitCode = 0;
    return;
  }
  const durationMs = performance.now() - startedAt;
  process.exitCode = answer(decision.event, decision.call.tool, decision.verdict);
  record(decision.call, decision.verdict, durationMs, { env, projectDir });
}

async function readDecision(decideText: (text: string) => Decision | undefined): Promise<Decision | undefined> {
  let text: string;
  try {
    text = await readStdin();
  } catch {
    const call = { tool: 'unknown', cwd: '/', sessionId: '', agent: '' };
    return { event: 'PreToolUse', call, verdict: cannotJudge('the hook input cannot be read') };
  }
  return decideText(text);
}

function optionValue(args: readonly string[], name: string): string | undefined {
  const index = args.indexOf(name);
  return index < 0 ? args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1) : args[index + 1];
}
