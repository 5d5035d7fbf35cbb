import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Set by a test run to a folder of its own, in which what every suite would make anew is made once. */
export const TEMPLATES_VARIABLE = 'SHIELDWATCH_TEST_TEMPLATES';

/** What this process makes or has made. */
const made = new Map<string, Promise<string>>();

/**
 * Path of the run's file or folder `name`. Whoever is first makes it at the path that `make` is given; of two who are
 * first at once either's stays, so `make` must make the same each time. Undefined outside of a test run.
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
