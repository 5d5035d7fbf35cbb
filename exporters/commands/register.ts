import type { Command } from 'commander';
import { registerAgent } from './agent.js';
import { registerInstall } from './install.js';
import { registerScan } from './scan.js';
import { registerShip } from './ship.js';
import { registerWatch } from './watch.js';

/**
 * Adds the producers' commands. What they need is loaded when they run. `hook` stands here for `--help`:
 * the entries of the command line start the bundled hook before they come here.
 */
export function registerProducerCommands(program: Command): void {
  registerScan(program);
  registerWatch(program);
  registerShip(program);
  registerAgent(program);
  registerInstall(program);
  program
    .command('hook')
    .description('judge the tool call on standard input (PreToolUse hook of Claude Code and Codex, BeforeTool of Gemini)')
    .option('--policy-mode <mode>', 'safe, mended or stock (SHIELDWATCH_POLICY_MODE, default safe)')
    .action(async () => {
      const { runHook } = await import('../hook/main.js');
      await runHook(process.argv.slice(2));
    });
}
