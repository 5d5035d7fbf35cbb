import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { variable } from '../environment.js';

/** Options of every command that reads AgentShield's own runtime logs. */
export interface RuntimeLogOptions {
  runtimeLog?: string[];
  project?: string[];
}

/** Adds `--runtime-log` and `--project`. */
export function withRuntimeLogs(command: Command): Command {
  return command
    .option('--runtime-log <file...>', "logs of AgentShield's stock hook to send as well (SHIELDWATCH_RUNTIME_LOGS)")
    .option('--project <dir...>', 'the same for a project: its .agentshield/runtime.ndjson');
}

/** Returns the given files. */
export function runtimeLogs({ runtimeLog = [], project = [] }: RuntimeLogOptions, env: NodeJS.ProcessEnv): string[] {
  const fromEnv = (variable(env, 'SHIELDWATCH_RUNTIME_LOGS') ?? '').split(delimiter).filter((path) => path !== '');
  return [...runtimeLog, ...project.map((dir) => join(dir, '.agentshield', 'runtime.ndjson')), ...fromEnv];
}
