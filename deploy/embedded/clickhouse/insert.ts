import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body } from './body.js';
import type { EngineResult } from './chdb.js';
import type { DiskGuard } from './disk.js';
import type { Statement } from './statement.js';

/** Of one body, while the disk is slower than the client. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

/**
 * Runs an INSERT whose data follows in the body: the data goes to a file as it comes, byte by byte, and
 * the engine reads that. So the size of a body does not matter, nor its format. The file is always
 * removed; what a killed process leaves is removed when the next one opens `spool`.
 *
 * @param run called when the body has arrived whole: a slow client takes no place from others
 */
export async function insertData(
  statement: Statement & { kind: 'insert' },
  body: Body,
  spool: string,
  disk: DiskGuard,
  run: (sql: string) => Promise<EngineResult>,
): Promise<EngineResult> {
  const path = join(spool, `insert-${randomUUID()}`);
  try {
    await writeBody(path, body.dataFrom(statement.dataAt), disk);
    return await run(
      `${statement.text} FROM INFILE '${path.replace(/[\\']/g, '\\$&')}' COMPRESSION '${body.engineCompression}' ${statement.rest} FORMAT ${statement.format}`,
    );
  } finally {
    await rm(path, { force: true });
  }
}

/** Throws NOT_ENOUGH_SPACE as soon as the body does not fit: before its first byte is kept, or on its way. */
async function writeBody(path: string, chunks: AsyncIterable<Buffer>, disk: DiskGuard): Promise<void> {
  await disk.check();
  const file = new BodyFile(await open(path, 'wx', 0o600), disk);
  try {
    for await (const chunk of chunks) await file.add(chunk);
    await file.flush();
  } finally {
    await file.close();
  }
}

/** Writes while the next bytes come: what has come by the time a write is done goes out as one. */
class BodyFile {
  readonly #file: FileHandle;
  readonly #disk: DiskGuard;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, disk: DiskGuard) {
    this.#file = file;
    this.#disk = disk;
  }

  /** Resolves when the next chunk may come; rejects when an earlier one could not be written. */
  async add(chunk: Buffer): Promise<void> {
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
    if (this.#isWriting && this.#waitingBytes < MAX_WAITING_BYTES) return;
    await this.#written;
    this.#begin();
  }

  /** Resolves when everything is written. */
  async flush(): Promise<void> {
    await this.#written;
    this.#begin();
    await this.#written;
  }

  async close(): Promise<void> {
    await this.#written.catch(() => undefined);
    await this.#file.close();
  }

  #begin(): void {
    const [chunks, bytes] = [this.#waiting, this.#waitingBytes];
    [this.#waiting, this.#waitingBytes, this.#isWriting] = [[], 0, true];
    this.#written = this.#write(chunks, bytes).finally(() => {
      this.#isWriting = false;
    });
    // The next caller awaits it.
    this.#written.catch(() => undefined);
  }

  async #write(chunks: readonly Buffer[], bytes: number): Promise<void> {
    await this.#disk.check(bytes);
    const { bytesWritten } = await this.#file.writev(chunks);
    // Short only when the disk is full or the file too large: what is left then says so.
    if (bytesWritten < bytes) await this.#file.appendFile(Buffer.concat(chunks).subarray(bytesWritten));
  }
}
