import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readLost } from '../spool/lost.js';
import { readOffsetsSync } from '../spool/offsets.js';
import { listSegments } from './spool-files.js';

/** State of a spool. */
export interface SpoolStatus {
  readonly segments: number;
  readonly bytes: number;
  readonly unsentBytes: number;
  /** Records that could not be written since the shipper's last report. */
  readonly lost: number;
}

export async function spoolStatus(folder: string): Promise<SpoolStatus> {
  const offsets = readOffsetsSync(folder);
  const names = await listSegments(folder);
  let [bytes, unsentBytes] = [0, 0];
  for (const name of names) {
    const size = (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
    bytes += size;
    unsentBytes += Math.max(0, size - (offsets.get(name) ?? 0));
  }
  return { segments: names.length, bytes, unsentBytes, lost: readLost(folder) };
}
