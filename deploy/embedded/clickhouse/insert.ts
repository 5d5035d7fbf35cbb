import { randomUUID } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body } from './body.js';
import type { EngineResult } from './chdb.js';
import type { DiskGuard } from './disk.js';
import type { Engine, QueryContext } from './engine.js';
import type { Statement } from './statement.js';

/** Of one body, while the disk is slower than the client. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

/**
 * Runs an INSERT whose data follows in the body: the data goes to a file as it comes, byte by byte, and
 * the engine reads that. So the size of a body does not matter, nor its format. The file is always
 * removed; what a killed process leaves is removed when the next one opens `spool`.
 */
export async function insertData(
  engine: Engine,
  statement: Statement & { kind: 'insert' },
  body: Body,
  spool: string,
  disk: DiskGuard,
  context: QueryContext,
): Promise<EngineResult> {
  const path = join(spool, `insert-${randomUUID()}`);
  try {
    await writeBody(path, body.dataFrom(statement.dataAt), disk);
    const sql = `${statement.text} FROM INFILE '${path.replace(/[\\']/g, '\\$&')}' COMPRESSION '${body.engineCompression}' ${statement.rest} FORMAT ${statement.format}`;
    return await engine.execute(sql, 'TabSeparated', context);
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Writes while the next bytes come: what has come by the time a write is done goes out as one.
 *
 * Throws NOT_ENOUGH_SPACE as soon as the body does not fit: before its first byte is kept, or on its way.
 */
async function writeBody(path: string, chunks: AsyncIterable<Buffer>, disk: DiskGuard): Promise<void> {
  await disk.check();
  const file = await open(path, 'wx', 0o600);
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let isWriting = false;
  let writing: Promise<void> = Promise.resolve();
  const writeWaiting = (): Promise<void> => {
    const [batch, bytes] = [waiting, waitingBytes];
    [waiting, waitingBytes, isWriting] = [[], 0, true];
    return writeAll(file, batch, bytes, disk).finally(() => { isWriting = false; });
  };
  try {
    for await (const chunk of chunks) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (isWriting && waitingBytes < MAX_WAITING_BYTES) continue;
      await writing;
      writing = writeWaiting();
      // Awaited in the next round, or below when the body ends badly.
      writing.catch(() => undefined);
    }
    await writing;
    await writeWaiting();
  } finally {
    await writing.catch(() => undefined);
    await file.close();
  }
}

async function writeAll(file: FileHandle, chunks: readonly Buffer[], bytes: number, disk: DiskGuard): Promise<void> {
  await disk.check(bytes);
  const { bytesWritten } = await file.writev(chunks);
  // Short only when the disk is full or the file too large: what is left then says so.
  if (bytesWritten < bytes) await file.appendFile(Buffer.concat(chunks).subarray(bytesWritten));
}
