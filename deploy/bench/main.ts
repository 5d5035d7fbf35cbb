import { CommandError } from '#schemas/errors.js';
import { runBench } from './benches.js';
import { removeFolders } from './folders.js';

process.on('exit', removeFolders);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const err = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
runBench(
  process.argv.slice(2),
  (line) => {
    process.stdout.write(`${line}\n`);
  },
  err,
).catch((error: unknown) => {
  err(error instanceof CommandError ? error.message : String(error instanceof Error ? error.stack : error));
  process.exitCode = 1;
});
