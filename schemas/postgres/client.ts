import { mkdir } from 'node:fs/promises';
import type { PGlite } from '@electric-sql/pglite';

/** A row as the driver returns it. */
export type Row = Record<string, unknown>;

/** The subset of Postgres that the modules use. PGlite and a server behave the same through it. */
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
  /** `postgres://` URL of a server. */
  url?: string;
  /** Folder of the embedded PGlite, if `url` is not set. Without either it runs in memory, for tests. */
  dataDir?: string;
}

/** Opens the server at `url`, or else the embedded Postgres. Drivers are loaded only when used. */
export async function openPostgres(config: PostgresConfig): Promise<Postgres> {
  return config.url === undefined ? openEmbedded(config.dataDir) : openServer(config.url);
}

/** Maximum statements that the embedded engine runs per turn of the event loop: about 20 ms of work. */
const MAX_STATEMENTS = 8;

/**
 * Creates a function to await before each statement. The embedded engine runs on this thread and resolves without
 * yielding to the event loop, so many statements would block everything else.
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
  // An idle connection may break. The pool replaces it; without a listener the process would exit.
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
