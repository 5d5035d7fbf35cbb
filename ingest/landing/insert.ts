import { Readable } from 'node:stream';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Batch } from './batch.js';

/** Characters in one piece. */
const CHUNK_LENGTH = 256 * 1024;

/** Rows for one table, as the text of an INSERT ... FORMAT JSONCompactEachRow, in pieces. */
export interface Insert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly pieces: readonly Uint8Array[];
  /** How many. */
  readonly rows: number;
}

/** Writes out the rows of a batch. */
export function writeRows(batch: Batch): Insert {
  const pieces: Uint8Array[] = [];
  let text = '';
  for (const row of batch.rows) {
    text += `[${row.join(',')}]\n`;
    if (text.length >= CHUNK_LENGTH) {
      pieces.push(encoder.encode(text));
      text = '';
    }
  }
  if (text !== '') pieces.push(encoder.encode(text));
  return { table: batch.table, columns: batch.columns, pieces, rows: batch.rows.length };
}

/** Each piece gets memory of its own, so that it can be handed over by another thread. */
const encoder = new TextEncoder();

/** Stores rows in one INSERT; resolves when they, and the facts made of them, are there. @throws what the store answers. */
export async function insertRows(clickhouse: ClickHouseClient, { table, columns, pieces }: Insert): Promise<void> {
  const names = columns.map((column) => `\`${column}\``).join(', ');
  const result = await clickhouse.exec({
    query: `INSERT INTO ${table} (${names}) FORMAT JSONCompactEachRow`,
    values: Readable.from(pieces, { objectMode: false }),
    // An answer means stored: nothing may wait in a buffer of the server.
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
  });
  // An INSERT answers nothing, but the connection is free only when that nothing was read.
  result.stream.resume();
}
