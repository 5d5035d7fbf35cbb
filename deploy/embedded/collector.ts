import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '#schemas/errors.js';
import { PSEUDONYM_KEY_FILE_VARIABLE } from '#schemas/pseudonyms.js';
import { COLLECTOR_CONFIG } from '#collector/binary.js';
import { launchCollector } from './collector-process.js';
import type { CollectorProcess } from './collector-process.js';
import { launchDespiteDamage } from './collector-queue.js';
import { unfinishedIn } from './set-aside.js';
import { environment } from '../environment.js';

const HOST = '127.0.0.1';
/** Longest wait for the store's tables at the first start. */
const STORE_MS = 30_000;
const POLL_MS = 100;
/**
 * Go's collector of garbage runs at a fifth of the default pace until the heap comes near its limit, which lies below
 * the one at which memory_limiter refuses (collector/config.yaml): measured, this takes 28 CPU-s per million spans to 20.
 */
const GO_MEMORY = { GOGC: '400', GOMEMLIMIT: '448MiB' };
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LAST_MS = 10_000;

export interface CollectorSettings {
  /** The built collector; see `collectorBinary`. */
  readonly binary: string;
  /** The queue lives in `collector-queue` below it, and survives restarts. */
  readonly dataDir: string;
  /** Port of OTLP/HTTP on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** `http(s)://user:password@host:port` of a store whose tables exist. */
  readonly clickhouseUrl: string;
  readonly database: string;
  /** Shared secret that every request must carry as `Authorization: Bearer <key>`. */
  readonly key: string;
  /** File with the secret that pseudonyms of persons are made from; absent: they are masked. */
  readonly pseudonymKeyFile?: string;
  /** Configuration files, in order; those of our distribution unless given. */
  readonly config?: readonly string[];
  /** Further variables of config.yaml, which do not follow from the settings above. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives each line that the collector logs, and what happens to its process. */
  readonly onLog?: (line: string) => void;
}

/** A collector that runs as a child process and is restarted when it dies. */
export interface EmbeddedCollector {
  /** Base URL: OTLP goes to `<url>/v1/traces` and so on. */
  readonly url: string;
  /** Process id of the collector; another one after a restart. */
  readonly pid: number;
  /** Ends it: what is queued stays on disk for the next start. */
  stop(): Promise<void>;
}

/**
 * Starts the collector and waits until it takes requests. Throws one clear line if the port is in use, the store's
 * tables cannot be seen, or the collector does not come up.
 */
export async function startCollector(settings: CollectorSettings): Promise<EmbeddedCollector> {
  const log = settings.onLog ?? (() => undefined);
  const port = await freePort(settings.port);
  const healthPort = await freePort(0);
  const queue = join(settings.dataDir, 'collector-queue');
  mkdirSync(queue, { recursive: true, mode: 0o700 });

  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const launch = (): Promise<CollectorProcess> =>
    launchCollector({
      command: [settings.binary, ...(settings.config ?? COLLECTOR_CONFIG).flatMap((file) => ['--config', file])],
      env: {
        // Also lets a person set other ones.
        ...GO_MEMORY,
        ...environment,
        ...settings.env,
        SHIELDWATCH_COLLECTOR_HOST: HOST,
        SHIELDWATCH_COLLECTOR_PORT: String(port),
        SHIELDWATCH_COLLECTOR_HEALTH_PORT: String(healthPort),
        SHIELDWATCH_COLLECTOR_KEY: settings.key,
        [PSEUDONYM_KEY_FILE_VARIABLE]: settings.pseudonymKeyFile ?? '',
        SHIELDWATCH_COLLECTOR_QUEUE: queue,
        SHIELDWATCH_CLICKHOUSE_URL: settings.clickhouseUrl,
        SHIELDWATCH_CLICKHOUSE_DATABASE: settings.database,
      },
      healthUrl: `http://${HOST}:${healthPort}`,
      onLine: (line) => {
        // Its receiver closes before its own metrics' last minute is sent through it; they contain no user data.
        if (!isStopping() || !line.includes('failed to shutdown meter provider')) log(line);
      },
      signal: stopping.signal,
    });
  const bringUp = async (storeSignal: AbortSignal): Promise<CollectorProcess> => {
    await storeIsReady(settings, storeSignal);
    const unfinished = unfinishedIn(join(queue, 'set-aside'));
    if (unfinished > 0)
      log(
        `the collector removes ${unfinished} unfinished files of its set-aside folder; their records are in its queue still`,
      );
    return launchDespiteDamage(queue, launch, log);
  };

  let current = await bringUp(AbortSignal.timeout(STORE_MS));
  const supervisor = supervise();

  /** Restarts the collector for as long as nobody stops it. Waits longer each time it dies young. */
  async function supervise(): Promise<void> {
    for (let backoff = BACKOFF_FIRST_MS; ; backoff = Math.min(backoff * 2, BACKOFF_LAST_MS)) {
      const startedAt = Date.now();
      const cause = await current.ended;
      if (isStopping()) return;
      if (Date.now() - startedAt > BACKOFF_LAST_MS) backoff = BACKOFF_FIRST_MS;
      log(`the collector ended (${cause}); restarting it in ${backoff} ms`);
      await sleep(backoff, undefined, { signal: stopping.signal }).catch(() => undefined);
      try {
        current = await bringUp(stopping.signal);
      } catch (error) {
        if (isStopping()) return;
        log(error instanceof Error ? error.message : String(error));
      }
    }
  }

  return {
    url: `http://${HOST}:${port}`,
    get pid() {
      return current.pid;
    },
    async stop() {
      stopping.abort();
      await current.end();
      await supervisor;
    },
  };
}

/** Resolves when the store shows the table whose columns the exporter reads once, at its start. */
async function storeIsReady({ clickhouseUrl, database }: CollectorSettings, signal: AbortSignal): Promise<void> {
  const url = new URL(clickhouseUrl);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.searchParams.set('query', `DESCRIBE TABLE "${database}".otel_logs FORMAT TabSeparated`);
  const credentials = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  const headers: Record<string, string> = username === '' ? {} : { authorization: `Basic ${credentials}` };
  let answer = 'no answer';
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { headers, signal });
      answer = (await response.text()).split('\n', 1)[0] ?? '';
      if (response.ok) return;
    } catch (error) {
      // What aborting throws is no answer of the store's.
      if (error instanceof Error && !(error instanceof DOMException)) answer = error.message;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  throw new CommandError(`the store at ${url.origin} does not show ${database}.otel_logs: ${answer}`);
}

/** The port itself if nothing listens on it; for 0, one that the system gives. */
async function freePort(port: number): Promise<number> {
  const server = createServer();
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new CommandError(
      reason === 'EADDRINUSE'
        ? `port ${port} on ${HOST} is in use, so the collector cannot listen there; choose another with --collector-port or SHIELDWATCH_COLLECTOR_PORT`
        : `the collector cannot listen on ${HOST}:${port} (${reason})`,
    );
  }
  const address = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return address.port;
}
