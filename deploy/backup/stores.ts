import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createClickHouse, DEFAULT_DATABASE, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { CommandError } from '#schemas/errors.js';
import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { startClickHouse } from '../embedded/clickhouse/process.js';
import { LOOPBACK } from '../embedded/config.js';
import { callStack, openDataFolder, streamFromStack } from '../embedded/data-folder.js';
import { variable } from '../environment.js';

/** Milliseconds a statement on ClickHouse may take. */
const STATEMENT_MS = 630_000;

/** Both stores of a deployment, to read from. */
export interface SourceStores {
  readonly clickhouse: ClickHouseClient;
  readonly database: string;
  /** Streams the rows of Postgres; see `exportPostgres`. */
  exportPostgres(): Promise<Readable>;
  close(): Promise<void>;
}

/** Both stores of a data folder that no stack uses. */
export interface FolderStores {
  readonly clickhouseUrl: string;
  readonly clickhouse: ClickHouseClient;
  readonly database: string;
  readonly postgres: Postgres;
  close(): Promise<void>;
}

const client = (url: string): ClickHouseClient => createClickHouse({ url, requestTimeoutMs: STATEMENT_MS });

/**
 * Opens the stores to back up: those of the stack that runs on the data folder; without one, the servers that CLICKHOUSE_URL
 * and DATABASE_URL name.
 *
 * @throws CommandError when there is neither.
 */
export async function openSource(dataDir: string): Promise<SourceStores> {
  const access = await callStack<{ clickhouseUrl: string }>(dataDir, 'POST', '/backup/access');
  if (access !== undefined) {
    const clickhouse = client(access.clickhouseUrl);
    return {
      clickhouse,
      database: DEFAULT_DATABASE,
      exportPostgres: async () => {
        const rows = await streamFromStack(dataDir, 'POST', '/backup/postgres');
        if (rows === undefined) throw new CommandError(`the stack on ${dataDir} has stopped`);
        return rows;
      },
      close: () => clickhouse.close(),
    };
  }
  const clickhouseUrl = variable('CLICKHOUSE_URL');
  const databaseUrl = variable('DATABASE_URL');
  if (clickhouseUrl === undefined || databaseUrl === undefined)
    throw new CommandError(
      `no stack runs on ${dataDir}; start it with \`npm start\`, or set CLICKHOUSE_URL and DATABASE_URL for a deployment on servers`,
    );
  const { exportPostgres } = await import('#schemas/postgres/rows.js');
  const clickhouse = client(clickhouseUrl);
  const postgres = await openPostgres({ url: databaseUrl });
  return {
    clickhouse,
    database: DEFAULT_DATABASE,
    exportPostgres: () => Promise.resolve(exportPostgres(postgres)),
    close: async () => {
      await clickhouse.close();
      await postgres.close();
    },
  };
}

/** Starts the embedded stores of a data folder, which is made if missing; holds the folder's lock until closed. */
export async function openFolderStores(
  dataDir: string,
  migrate: (stores: Pick<FolderStores, 'clickhouseUrl' | 'postgres'>) => Promise<void>,
): Promise<FolderStores> {
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let each = closers.pop(); each !== undefined; each = closers.pop()) await each();
  };
  try {
    const folder = await openDataFolder(dataDir);
    closers.push(() => folder.release());
    const engine = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: 0, host: LOOPBACK });
    closers.push(() => engine.stop());
    const postgres = await openPostgres({ dataDir: join(dataDir, 'postgres') });
    closers.push(() => postgres.close());
    await migrate({ clickhouseUrl: engine.url, postgres });
    const clickhouse = client(engine.url);
    closers.push(() => clickhouse.close());
    return { clickhouseUrl: engine.url, clickhouse, database: DEFAULT_DATABASE, postgres, close };
  } catch (error) {
    await close();
    throw error;
  }
}
