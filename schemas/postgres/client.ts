import { mkdir } from 'node:fs/promises';
import type { PGlite } from '@electric-sql/pglite';

/** A row as the driver returns it. */
export type Row = Record<string, unknown>;

/** The little of Postgres that the rooms need; PGlite and a real server behave the same behind it. */
export interface Postgres {
  /** Runs one statement with `$1`-style parameters. */
  query<T extends Row = Row>(sql: string, params?: readonly unknown[]): Promise<T[]>;
  /** Runs a script of several statements without parameters. */
  execute(sql: string): Promise<void>;
  /** Runs `work` in one transaction; rolls back when it throws. */
  transaction<T>(work: (tx: Pick<Postgres, 'query' | 'execute'>) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface PostgresConfig {
  /** `postgres://` URL of a real server. */
  url?: string;
  /** Folder of the embedded PGlite; used without `url`. Neither given: in memory, for tests. */
  dataDir?: string;
}

/** Opens the server named by `url`, else the embedded Postgres. Drivers are loaded only when used. */
export async function openPostgres(config: PostgresConfig): Promise<Postgres> {
  return config.url === undefined ? openEmbedded(config.dataDir) : openServer(config.url);
}

/** Statements that the embedded engine runs in one turn of the event loop: some 20 ms of work. */
const MAX_STATEMENTS = 8;

/**
 * Makes a function that is awaited before each statement. The embedded engine runs on this thread and resolves without a turn
 * of the event loop: a crowd of statements would let nothing else run.
 */
function createGiveWay(): () => Promise<void> {
  let statements = 0;
  return async () => {
    while (statements >= MAX_STATEMENTS) await new Promise((resolve) => setImmediate(resolve));
    statements += 1;
    if (statements === 1) {
      setImmediate(() => {
        statements = 0;
      });
    }
  };
}

async function openEmbedded(dataDir: string | undefined): Promise<Postgres> {
  const { PGlite } = await import('@electric-sql/pglite');
  if (dataDir !== undefined) await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return embeddedPostgres(await PGlite.create(dataDir === undefined ? {} : { dataDir }));
}

/** The embedded engine as a {@link Postgres}. */
export function embeddedPostgres(db: PGlite): Postgres {
  const giveWay = createGiveWay();
  return {
    query: async <T extends Row>(sql: string, params: readonly unknown[] = []) => {
      await giveWay();
      return (await db.query<T>(sql, [...params])).rows;
    },
    execute: async (sql) => {
      await giveWay();
      await db.exec(sql);
    },
    transaction: (work) =>
      db.transaction((tx) =>
        work({
          query: async <T extends Row>(sql: string, params: readonly unknown[] = []) => {
            await giveWay();
            return (await tx.query<T>(sql, [...params])).rows;
          },
          execute: async (sql) => {
            await giveWay();
            await tx.exec(sql);
          },
        }),
      ),
    close: () => db.close(),
  };
}

async function openServer(url: string): Promise<Postgres> {
  const { default: pg } = await import('pg');
  const pool = new pg.Pool({ connectionString: url, max: 8, connectionTimeoutMillis: 5_000 });
  // An idle connection may break while nobody waits on it; the pool replaces it, the process must not die.
  pool.on('error', () => undefined);
  return {
    query: async <T extends Row>(sql: string, params: readonly unknown[] = []) =>
      (await pool.query<T>(sql, [...params])).rows,
    execute: async (sql) => {
      await pool.query(sql);
    },
    transaction: async (work) => {
      const connection = await pool.connect();
      try {
        await connection.query('BEGIN');
        const result = await work({
          query: async <T extends Row>(sql: string, params: readonly unknown[] = []) =>
            (await connection.query<T>(sql, [...params])).rows,
          execute: async (sql) => {
            await connection.query(sql);
          },
        });
        await connection.query('COMMIT');
        return result;
      } catch (error) {
        await connection.query('ROLLBACK');
        throw error;
      } finally {
        connection.release();
      }
    },
    close: () => pool.end(),
  };
}
