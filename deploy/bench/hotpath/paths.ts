import { fork } from 'node:child_process';
import { once } from 'node:events';
import { request, Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { HEADER_ORG_ID, HEADER_RETENTION_DAYS, HEADER_TOKEN_ID } from '#schemas/semconv.js';
import { startCollector } from '../../embedded/collector.js';
import { withFolder } from '../folders.js';
import { HttpClient, startMigrated, type BenchServer } from '../store/server.js';
import { cpuSeconds } from './cpu.js';
import type { GatewayReady } from './gateway-main.js';

/** Creates only `otel_traces` and what the exporter reads, without the views that make facts. */
const BARE_DATABASE = 'bench_hotpath';
const KEY = 'key-of-the-hotpath-bench';
const SENDERS = 4;
const LANDED_MS = 300_000;

/** Runs the embedded store with {@link BARE_DATABASE} and a temporary folder for the duration of `use`. */
export async function withHotpathStore(
  use: (store: { server: BenchServer; clickhouseUrl: string }, folder: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const clickhouse = await startMigrated(join(folder, 'clickhouse'));
    const client = createClickHouse({ url: clickhouse.url });
    const http = new HttpClient(clickhouse.url);
    // Retries once: the server may have closed an idle connection in the meantime.
    const server: BenchServer = { client, http, run: (sql) => http.post(sql).catch(() => http.post(sql)) };
    try {
      await server.run(`CREATE DATABASE ${BARE_DATABASE}`);
      for (const table of ['otel_traces', 'otel_logs'])
        await server.run(`CREATE TABLE ${BARE_DATABASE}.${table} AS ${table}`);
      await use({ server, clickhouseUrl: clickhouse.url }, folder);
    } finally {
      await client.close();
      http.close();
      await clickhouse.stop();
    }
  });
}

/** A path from a client to the store whose processes can be measured. */
export interface Path {
  /** CPU seconds of one round in total, those of the gateway, and its duration. */
  round(
    bodies: readonly Buffer[],
    type: string,
    spans: number,
  ): Promise<{ cpu: number; gatewayCpu: number; seconds: number }>;
  close(): Promise<void>;
}

export interface PathSettings {
  /** The collector binary. */
  readonly binary: string;
  readonly server: BenchServer;
  readonly clickhouseUrl: string;
  readonly folder: string;
  /** The collector's configuration files. */
  readonly config: readonly string[];
  readonly withGateway: boolean;
  /** Environment of the collector, in addition to the defaults of each start. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function openPath({
  binary,
  server,
  clickhouseUrl,
  folder,
  config,
  withGateway,
  env = {},
}: PathSettings): Promise<Path> {
  const lines: string[] = [];
  const collector = await startCollector({
    binary,
    dataDir: folder,
    port: 0,
    clickhouseUrl,
    database: BARE_DATABASE,
    key: KEY,
    config,
    env,
    onLog: (line) => lines.push(line),
  });
  const gateway = withGateway ? await startGateway(clickhouseUrl, collector.url) : undefined;
  const agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  const headers: Record<string, string> =
    gateway === undefined
      ? {
          authorization: `Bearer ${KEY}`,
          [HEADER_ORG_ID]: 'org',
          [HEADER_TOKEN_ID]: 'token',
          [HEADER_RETENTION_DAYS]: '90',
        }
      : { authorization: `Bearer ${gateway.token}` };
  const url = `${gateway?.url ?? collector.url}/v1/traces`;
  const gatewayCpu = (): number => (gateway === undefined ? 0 : cpuSeconds(gateway.pid));

  return {
    async round(bodies, type, spans) {
      await server.run(`TRUNCATE TABLE ${BARE_DATABASE}.otel_traces`);
      const [collectorBefore, gatewayBefore, startedAt] = [cpuSeconds(collector.pid), gatewayCpu(), performance.now()];
      const queue = [...bodies];
      await Promise.all(
        Array.from({ length: SENDERS }, async () => {
          for (let body = queue.pop(); body !== undefined; body = queue.pop())
            await post(url, body, { ...headers, 'content-type': type }, agent);
        }),
      );
      await landed(server, spans, lines);
      const inGateway = gatewayCpu() - gatewayBefore;
      return {
        cpu: cpuSeconds(collector.pid) - collectorBefore + inGateway,
        gatewayCpu: inGateway,
        seconds: (performance.now() - startedAt) / 1000,
      };
    },
    async close() {
      agent.destroy();
      await gateway?.stop();
      await collector.stop();
    },
  };
}

async function startGateway(clickhouseUrl: string, collectorUrl: string) {
  const child = fork(
    join(packageRoot(), 'dist/deploy/bench/hotpath/gateway-main.js'),
    [clickhouseUrl, collectorUrl, KEY],
    { execArgv: [] },
  );
  const [ready] = (await once(child, 'message')) as [GatewayReady];
  return {
    ...ready,
    pid: child.pid ?? 0,
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

async function landed(server: BenchServer, spans: number, lines: readonly string[]): Promise<void> {
  const deadline = Date.now() + LANDED_MS;
  for (;;) {
    const count = Number(await server.run(`SELECT count() FROM ${BARE_DATABASE}.otel_traces`));
    if (count >= spans) return;
    if (Date.now() > deadline) throw new Error(`${count} of ${spans} spans landed\n${lines.slice(-5).join('\n')}`);
    await sleep(50);
  }
}

function post(url: string, body: Buffer, headers: Record<string, string>, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: 'POST', agent, headers: { ...headers, 'content-length': body.length } },
      (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`${url} answered ${response.statusCode ?? 0}`));
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
