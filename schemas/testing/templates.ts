import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Folder of a test run, set by the run, for what all suites share instead of creating it again. */
export const TEMPLATES_VARIABLE = 'SHIELDWATCH_TEST_TEMPLATES';

/** Templates that this process has created or is creating. */
const made = new Map<string, Promise<string>>();

/**
 * Returns the path of the run's file or folder `name`. The first caller creates it at the path passed to `make`. Of two
 * concurrent callers either result may be kept, so `make` must be deterministic. Returns undefined outside of a test run.
 */
export async function template(name: string, make: (path: string) => Promise<void>): Promise<string | undefined> {
  const folder = process.env[TEMPLATES_VARIABLE];
  if (folder === undefined) return undefined;
  const path = join(folder, name);
  const under = made.get(path) ?? makeOnce(path, make);
  made.set(path, under);
  return under;
}

async function makeOnce(path: string, make: (path: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  const part = `${path}.${randomUUID()}`;
  await make(part);
  try {
    await rename(part, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
    await rm(part, { recursive: true, force: true });
  }
  return path;
}
