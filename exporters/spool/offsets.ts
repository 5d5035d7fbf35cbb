import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFile } from '../read-file.js';

/** How far each source has been acknowledged, in bytes: by segment name, or by `log:<device>:<inode>`. */
export type Offsets = Map<string, number>;

const OFFSETS_FILE = 'offsets.json';
/** Bytes; a line has about a hundred. */
const MAX_OFFSETS = 16 * 1024 * 1024;

/**
 * Offsets of a spool folder. A missing or unreadable file means that nothing is known to have been sent:
 * sending again is harmless, since every record carries its own identity.
 */
export function readOffsetsSync(folder: string): Offsets {
  try {
    const parsed = JSON.parse(readFile(join(folder, OFFSETS_FILE), MAX_OFFSETS)) as {
      version?: unknown;
      files?: unknown;
    };
    if (parsed.version !== 1 || typeof parsed.files !== 'object' || parsed.files === null) return new Map();
    const entries = Object.entries(parsed.files).filter(
      (entry): entry is [string, number] => Number.isSafeInteger(entry[1]) && entry[1] >= 0,
    );
    return new Map(entries);
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
