import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { answer } from './answer.js';
import { decide, type Decision } from './decide.js';
import { fixedMode, fixEnvironment } from './fixed-values.js';
import { FIXED_SEED_OPTION } from '../hook-start.js';
import { HashFlood } from './hash-flood.js';
import { record } from './record.js';
import { readStdin } from './stdin.js';
import { cannotJudge, type Judging } from './verdict.js';
import { environment } from '../environment.js';

/**
 * Runs `shieldwatch hook [options]`: judges the tool call on standard input, answers the agent, appends a line to the
 * spool, and sets the exit code. Options: {@link fixedMode}, {@link fixEnvironment}. Loads only Node's own modules and
 * few other files, because it runs before every tool call. Returns a promise only if it had to wait for standard input.
 */
export function runHook(args: readonly string[], env: NodeJS.ProcessEnv = environment): Promise<void> | undefined {
  // Until there is a verdict, any end of the process blocks. Agents treat exit code 1 as allow.
  process.exitCode = 2;
  const startedAt = process.hrtime();
  fixEnvironment(args, env);
  const projectDir = env['CLAUDE_PROJECT_DIR'] ?? '';
  // The hook's folder, and its Node.
  const own = [dirname(process.argv[1] ?? '/nowhere/hook'), process.execPath];
  const judging: Judging = { mode: fixedMode(args, env), env, projectDir, startDir: process.cwd(), own };
  const settle = (decision: Decision | undefined): void => {
    conclude(decision, startedAt, judging);
  };
  const judge = (input: string): void => {
    try {
      settle(decide(input, judging));
    } catch (error) {
      if (!(error instanceof HashFlood)) throw error;
      process.exitCode = askAnotherProcess(input);
    }
  };
  let text: string | Promise<string>;
  try {
    text = readStdin();
  } catch {
    settle(UNREADABLE);
    return undefined;
  }
  if (typeof text !== 'string')
    return text.then(judge, () => {
      settle(UNREADABLE);
    });
  judge(text);
  return undefined;
}

const UNREADABLE: Decision = {
  event: 'PreToolUse',
  call: { tool: 'unknown', cwd: '/', sessionId: '', agent: '' },
  verdict: cannotJudge('the hook input cannot be read'),
};

/** Delegates the call to a hook process with a random seed. Returns the exit code. */
function askAnotherProcess(input: string): number {
  const options = process.execArgv.filter((option) => option !== FIXED_SEED_OPTION);
  const { status } = spawnSync(process.execPath, [...options, ...process.argv.slice(1)], {
    input,
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  if (status !== null) return status;
  return answer(UNREADABLE.event, UNREADABLE.call.tool, cannotJudge('the guard failed'));
}

function conclude(decision: Decision | undefined, startedAt: [number, number], { env, projectDir }: Judging): void {
  if (decision === undefined) {
    process.exitCode = 0;
    return;
  }
  // Not `performance`, which Node loads on first use.
  const [seconds, nanoseconds] = process.hrtime(startedAt);
  process.exitCode = answer(decision.event, decision.call.tool, decision.verdict);
  record(decision.call, decision.verdict, seconds * 1e3 + nanoseconds / 1e6, { env, projectDir });
}
