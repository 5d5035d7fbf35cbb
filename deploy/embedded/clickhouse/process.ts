import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endEngine, launchEngine, type LaunchSettings, type RunningEngine } from './engine-process.js';
import { hashPassword, openPasswords, ADMIN_FILE, READER_FILE, type Passwords } from './users.js';

/** Settings of the embedded ClickHouse. */
export interface ClickHouseSettings {
  dataDir: string;
  /** 0: any free port. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Created if missing; the default of requests that name none. Default `shieldwatch`. */
  database?: string;
  /** Free bytes on the disk of `dataDir` below which writes are refused. Default 512 MiB. */
  minFreeBytes?: number;
  /** Adds a user `admin`, who may create other databases. Default false. */
  withAdmin?: boolean;
  /** Receives a line per event: restarts, and failed queries by id and code; never the text or data of a query. */
  onLog?: (line: string) => void;
}

/** Handle of the embedded ClickHouse in its parent process. */
export interface EmbeddedClickHouse {
  /** URL with the writer's name and password, for the stack's own processes. Never shown or logged. */
  readonly url: string;
  /** URL with the reader's name and password, for people and Grafana. */
  readonly readerUrl: string;
  /** Path of a netrc file for curl with the reader's name and password; only its owner can read it. */
  readonly readerFile: string;
  /** URL with the admin's name and password; undefined without an admin. */
  readonly adminUrl: string | undefined;
  /** Path of the admin's netrc file for curl; undefined without an admin. */
  readonly adminFile: string | undefined;
  /** URL without credentials. */
  readonly address: string;
  readonly port: number;
  /** Process id of the engine; changes with a restart. */
  readonly pid: number;
  readonly version: string;
  /** Whether the operating system confines the engine's process to its own files. */
  readonly isConfined: boolean;
  /** Waits for running requests, closes the engine, and resolves when its process has ended. */
  stop(): Promise<void>;
}

const MIN_FREE_BYTES = 512 * 2 ** 20;
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 5_000;
/** Running time after which the delay before a restart starts again at {@link FIRST_RESTART_MS}. */
const HEALTHY_MS = 30_000;
/** Time without an `alive` message (one a second) after which the engine counts as stuck. */
const STUCK_MS = 8_000;
const STOP_GRACE_MS = 20_000;

/**
 * Starts ClickHouse in a process of its own and keeps it running: when it dies unexpectedly it is started
 * again on the same port. Rejects with `ClickHouseStartError` when the first start fails.
 */
export async function startClickHouse(settings: ClickHouseSettings): Promise<EmbeddedClickHouse> {
  const host = settings.host ?? '127.0.0.1';
  const passwords = openPasswords(settings.dataDir, settings.withAdmin);
  const launch: LaunchSettings = {
    dataDir: settings.dataDir,
    host,
    port: settings.port,
    database: settings.database ?? 'shieldwatch',
    accounts: {
      writerHash: hashPassword(passwords.writer),
      readerHash: hashPassword(passwords.reader),
      ...(settings.withAdmin === true && passwords.admin !== undefined
        ? { adminHash: hashPassword(passwords.admin) }
        : {}),
    },
    minFreeBytes: settings.minFreeBytes ?? MIN_FREE_BYTES,
    onLog: settings.onLog ?? (() => undefined),
  };
  const first = await launchEngine(launch);
  return new Supervisor({ ...launch, port: first.port }, first, passwords);
}

class Supervisor implements EmbeddedClickHouse {
  readonly port: number;
  readonly address: string;
  readonly url: string;
  readonly readerUrl: string;
  readonly readerFile: string;
  readonly adminUrl: string | undefined;
  readonly adminFile: string | undefined;
  readonly version: string;
  readonly #launch: LaunchSettings;
  readonly #stopping = new AbortController();
  #engine: RunningEngine;
  #restart: Promise<void> = Promise.resolve();
  #startedAt = Date.now();
  #waitMs = FIRST_RESTART_MS;

  constructor(launch: LaunchSettings, engine: RunningEngine, passwords: Passwords) {
    this.#launch = launch;
    this.#engine = engine;
    this.port = engine.port;
    this.version = engine.version;
    const place = `${launch.host.includes(':') ? `[${launch.host}]` : launch.host}:${engine.port}`;
    this.address = `http://${place}`;
    this.url = `http://writer:${passwords.writer}@${place}`;
    this.readerUrl = `http://reader:${passwords.reader}@${place}`;
    this.readerFile = join(launch.dataDir, READER_FILE);
    const hasAdmin = launch.accounts.adminHash !== undefined;
    this.adminUrl = hasAdmin ? `http://admin:${passwords.admin ?? ''}@${place}` : undefined;
    this.adminFile = hasAdmin ? join(launch.dataDir, ADMIN_FILE) : undefined;
    this.#watch(engine);
  }

  get isConfined(): boolean {
    return this.#engine.isConfined;
  }

  get pid(): number {
    return this.#engine.pid;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#restart;
    await endEngine(this.#engine.child, STOP_GRACE_MS);
  }

  #watch(engine: RunningEngine): void {
    this.#engine = engine;
    this.#startedAt = Date.now();
    // A stuck process holds the data folder, so it is killed.
    const kill = (): void => {
      this.#launch.onLog("clickhouse: the engine's process does not answer, ending it");
      engine.child.kill('SIGKILL');
    };
    // In two steps: if this process itself was blocked, it reads the pending message between them.
    let timer: NodeJS.Timeout;
    const wait = (): void => {
      timer = setTimeout(() => {
        timer = setTimeout(kill, STUCK_MS / 5).unref();
      }, STUCK_MS).unref();
    };
    wait();
    engine.child.on('message', () => {
      clearTimeout(timer);
      wait();
    });
    engine.child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (this.#stopping.signal.aborted) return;
      this.#launch.onLog(`clickhouse: the engine's process ended (${signal ?? `exit code ${code}`}), restarting it`);
      this.#restart = this.#bringBack();
    });
  }

  async #bringBack(): Promise<void> {
    if (Date.now() - this.#startedAt > HEALTHY_MS) this.#waitMs = FIRST_RESTART_MS;
    for (;;) {
      await sleep(this.#waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return;
      this.#waitMs = Math.min(this.#waitMs * 2, MAX_RESTART_MS);
      try {
        this.#watch(await launchEngine(this.#launch));
        this.#launch.onLog(`clickhouse: the engine is back on port ${this.port}`);
        return;
      } catch (error) {
        this.#launch.onLog(
          `clickhouse: cannot restart the engine yet: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
  }
}
