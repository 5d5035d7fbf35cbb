import { Readable } from 'node:stream';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Batch } from './batch.js';

/** Maximum characters per chunk. */
const CHUNK_LENGTH = 256 * 1024;

/** Rows for one table as the text of an INSERT ... FORMAT JSONCompactEachRow, in chunks. */
export interface Insert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly pieces: readonly Uint8Array[];
  /** Number of rows. */
  readonly rows: number;
}

/** Serializes the rows of a batch. */
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

/** Each chunk has its own buffer, so that a worker thread can transfer it. */
const encoder = new TextEncoder();

/**
 * Stores rows with one INSERT. Resolves when the rows and the facts derived from them are stored.
 * @throws the store's error.
 */
export async function insertRows(clickhouse: ClickHouseClient, { table, columns, pieces }: Insert): Promise<void> {
  const names = columns.map((column) => `\`${column}\``).join(', ');
  const result = await clickhouse.exec({
    query: `INSERT INTO ${table} (${names}) FORMAT JSONCompactEachRow`,
    values: Readable.from(pieces, { objectMode: false }),
    // An answer means stored, so the server must not buffer the INSERT.
    clickhouse_settings: { async_insert: 0, wait_end_of_query: 1 },
  });
  // The connection is released only after the empty answer was read.
  result.stream.resume();
}
