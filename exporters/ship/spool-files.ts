import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SEGMENT_PATTERN } from '../spool/location.js';

/** Time for which a completely sent file is kept, so that `--all` can send a week again. */
const KEEP_MS = 7 * 24 * 3_600_000;

/** Returns the names of the segments in a folder, oldest first; empty if there is no folder yet. */
export async function listSegments(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => SEGMENT_PATTERN.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Deletes a file that was sent to its last byte and whose day ended a week ago. Text after the last newline of such a
 * file is a line that will never be completed; returns true if there was one.
 */
export async function deleteIfOld(
  folder: string,
  name: string,
  shippedBytes: number,
  now: number,
): Promise<{ deleted: boolean; tornTail: boolean }> {
  const day = SEGMENT_PATTERN.exec(name)?.[1] ?? '';
  const path = join(folder, name);
  const stats = await stat(path).catch(() => undefined);
  if (stats === undefined) return { deleted: true, tornTail: false };
  const { mtimeMs, size } = stats;
  const isOld = now - Date.parse(day) > KEEP_MS + 24 * 3_600_000 && now - mtimeMs > KEEP_MS;
  if (!isOld) return { deleted: false, tornTail: false };
  await rm(path, { force: true });
  return { deleted: true, tornTail: size > shippedBytes };
}
