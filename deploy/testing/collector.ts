import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildCollector } from '#collector/binary.js';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';
import { startCollector } from '#deploy/embedded/collector.js';
import type { EmbeddedCollector } from '#deploy/embedded/collector.js';
import { copyMigratedClickHouse } from '#deploy/testing/store-template.js';
import { createClickHouse, DEFAULT_DATABASE, selectRows } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { HEADER_ORG_ID, HEADER_REPOSITORY, HEADER_RETENTION_DAYS, HEADER_TOKEN_ID } from '#schemas/semconv.js';

export const DATABASE = DEFAULT_DATABASE;
export const KEY = 'collector-key-of-this-test';

/** Headers as the gateway sends them. */
export const TENANT: Readonly<Record<string, string>> = {
  authorization: `Bearer ${KEY}`,
  [HEADER_ORG_ID]: 'org_1',
  [HEADER_TOKEN_ID]: 'tok_1',
  [HEADER_REPOSITORY]: 'acme/shop',
  [HEADER_RETENTION_DAYS]: '30',
};

export const LANDING_TABLES = [
  'otel_traces',
  'otel_logs',
  ...['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map((kind) => `otel_metrics_${kind}`),
];

export type Row = Record<string, unknown>;

/** The real collector in front of a real store, in a folder of their own. */
export interface CollectorUnderTest {
  readonly dataDir: string;
  readonly queue: string;
  /** What the collector has logged. */
  readonly lines: string[];
  readonly collector: EmbeddedCollector;
  readonly storeUrl: string;
  /** The status of the answer. */
  post(signal: string, body: object | Buffer, headers?: Readonly<Record<string, string>>): Promise<number>;
  select(sql: string, parameters?: Record<string, unknown>): Promise<Row[]>;
  /** Resolves to the rows of a service as soon as there are `count`. */
  landed(table: string, service: string, count?: number): Promise<Row[]>;
  stopStore(): Promise<void>;
  startStore(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface CollectorUnderTestSettings {
  readonly config?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What the collector takes for the store, given the store itself. */
  readonly through?: (storeUrl: string) => Promise<string>;
  /** File with the secret that pseudonyms are made from; absent: persons are masked. */
  readonly pseudonymKeyFile?: string;
  /** Folder of the queue's parent, instead of one beside the store. */
  readonly queueParent?: string;
}

export async function startCollectorUnderTest(settings: CollectorUnderTestSettings = {}): Promise<CollectorUnderTest> {
  const binary = await buildCollector();
  const dataDir = mkdtempSync(join(tmpdir(), 'shieldwatch-collector-'));
  const lines: string[] = [];
  await copyMigratedClickHouse(join(dataDir, 'clickhouse'));
  let store = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: 0 });
  const { url: storeUrl, port: storePort } = store;
  await migrateClickHouse({ url: storeUrl, database: DATABASE });
  const clickhouseUrl = (await settings.through?.(storeUrl)) ?? storeUrl;
  const collectorDir = settings.queueParent ?? dataDir;
  const start = (): Promise<EmbeddedCollector> =>
    startCollector({
      binary,
      dataDir: collectorDir,
      port: 0,
      clickhouseUrl,
      database: DATABASE,
      key: KEY,
      onLog: (line) => lines.push(line),
      ...(settings.config === undefined ? {} : { config: settings.config }),
      ...(settings.pseudonymKeyFile === undefined ? {} : { pseudonymKeyFile: settings.pseudonymKeyFile }),
      // Its own metrics come when a test asks for them, and not among what is counted.
      env: { SHIELDWATCH_COLLECTOR_METRICS_INTERVAL_MS: '3600000', ...settings.env },
    });
  let collector = await start();
  const select = async (sql: string, parameters: Record<string, unknown> = {}): Promise<Row[]> => {
    const client = createClickHouse({ url: storeUrl, database: DATABASE });
    try {
      return await selectRows(client, sql, parameters);
    } finally {
      await client.close();
    }
  };

  return {
    dataDir,
    queue: join(collectorDir, 'collector-queue'),
    lines,
    storeUrl,
    get collector() {
      return collector;
    },
    async post(signal, body, headers = TENANT) {
      const type = Buffer.isBuffer(body) ? 'application/x-protobuf' : 'application/json';
      const response = await fetch(`${collector.url}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': type, ...headers },
        body: Buffer.isBuffer(body) ? body : JSON.stringify(body),
      });
      await response.text();
      return response.status;
    },
    select,
    async landed(table, service, count = 1) {
      const deadline = Date.now() + 60_000;
      for (;;) {
        const found = await select(`SELECT *, OrgId FROM ${table} WHERE ServiceName = {service:String}`, { service });
        if (found.length >= count) return found;
        if (Date.now() > deadline)
          throw new Error(`${table}: ${found.length} of ${count} rows\n${lines.slice(-5).join('\n')}`);
        await sleep(100);
      }
    },
    stopStore: () => store.stop(),
    async startStore() {
      store = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: storePort });
    },
    async restart() {
      await collector.stop();
      collector = await start();
    },
    async close() {
      await collector.stop();
      await store.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** All bytes below a folder, file by file. */
export function* filesBelow(folder: string): Generator<{ path: string; bytes: Buffer }> {
  for (const entry of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, entry);
    if (statSync(path).isFile()) yield { path, bytes: readFileSync(path) };
  }
}
