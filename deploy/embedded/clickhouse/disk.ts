import { statfs } from 'node:fs/promises';
import { named } from './errors.js';

/** A free-space figure may be this old: a write that comes sooner trusts it. */
const FRESH_MS = 500;

/** Refuses writes while the disk of the data folder is nearly full, so that reads and merges go on. */
export class DiskGuard {
  readonly #dir: string;
  readonly #minFreeBytes: number;
  #free = Number.POSITIVE_INFINITY;
  #readAt = 0;

  constructor(dir: string, minFreeBytes: number) {
    this.#dir = dir;
    this.#minFreeBytes = minFreeBytes;
  }

  /** Throws NOT_ENOUGH_SPACE when `coming` more bytes would leave less than the threshold free. */
  async check(coming = 0): Promise<void> {
    if (Date.now() - this.#readAt > FRESH_MS) {
      const { bavail, bsize } = await statfs(this.#dir);
      this.#free = bavail * bsize;
      this.#readAt = Date.now();
    }
    if (this.#free - coming >= this.#minFreeBytes) return;
    throw named(
      'NOT_ENOUGH_SPACE',
      `Cannot write: ${megabytes(this.#free)} MiB are free on the disk of the data folder, and ${megabytes(this.#minFreeBytes)} MiB must stay free. Reads go on; DROP and TRUNCATE are allowed`,
    );
  }
}

function megabytes(bytes: number): number {
  return Math.floor(bytes / 2 ** 20);
}
