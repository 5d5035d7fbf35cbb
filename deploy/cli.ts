#!/usr/bin/env node
// Entry of the `shieldwatch` command. The hook runs before every tool call of an agent, so it is one bundled
// file (exporters/build.mjs) and nothing else is loaded; all other sub-commands may take their time.
import { createRequire } from 'node:module';

// `hook --help` is for a person.
if (process.argv[2] === 'hook' && !process.argv.slice(3).some((arg) => arg === '--help' || arg === '-h')) {
  createRequire(import.meta.url)('../exporters/hook.cjs');
} else {
  const { runProgram } = await import('./program.js');
  await runProgram(process.argv);
}
