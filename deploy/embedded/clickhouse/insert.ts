import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Body } from './body.js';
import type { EngineResult } from './chdb.js';
import type { DiskGuard } from './disk.js';
import type { Engine, QueryContext } from './engine.js';
import type { Statement } from './statement.js';

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

/** Throws NOT_ENOUGH_SPACE as soon as the body does not fit: before its first byte is kept, or on its way. */
async function writeBody(path: string, chunks: AsyncIterable<Buffer>, disk: DiskGuard): Promise<void> {
  await disk.check();
  const file = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of chunks) {
      await disk.check(chunk.length);
      await file.appendFile(chunk);
    }
  } finally {
    await file.close();
  }
}
