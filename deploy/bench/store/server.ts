import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { copyMigratedClickHouse } from '#deploy/testing/store-template.js';
import { createClickHouse, DEFAULT_DATABASE, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { startClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse/process.js';
import { withFolder } from '../folders.js';
import { DirectEngine } from './direct.js';

/** The embedded server with our schema, as the benches use it. */
export interface BenchServer {
  readonly client: ClickHouseClient;
  readonly http: HttpClient;
  /** Runs one statement and returns its response as text. */
  run(sql: string): Promise<string>;
}

/** A plain HTTP client over keep-alive connections, with as little overhead as possible. */
export class HttpClient {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });

  /** `url` may contain user and password. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Posts `body`, with `query` in the URL if given. Rejects unless the response is 200. */
  post(body: string | Buffer, query?: string): Promise<string> {
    const url = new URL(this.#url);
    url.searchParams.set('database', DEFAULT_DATABASE);
    if (query !== undefined) url.searchParams.set('query', query);
    return new Promise((resolve, reject) => {
      const sent = request(url, { method: 'POST', agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.once('end', () => {
          const answer = Buffer.concat(chunks);
          if (response.statusCode === 200) resolve(answer.toString('latin1'));
          else reject(new Error(`${response.statusCode ?? 0}: ${answer.toString()}`));
        });
      });
      // `on`, not `once`: a connection that a kill cuts off can fail twice.
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Starts a server on `dataDir` and migrates it. */
export async function startMigrated(dataDir: string, port = 0): Promise<EmbeddedClickHouse> {
  await copyMigratedClickHouse(dataDir);
  const clickhouse = await startClickHouse({ dataDir, port });
  try {
    await migrateClickHouse({ url: clickhouse.url });
    return clickhouse;
  } catch (error) {
    await clickhouse.stop();
    throw error;
  }
}

/** Runs `use` with a new migrated server. */
export function withServer<T>(use: (server: BenchServer) => Promise<T>): Promise<T> {
  return withFolder(async (dataDir) => {
    const clickhouse = await startMigrated(dataDir);
    const client = createClickHouse({ url: clickhouse.url });
    const http = new HttpClient(clickhouse.url);
    try {
      return await use({ client, http, run: (sql) => http.post(sql) });
    } finally {
      await client.close();
      http.close();
      await clickhouse.stop();
    }
  });
}

/** Runs `use` with a new migrated server, and with chDB on a folder migrated the same way; `folder` is for bodies. */
export function withServerAndDirect<T>(
  use: (server: BenchServer, direct: DirectEngine, folder: string) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder) => {
    const dataDir = join(folder, 'direct');
    await (await startMigrated(dataDir)).stop();
    const direct = await DirectEngine.open(dataDir);
    try {
      return await withServer((server) => use(server, direct, folder));
    } finally {
      await direct.close();
    }
  });
}
