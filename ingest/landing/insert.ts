import { Readable } from 'node:stream';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Batch } from './batch.js';

/** Characters sent in one piece. */
const CHUNK_LENGTH = 256 * 1024;

/** Stores a batch in one INSERT; resolves when its rows, and the facts made of them, are there. */
export async function insertBatch(clickhouse: ClickHouseClient, batch: Batch): Promise<void> {
  const columns = batch.columns.map((column) => `\`${column}\``).join(', ');
  const result = await clickhouse.exec({
    query: `INSERT INTO ${batch.table} (${columns}) FORMAT JSONCompactEachRow`,
    values: Readable.from(chunks(batch), { objectMode: false }),
    // An answer means stored: nothing may wait in a buffer of the server.
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
  });
  // An INSERT answers nothing, but the connection is free only when that nothing was read.
  result.stream.resume();
}

function* chunks(batch: Batch): Generator<string> {
  let chunk = '';
  for (const row of batch.rows) {
    chunk += `[${row.join(',')}]\n`;
    if (chunk.length >= CHUNK_LENGTH) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}
