#!/usr/bin/env node
// Entry of the installable package: the producer commands only. The entry of the whole product is deploy/cli.ts.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Command } from 'commander';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import { registerProducerCommands } from './commands/register.js';

async function main(): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const program = new Command('shieldwatch')
    .description('Security telemetry of AI coding agents: scans, drift, tool-call decisions')
    .version(version);
  registerProducerCommands(program);
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    process.stderr.write(
      `${error instanceof CommandError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = 1;
  }
}

// `hook --help` is for a person.
if (process.argv[2] === 'hook' && !process.argv.slice(3).some((arg) => arg === '--help' || arg === '-h'))
  createRequire(import.meta.url)('./hook.cjs');
else await main();
