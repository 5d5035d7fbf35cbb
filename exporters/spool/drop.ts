import { readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readBytes, utf8 } from '../read-file.js';
import { decodeLine } from './line.js';
import { SEGMENT_PATTERN } from './location.js';
import { readOffsetsSync } from './offsets.js';

/** Bytes of a segment, under any limits. */
const MAX_SEGMENT = 64 * 1024 * 1024;

/** A segment that a process has claimed for deletion. One left behind by a killed process is claimed again. */
const CLAIMED = /^dropping-\d+-(decisions-.*\.ndjson)$/;

/**
 * Deletes the oldest segments until at most `bytes` are left. Returns the number of deleted records that were not sent
 * yet, including the drops that they recorded.
 */
export function dropOldest(folder: string, bytes: number): number {
  const segments = readdirSync(folder)
    .map((name) => ({ name, original: CLAIMED.exec(name)?.[1] ?? name }))
    .filter(({ original }) => SEGMENT_PATTERN.test(original))
    .map((segment) => ({
      ...segment,
      size: statSync(join(folder, segment.name), { throwIfNoEntry: false })?.size ?? 0,
    }))
    .sort((a, b) => (a.original < b.original ? -1 : 1));
  let left = segments.reduce((sum, { size }) => sum + size, 0);
  let dropped = 0;
  for (const { name, original, size } of segments) {
    if (left <= bytes) break;
    dropped += drop(folder, name, original);
    left -= size;
  }
  return dropped;
}

/** Of several processes the one whose rename succeeds counts the segment. */
function drop(folder: string, name: string, original: string): number {
  const claimed = join(folder, `dropping-${String(process.pid)}-${original}`);
  try {
    renameSync(join(folder, name), claimed);
    const count = countRecords(
      utf8(readBytes(claimed, MAX_SEGMENT).subarray(readOffsetsSync(folder).get(original) ?? 0)),
    );
    rmSync(claimed);
    return count;
  } catch {
    return 0;
  }
}

function countRecords(text: string): number {
  let count = 0;
  for (const line of text.split('\n')) {
    const record = decodeLine(line) as { dropped?: unknown } | undefined;
    if (record !== undefined) count += typeof record.dropped === 'number' ? record.dropped : 1;
  }
  return count;
}
