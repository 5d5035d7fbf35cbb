import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readFile } from '../read-file.js';

/** Acknowledged bytes of each source: by segment name, or by `log:<device>:<inode>`. */
export type Offsets = Map<string, number>;

const OFFSETS_FILE = 'offsets.json';
/** Size limit in bytes; a line has about a hundred. */
const MAX_OFFSETS = 16 * 1024 * 1024;

/**
 * Reads the offsets of a spool folder. If the file is missing or unreadable, nothing counts as sent: sending again is
 * harmless, since every record has an event id.
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

/** Saves the offsets atomically. */
export async function writeOffsets(folder: string, offsets: Offsets): Promise<void> {
  const path = join(folder, OFFSETS_FILE);
  const text = `${JSON.stringify({ version: 1, files: Object.fromEntries(offsets) })}\n`;
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}
