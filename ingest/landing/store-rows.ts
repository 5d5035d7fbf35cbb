import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { refusalCode } from '#schemas/clickhouse/refusals.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { insertRows, type Insert } from './insert.js';

/** Maximum INSERTs into which one may be split to find rejected rows: enough for one in a million. */
const MAX_INSERTS = 64;
const NEWLINE = 0x0a;

/** A row that the store will never accept. */
export interface RefusedRow {
  /** Index in the request, from 0. */
  readonly index: number;
  /** ClickHouse's error code. */
  readonly code: string;
}

/**
 * Stores rows. An INSERT that is rejected for its content is halved until the rejected rows are isolated; the others
 * are stored. Beyond {@link MAX_INSERTS} INSERTs, all remaining rows count as rejected.
 *
 * @throws ShieldwatchError 503 when the store does not answer.
 */
export async function storeRows(clickhouse: ClickHouseClient, insert: Insert): Promise<RefusedRow[]> {
  const first = await refusalOf(clickhouse, insert);
  if (first === undefined) return [];
  const rows = insert.pieces.flatMap(linesOf);
  const parts = [{ from: 0, to: rows.length, code: first }];
  const refused: RefusedRow[] = [];
  let left = MAX_INSERTS;
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const { from, to, code } = part;
    if (to - from === 1 || left < 2) {
      for (let index = from; index < to; index += 1) refused.push({ index, code });
      continue;
    }
    const middle = (from + to) >> 1;
    for (const half of [
      { from, to: middle },
      { from: middle, to },
    ]) {
      left -= 1;
      const again = await refusalOf(clickhouse, { ...insert, pieces: [Buffer.concat(rows.slice(half.from, half.to))] });
      if (again !== undefined) parts.push({ ...half, code: again });
    }
  }
  return refused.toSorted((one, other) => one.index - other.index);
}

async function refusalOf(clickhouse: ClickHouseClient, insert: Insert): Promise<string | undefined> {
  try {
    await insertRows(clickhouse, insert);
    return undefined;
  } catch (error) {
    return refusalCode(error) ?? (await withStoreErrors(Promise.reject(error as Error)));
  }
}

/** Splits a chunk into rows. A chunk holds whole rows, and line breaks within text are escaped. */
function linesOf(piece: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let from = 0; from < piece.length;) {
    const to = piece.indexOf(NEWLINE, from) + 1;
    lines.push(piece.subarray(from, to));
    from = to;
  }
  return lines;
}
