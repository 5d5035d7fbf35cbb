#!/usr/bin/env node
// Entry of the `shieldwatch` command. The hook runs before every tool call of an agent, so it loads its own
// few modules and nothing else; all other sub-commands may take their time.
if (process.argv[2] === 'hook' && process.argv.length === 3) {
  const { runHook } = await import('#exporters/hook/main.js');
  await runHook();
} else {
  const { runProgram } = await import('./program.js');
  await runProgram(process.argv);
}
