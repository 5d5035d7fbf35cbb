#!/usr/bin/env node
// Entry of the `shieldwatch` command. The hook runs before every tool call of an agent, so it is one bundled
// file (exporters/build.mjs) and nothing else is loaded; all other sub-commands may take their time.
import { createRequire } from 'node:module';

if (process.argv[2] === 'hook') {
  createRequire(import.meta.url)('../exporters/hook.cjs');
} else {
  const { runProgram } = await import('./program.js');
  await runProgram(process.argv);
}
