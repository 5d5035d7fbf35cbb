import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { confiningLauncher, type Launcher } from './confine.js';
import { stampDataVersion } from './data-version.js';
import { ACCOUNTS_VARIABLE, ClickHouseStartError, type EngineMessage } from './messages.js';
import type { Accounts } from './users.js';
import { environment } from '../../environment.js';

/** How the engine's process is started. */
export interface LaunchSettings {
  readonly dataDir: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly accounts: Accounts;
  /** Writes are refused while less is free on the disk. */
  readonly minFreeBytes: number;
  readonly onLog: (line: string) => void;
}

/** A started engine process that has said it is ready. */
export interface RunningEngine {
  readonly child: ChildProcess;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** As the process itself has seen. */
  readonly isConfined: boolean;
}

/** Threads for what runs side by side (16 + 8 of the writer, 16 + 4 of readers, 8 + 4 of the admin), and some for files. */
const THREADS = '68';
const STDERR_KEPT = 8192;

/** What a program needs of our environment; tokens and keys for others are none of it. */
const ENVIRONMENT = /^(PATH|HOME|TZ|LANG|LC_\w+|LD_LIBRARY_PATH|DYLD_\w+)$/;

/**
 * Starts the built `main.js`, confined where the system offers it, and waits until it listens. Rejects with
 * `ClickHouseStartError`.
 */
export async function launchEngine(settings: LaunchSettings): Promise<RunningEngine> {
  const launcher = confiningLauncher(settings.dataDir, settings.port);
  if (launcher === undefined) return launch(settings, undefined);
  try {
    return await launch(settings, launcher);
  } catch (error) {
    if (!(error instanceof ClickHouseStartError) || error.code !== 'START_FAILED') throw error;
    const engine = await launch(settings, undefined);
    settings.onLog("clickhouse: the engine's process does not start confined on this system, and runs as it is");
    return engine;
  }
}

async function launch(settings: LaunchSettings, launcher: Launcher | undefined): Promise<RunningEngine> {
  // Formats with a schema (Protobuf, CapnProto) write one there; elsewhere a confined process writes nothing.
  const temporary = join(settings.dataDir, 'spool', 'tmp');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true, mode: 0o700 });
  const child = fork(
    join(packageRoot(), 'dist/deploy/embedded/clickhouse/main.js'),
    [
      '--data-dir',
      settings.dataDir,
      '--host',
      settings.host,
      '--port',
      String(settings.port),
      '--database',
      settings.database,
      '--min-free-bytes',
      String(settings.minFreeBytes),
    ],
    {
      env: {
        ...Object.fromEntries(Object.entries(environment).filter(([name]) => ENVIRONMENT.test(name))),
        TMPDIR: temporary,
        UV_THREADPOOL_SIZE: THREADS,
        [ACCOUNTS_VARIABLE]: JSON.stringify(settings.accounts),
      },
      execArgv: [],
      ...launcher,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  // Kept only until the engine is ready: later the engine's own words might quote queries.
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-STDERR_KEPT)));

  return new Promise<RunningEngine>((resolve, reject) => {
    let failure: ClickHouseStartError | undefined;
    const fail = (error: ClickHouseStartError): void => {
      child.kill('SIGKILL');
      reject(error);
    };
    child.once('error', (error) => {
      fail(new ClickHouseStartError('START_FAILED', `cannot start the embedded ClickHouse: ${error.message}`));
    });
    // `close`, not `exit`: by then all of stderr has been read.
    const onClose = (code: number | null, signal: NodeJS.Signals | null): void => {
      const ended = `the embedded ClickHouse ended while starting (${signal ?? `exit code ${code}`}): ${lastLine(stderr)}`;
      fail(explain(failure ?? new ClickHouseStartError('START_FAILED', ended), stderr, settings.dataDir));
    };
    child.once('close', onClose);
    child.on('message', (message: EngineMessage) => {
      if (message.type === 'log') settings.onLog(`clickhouse: ${message.line}`);
      if (message.type === 'failed') failure = new ClickHouseStartError(message.code, message.message);
      if (message.type === 'ready') {
        child.stderr?.removeAllListeners('data').resume();
        child.off('close', onClose);
        stampDataVersion(settings.dataDir, message.engine);
        resolve({
          child,
          port: message.port,
          pid: message.pid,
          version: message.version,
          isConfined: message.isConfined,
        });
      }
    });
  });
}

/** Ends the process: drained and closed, or killed when it does not go within `graceMs`. */
export async function endEngine(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}

/** chDB says why a folder cannot be opened on stderr only. */
function explain(error: ClickHouseStartError, stderr: string, dataDir: string): ClickHouseStartError {
  if (error.code !== 'START_FAILED' || !stderr.includes('Cannot lock file')) return error;
  return new ClickHouseStartError('DATA_DIR_LOCKED', `the data folder ${dataDir} is in use by another process`);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) || 'it said nothing';
}
