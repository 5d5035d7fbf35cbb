import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startClickHouse, type ClickHouseSettings, type EmbeddedClickHouse } from '../embedded/clickhouse/process.js';

/** A server with its own data folder, for one test file. It runs the built code in `dist`. */
export interface TestServer {
  readonly clickhouse: EmbeddedClickHouse;
  readonly dataDir: string;
  readonly log: readonly string[];
  /** Sends one query as the writer: the statement in the body, everything else in the URL. */
  query(statement: string | Buffer, parameters?: Record<string, string>, init?: RequestInit): Promise<Response>;
  /** Sends one query as the writer and returns the answer without its last line break; throws unless the status is 200. */
  text(statement: string, parameters?: Record<string, string>): Promise<string>;
  remove(): Promise<void>;
}

export async function startTestServer(settings: Partial<ClickHouseSettings> = {}): Promise<TestServer> {
  const dataDir = settings.dataDir ?? (await mkdtemp(join(tmpdir(), 'shieldwatch-clickhouse-')));
  const log: string[] = [];
  const clickhouse = await startClickHouse({ dataDir, port: 0, onLog: (line) => log.push(line), ...settings });
  const writer = writerHeaders(clickhouse);
  const query: TestServer['query'] = (statement, parameters = {}, init = {}) =>
    fetch(`${clickhouse.address}/?${new URLSearchParams(parameters).toString()}`, {
      method: 'POST',
      body: statement,
      ...init,
      headers: { ...writer, ...(init.headers as Record<string, string> | undefined) },
    });
  return {
    clickhouse,
    dataDir,
    log,
    query,
    text: async (statement, parameters) => {
      const response = await query(statement, parameters);
      const body = await response.text();
      if (response.status !== 200) throw new Error(body);
      return body.replace(/\n$/, '');
    },
    remove: async () => {
      await clickhouse.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Returns the writer's credentials as headers; `fetch` rejects credentials in a URL. */
export function writerHeaders(clickhouse: EmbeddedClickHouse): Record<string, string> {
  const { username, password } = new URL(clickhouse.url);
  return { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password };
}

/** Returns the reader's credentials as headers. */
export function readerHeaders(clickhouse: EmbeddedClickHouse): Record<string, string> {
  const { username, password } = new URL(clickhouse.readerUrl);
  return { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password };
}

/** Polls until `ask` returns true; throws after `deadlineMs`. */
export async function until(what: string, ask: () => boolean | Promise<boolean>, deadlineMs = 60_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  const isSo = async (): Promise<boolean> => ask();
  while (!(await isSo().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await sleep(20);
  }
}
