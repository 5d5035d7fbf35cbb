import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SEGMENT_PATTERN } from '../spool/location.js';

/** A fully shipped file is kept this long, so that `--all` can send a week again. */
const KEEP_MS = 7 * 24 * 3_600_000;

/** Names of the segments in a folder, oldest first; none when there is no folder yet. */
export async function listSegments(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => SEGMENT_PATTERN.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Deletes a file whose day is over for a week and that was sent to its last byte. What is left behind the
 * last newline of such a file is a line that will never be completed; it goes too, and true says that it was there.
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
