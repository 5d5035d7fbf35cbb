import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { CommandError } from '../errors.js';
import { MIGRATIONS_TABLE, type AppliedMigration } from '../migrations.js';
import type { Postgres } from './client.js';

/** Rows that are read at once. */
const FETCH_ROWS = 500;

/** Milliseconds for which the reader of an export may take nothing: the embedded Postgres does nothing else meanwhile. */
const STALLED_MS = 30_000;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Tables of our schema, each after those that it refers to. */
async function tablesInOrder(tx: Pick<Postgres, 'query'>): Promise<string[]> {
  const tables = await tx.query<{ name: string }>(
    'SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY name',
  );
  const references = await tx.query<{ name: string; needs: string }>(
    `SELECT c.relname::text AS name, r.relname::text AS needs FROM pg_constraint k
     JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class r ON r.oid = k.confrelid
     WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND c.oid <> r.oid`,
  );
  const ordered: string[] = [];
  const visit = (name: string): void => {
    if (ordered.includes(name)) return;
    for (const { needs } of references.filter((reference) => reference.name === name)) visit(needs);
    if (!ordered.includes(name)) ordered.push(name);
  };
  for (const { name } of tables) visit(name);
  return ordered;
}

/** Returns an ORDER BY of the table's primary key, so that equal tables make equal files. */
async function keyOrder(tx: Pick<Postgres, 'query'>, table: string): Promise<string> {
  const columns = await tx.query<{ name: string }>(
    `SELECT a.attname::text AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
     WHERE i.indrelid = $1::regclass AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)`,
    [quoted(table)],
  );
  return columns.length === 0 ? '' : ` ORDER BY ${columns.map(({ name }) => quoted(name)).join(', ')}`;
}

/**
 * Streams every row of every table, all as of one moment. A line `#table` begins a table, each line after it is a row as
 * JSON, and a line `#` ends the export: without it the export is incomplete.
 */
export function exportPostgres(db: Postgres): Readable {
  const out = new PassThrough();
  const write = async (line: string): Promise<void> => {
    if (out.destroyed) throw new CommandError('the reader of the export is gone');
    if (!out.write(`${line}\n`)) await once(out, 'drain', { signal: AbortSignal.timeout(STALLED_MS) });
  };
  db.transaction(async (tx) => {
    await tx.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    // An error instead of missing rows, where row level security hides some of them from this user.
    await tx.query('SET LOCAL row_security = off');
    for (const table of await tablesInOrder(tx)) {
      await write(`#${table}`);
      await tx.query(
        `DECLARE backup_rows NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS row FROM ${quoted(table)} t${await keyOrder(tx, table)}`,
      );
      for (;;) {
        const rows = await tx.query<{ row: string }>(`FETCH ${FETCH_ROWS} FROM backup_rows`);
        for (const { row } of rows) await write(row);
        if (rows.length < FETCH_ROWS) break;
      }
      await tx.query('CLOSE backup_rows');
    }
    await write('#');
  }).then(
    () => out.end(),
    (error: unknown) => out.destroy(error instanceof Error ? error : new Error('the export failed')),
  );
  return out;
}

/** A table of an export; its rows must be read before the next one is asked for. */
export interface ExportedTable {
  readonly table: string;
  readonly rows: AsyncIterable<string>;
}

/**
 * Reads an export table by table.
 *
 * @throws CommandError when it ends before its end.
 */
export async function* readExport(source: Readable): AsyncGenerator<ExportedTable> {
  const lines = createInterface({ input: source, crlfDelay: Infinity })[Symbol.asyncIterator]();
  let failure: Error | undefined;
  source.once('error', (error: Error) => {
    failure = error;
  });
  const next = async (): Promise<string> => {
    const line: IteratorResult<string, unknown> = await lines.next();
    if (line.done === true) throw failure ?? new CommandError('the export of Postgres broke off');
    return line.value;
  };
  let line = await next();
  while (line !== '#') {
    const table = line.slice(1);
    line = '';
    yield {
      table,
      rows: {
        async *[Symbol.asyncIterator]() {
          for (line = await next(); !line.startsWith('#'); line = await next()) yield line;
        },
      },
    };
  }
}

/** Reads the record of migrations out of its rows. */
export function appliedOf(rows: readonly string[]): AppliedMigration[] {
  return rows
    .map((row) => {
      const { version, name, checksum } = JSON.parse(row) as AppliedMigration;
      return { version, name, checksum };
    })
    .sort((a, b) => a.version - b.version);
}

/** The restore of a freshly migrated Postgres, in one transaction. */
export interface PostgresImport {
  /** Tables, in the order in which they must be filled. */
  readonly tables: readonly string[];
  /** Inserts rows, each JSON. */
  insert(table: string, rows: readonly string[]): Promise<void>;
}

/** Runs `work` in a transaction in which the tables have no rows, and in the end continues their sequences. */
export async function importPostgres(db: Postgres, work: (target: PostgresImport) => Promise<void>): Promise<void> {
  await db.transaction(async (tx) => {
    const tables = (await tablesInOrder(tx)).filter((table) => table !== MIGRATIONS_TABLE);
    for (const table of [...tables].reverse()) {
      // What migrations inserted; the audit trail accepts no DELETE, even of nothing.
      const [found] = await tx.query(`SELECT 1 FROM ${quoted(table)} LIMIT 1`);
      if (found !== undefined) await tx.query(`DELETE FROM ${quoted(table)}`);
    }
    await work({
      tables,
      insert: async (table, rows) => {
        if (!tables.includes(table)) throw new CommandError(`postgres: this schema has no table ${table}`);
        await tx.query(
          `INSERT INTO ${quoted(table)} OVERRIDING SYSTEM VALUE
           SELECT * FROM json_populate_recordset(NULL::${quoted(table)}, $1::json)`,
          [`[${rows.join(',')}]`],
        );
      },
    });
    const sequences = await tx.query<{ table: string; column: string }>(
      `SELECT table_name::text AS "table", column_name::text AS "column" FROM information_schema.columns
       WHERE table_schema = current_schema() AND is_identity = 'YES'`,
    );
    for (const { table, column } of sequences)
      await tx.query(
        `SELECT setval(pg_get_serial_sequence($1, $2), (SELECT max(${quoted(column)}) FROM ${quoted(table)}))`,
        [table, column],
      );
  });
}
