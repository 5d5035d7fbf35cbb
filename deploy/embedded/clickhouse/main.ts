/**
 * The engine's process: opens chDB, listens, reports to its parent, and ends on request or when the parent
 * is gone. Started by `process.ts`; can be run by hand with the same flags.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createAnswerPipes, type AnswerPipe } from './answer-pipe.js';
import { loadChdb, type ChdbBinding } from './chdb.js';
import { isConfined } from './confine.js';
import { checkDataVersion } from './data-version.js';
import { DiskGuard } from './disk.js';
import { Engine } from './engine.js';
import type { Places } from './handler.js';
import { ACCOUNTS_VARIABLE, ClickHouseStartError, type EngineMessage } from './messages.js';
import { Processes } from './processes.js';
import { listen } from './server.js';
import { Sessions } from './sessions.js';
import { Slots } from './slots.js';
import type { Accounts } from './users.js';

/** Queries that run at once, of each user; each takes a thread of libuv's pool (see `engine-process.ts`). */
const READS = 16;
const WRITER_COMMANDS = 8;
const READER_COMMANDS = 4;
const ADMIN_READS = 8;
const ADMIN_COMMANDS = 4;
const MAX_WAITING = 1000;
const ALIVE_MS = 1_000;
const DRAIN_MS = 10_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string', default: 'data/clickhouse' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8123' },
      database: { type: 'string', default: 'shieldwatch' },
      'min-free-bytes': { type: 'string', default: String(512 * 2 ** 20) },
    },
  });
  const port = Number(values.port);
  const dataDir = resolve(values['data-dir']);

  const { engine, version } = await openEngine(dataDir, values.database);
  endAtCrash();
  const identity = await engine.describe();
  const spool = emptySpool(dataDir);
  const pipes = createAnswerPipes(spool, 2 * READS + ADMIN_READS);
  const processes = new Processes();
  const server = await listen(values.host, port, {
    engine,
    identity,
    database: values.database,
    accounts: accountsFrom(process.env[ACCOUNTS_VARIABLE]),
    catalog: await engine.catalog(values.database),
    dataDir,
    spool,
    disk: new DiskGuard(dataDir, Number(values['min-free-bytes'])),
    places: {
      writer: places(pipes.slice(READS, 2 * READS), WRITER_COMMANDS),
      reader: places(pipes.slice(0, READS), READER_COMMANDS),
      admin: places(pipes.slice(2 * READS), ADMIN_COMMANDS),
    },
    processes,
    sessions: new Sessions((connection) => {
      engine.closeConnection(connection);
    }),
    onLog: (line) => {
      tell({ type: 'log', line });
    },
  }).catch((error: unknown) => {
    throw error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      ? new ClickHouseStartError(
          'PORT_IN_USE',
          `port ${port} is in use on ${values.host}: choose another with --clickhouse-port or SHIELDWATCH_CLICKHOUSE_PORT, or name the server that runs there with CLICKHOUSE_URL`,
        )
      : error;
  });

  let isStopping = false;
  const stop = async (): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    await server.drain(DRAIN_MS);
    engine.close();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  // Ctrl-C reaches the whole process group; the parent decides when this process goes.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', () => void stop());
  tell({
    type: 'ready',
    port: server.port,
    pid: process.pid,
    version: identity.version,
    engine: version,
    isConfined: isConfined(dataDir),
  });
  setInterval(() => {
    tell({ type: 'alive' });
    if (!processes.hasHung(Date.now())) return;
    tell({ type: 'log', line: 'a query heeds neither its time limit nor its KILL: starting again' });
    process.exit(1);
  }, ALIVE_MS).unref();
}

/**
 * chDB's own handlers of crashes hold the process for minutes, dead but there, so that nobody restarts it.
 * Taking a signal and giving it back leaves it to the system, which ends the process at once.
 */
function endAtCrash(): void {
  for (const signal of ['SIGABRT', 'SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE'] as const) {
    const handler = (): void => undefined;
    process.on(signal, handler).off(signal, handler);
  }
}

function places(pipes: readonly AnswerPipe[], commands: number): Places {
  return {
    reads: new Slots(pipes, MAX_WAITING),
    commands: new Slots(
      Array.from({ length: commands }, (_, i) => i),
      MAX_WAITING,
    ),
  };
}

/** Started by hand, without accounts: it answers nobody. */
function accountsFrom(text: string | undefined): Accounts {
  return text === undefined
    ? { writerHash: '0'.repeat(64), readerHash: '0'.repeat(64) }
    : (JSON.parse(text) as Accounts);
}

/** The engine, and its version as the addon tells it. */
async function openEngine(dataDir: string, database: string): Promise<{ engine: Engine; version: string }> {
  let chdb: ChdbBinding;
  try {
    chdb = loadChdb();
  } catch {
    throw new ClickHouseStartError(
      'CHDB_UNAVAILABLE',
      `chDB is not available on ${process.platform}-${process.arch} (it exists for glibc Linux and macOS, as an optional npm package): set CLICKHOUSE_URL to a ClickHouse server instead`,
    );
  }
  checkDataVersion(dataDir, chdb.EngineVersion());
  try {
    const engine = await Engine.open(chdb, dataDir, database);
    return { engine, version: chdb.EngineVersion() };
  } catch (error) {
    throw new ClickHouseStartError('START_FAILED', `cannot open the data folder ${dataDir}: ${messageOf(error)}`);
  }
}

/** Bodies and pipes of a process that was killed are of no use to anybody. */
function emptySpool(dataDir: string): string {
  const spool = join(dataDir, 'spool');
  mkdirSync(spool, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(spool)) {
    if (/^(insert|answer)-/.test(name)) rmSync(join(spool, name), { force: true });
  }
  return spool;
}

function tell(message: EngineMessage): void {
  if (message.type === 'alive' && !process.connected) return;
  if (process.send !== undefined && process.connected) process.send(message);
  else process.stderr.write(`${JSON.stringify(message)}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

main().catch((error: unknown) => {
  const code = error instanceof ClickHouseStartError ? error.code : 'START_FAILED';
  const message: EngineMessage = { type: 'failed', code, message: messageOf(error) };
  if (process.send !== undefined && process.connected) process.send(message, () => process.exit(1));
  else {
    tell(message);
    process.exit(1);
  }
});
