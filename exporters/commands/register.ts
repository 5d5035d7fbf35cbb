import type { Command } from 'commander';
import { registerAgent } from './agent.js';
import { registerDrill } from './drill.js';
import { registerInstall } from './install.js';
import { registerPolicy } from './policy.js';
import { registerScan } from './scan.js';
import { registerShip } from './ship.js';
import { registerWatch } from './watch.js';

/**
 * Registers the producers' commands. Their dependencies are loaded when they run. `hook` is registered for `--help`
 * only: the command line's entry points start the bundled hook before they get here.
 */
export function registerProducerCommands(program: Command): void {
  registerScan(program);
  registerWatch(program);
  registerShip(program);
  registerAgent(program);
  registerInstall(program);
  registerDrill(program);
  registerPolicy(program);
  program
    .command('hook')
    .description(
      'judge the tool call on standard input (PreToolUse hook of Claude Code and Codex, BeforeTool of Gemini)',
    )
    .option(
      '--policy-mode <mode>',
      'strict, exact or compat (default strict); SHIELDWATCH_POLICY_MODE makes it stricter, never laxer',
    )
    .option('--home <dir>', 'folder of spool and token; with it the environment determines none of the following')
    .option('--user-home', 'the same, in the home folder that the system knows for this user')
    .option('--spool <dir>', 'spool folder (default: spool in the home)')
    .option('--spool-max-mb <number>', 'cap of the spool (default 64)')
    .option('--repository <owner/name>', 'repository of every call (default: from git)')
    .action(async () => {
      const { runHook } = await import('../hook/main.js');
      await runHook(process.argv.slice(2));
    });
}
