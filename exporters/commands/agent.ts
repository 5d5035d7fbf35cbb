import type { Command } from 'commander';
import { hookToken } from '../agent/hook-token.js';
import { policyMode, stricterMode } from '../hook/policy-mode.js';
import { resolveToken, resolveUrl } from '../otlp/connection.js';
import { spoolFolder } from '../spool/location.js';
import { withConnection, type ConnectionOptions } from './connection-options.js';
import { writeStderr } from './output.js';
import { portOf } from './port.js';
import { runtimeLogs, withRuntimeLogs, type RuntimeLogOptions } from './runtime-log-options.js';
import { environment } from '../environment.js';

interface AgentCommandOptions extends ConnectionOptions, RuntimeLogOptions {
  port?: string;
  policyMode?: string;
  drill?: true;
}

/** Registers `agent`. */
export function registerAgent(program: Command): void {
  withRuntimeLogs(withConnection(program.command('agent')))
    .description('run beside the agents: send decisions as they come, and judge calls over HTTP on loopback')
    .option('--port <port>', 'of the HTTP hook (SHIELDWATCH_AGENT_PORT, default 4327)')
    .option('--policy-mode <mode>', 'strict, exact or compat (SHIELDWATCH_POLICY_MODE, default strict)')
    .option('--drill', 'once a day prove with each installed agent that a denied call is stopped (see `drill`)')
    .action(agent);
}

async function agent(options: AgentCommandOptions): Promise<void> {
  const { startAgent } = await import('../agent/run-agent.js');
  const token = resolveToken(options.token, environment);
  const url = resolveUrl(options.url, environment);
  const running = await startAgent({
    url,
    token,
    spoolDir: spoolFolder(environment),
    runtimeLogs: runtimeLogs(options, environment),
    port: portOf(options.port, environment),
    hookToken: hookToken(environment),
    mode: stricterMode(policyMode(options.policyMode), environment),
    env: environment,
    isDrilling: options.drill ?? false,
    say: writeStderr,
  });
  writeStderr(`HTTP hook on ${running.hookUrl}`);
  writeStderr(
    token === undefined ? 'nothing is sent: no token (SHIELDWATCH_TOKEN)' : `sending to ${new URL(url).origin}`,
  );
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        resolve();
      });
  });
  await running.stop();
}
