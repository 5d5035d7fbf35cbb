import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CollectorStartError } from './collector-process.js';

/** How the queue's database (bbolt) ends on a damaged file where the extension's own `recreate` does not catch it. */
const CORRUPT = /bbolt|invalid database/;

/**
 * Runs `launch`. If it fails over a damaged queue file, finds the file by starting without each one in turn, keeps it
 * as `<file>.<time>.backup`, and says so; when more than one is damaged, all are set aside. Sound files stay in use.
 */
export async function launchDespiteDamage<T>(
  queue: string,
  launch: () => Promise<T>,
  log: (line: string) => void,
): Promise<T> {
  try {
    return await launch();
  } catch (error) {
    if (!(error instanceof CollectorStartError && error.lines.some((line) => CORRUPT.test(line)))) throw error;
  }
  const suffix = `.${new Date().toISOString().replaceAll(':', '-')}.backup`;
  const files = readdirSync(queue)
    .filter((file) => file.startsWith('exporter_') && !file.endsWith('.backup'))
    .map((file) => join(queue, file));

  for (const file of files) {
    renameSync(file, file + suffix);
    try {
      const launched = await launch();
      log(
        `the collector's queue file ${file} was corrupt and is kept as ${file}${suffix}; what waited in it was not sent`,
      );
      return launched;
    } catch (error) {
      if (!(error instanceof CollectorStartError)) throw error;
      rmSync(file, { force: true });
      renameSync(file + suffix, file);
    }
  }
  for (const file of files) renameSync(file, file + suffix);
  log(
    `the collector's queue files in ${queue} were corrupt and are kept as *${suffix}; what waited in them was not sent`,
  );
  return launch();
}
