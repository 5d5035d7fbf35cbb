import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endEngine, launchEngine, type LaunchSettings, type RunningEngine } from './engine-process.js';
import { hashPassword, openPasswords, ADMIN_FILE, READER_FILE, type Passwords } from './users.js';

/** Where and how the embedded ClickHouse runs. */
export interface ClickHouseSettings {
  dataDir: string;
  /** 0 = any free port. */
  port: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Created if missing; requests that name none use it. Default `shieldwatch`. */
  database?: string;
  /** Writes are refused while less is free on the disk of `dataDir`. Default 512 MiB. */
  minFreeBytes?: number;
  /** Whether there is a user `admin`, who makes databases beside ours. Default: there is none. */
  withAdmin?: boolean;
  /** One line per event: restarts, failed queries by id and code; never a query's text or data. */
  onLog?: (line: string) => void;
}

/** The embedded ClickHouse, as its parent process sees it. */
export interface EmbeddedClickHouse {
  /** With the writer's name and password in it: for the stack's own parts, never to be shown or logged. */
  readonly url: string;
  /** For people and Grafana: with the reader's name and password in it. */
  readonly readerUrl: string;
  /** The same for curl: name and password of the reader in a file that is its owner's alone. */
  readonly readerFile: string;
  /** With the admin's name and password, where there is one. */
  readonly adminUrl: string | undefined;
  /** The same for curl. */
  readonly adminFile: string | undefined;
  /** Without credentials: may be shown. */
  readonly address: string;
  readonly port: number;
  /** Of the engine's process; another one after a restart. */
  readonly pid: number;
  readonly version: string;
  /** Whether the system confines the engine's process to its own files: the last line of defence. */
  readonly isConfined: boolean;
  /** Drains, closes, resolves when the process is gone. */
  stop(): Promise<void>;
}

const MIN_FREE_BYTES = 512 * 2 ** 20;
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 5_000;
/** An engine that ran this long has its next restart at once again. */
const HEALTHY_MS = 30_000;
/** Eight of its signs of life. */
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
    // A process that says nothing for so long is stuck, and holds the data folder: only its end helps.
    const kill = (): void => {
      this.#launch.onLog("clickhouse: the engine's process does not answer, ending it");
      engine.child.kill('SIGKILL');
    };
    // In two steps: when this process itself was held up, its sign of life is read in between.
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
