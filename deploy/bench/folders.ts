import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const inUse = new Set<string>();
const REMOVE = { recursive: true, force: true, maxRetries: 5 } as const;

/** Creates a folder for the duration of `use` and removes it afterwards, also after Ctrl-C. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'shieldwatch-bench-'));
  inUse.add(folder);
  try {
    return await use(folder);
  } finally {
    await rm(folder, REMOVE);
    inUse.delete(folder);
  }
}

/** Removes the folders at the end of the process. */
export function removeFolders(): void {
  for (const folder of inUse) rmSync(folder, REMOVE);
}
