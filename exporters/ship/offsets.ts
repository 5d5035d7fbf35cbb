import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** How far each spool file has been acknowledged, in bytes. */
export type Offsets = Map<string, number>;

const OFFSETS_FILE = 'offsets.json';
const offsetsFile = z.object({ version: z.literal(1), files: z.record(z.string(), z.int().min(0)) });

/**
 * Offsets of a spool folder. A missing or unreadable file means that nothing is known to have been sent:
 * sending again is harmless, since every record carries its own identity.
 */
export async function readOffsets(folder: string): Promise<Offsets> {
  try {
    const parsed = offsetsFile.parse(JSON.parse(await readFile(join(folder, OFFSETS_FILE), 'utf8')));
    return new Map(Object.entries(parsed.files));
  } catch {
    return new Map();
  }
}

/** Saves the offsets; a reader sees the old ones or the new ones, never half. */
export async function writeOffsets(folder: string, offsets: Offsets): Promise<void> {
  const path = join(folder, OFFSETS_FILE);
  const text = `${JSON.stringify({ version: 1, files: Object.fromEntries(offsets) })}\n`;
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}
