import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Files with what the store will never take; collector/README.md says how to look at one and send it again. */
export interface SetAside {
  files: number;
  folder: string;
}

/** Counts what a data folder's collector set aside; empty where there is nothing. */
export function setAsideBy(dataDir: string): { setAside?: SetAside } {
  const folder = join(dataDir, 'collector-queue', 'set-aside');
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  const files = names.filter((name) => name.endsWith('.otlp')).length;
  return files === 0 ? {} : { setAside: { files, folder } };
}
