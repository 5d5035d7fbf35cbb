import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { DiskGuard } from './disk.js';

/** An answer that waits for its end (`wait_end_of_query`) and is too long to wait in memory. */
export class AnswerSpool {
  readonly #path: string;
  readonly #disk: DiskGuard;
  #file: FileHandle | undefined;
  #bytes = 0;

  constructor(dir: string, disk: DiskGuard) {
    this.#path = join(dir, `answer-${randomUUID()}`);
    this.#disk = disk;
  }

  /** Throws NOT_ENOUGH_SPACE before the disk is full. */
  async append(chunk: Buffer): Promise<void> {
    await this.#disk.check(chunk.length);
    this.#file ??= await open(this.#path, 'wx', 0o600);
    await this.#file.appendFile(chunk);
    this.#bytes += chunk.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async read(): Promise<Readable> {
    await this.#file?.close();
    this.#file = undefined;
    return createReadStream(this.#path);
  }

  async remove(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    if (this.#bytes > 0) await rm(this.#path, { force: true });
  }
}
