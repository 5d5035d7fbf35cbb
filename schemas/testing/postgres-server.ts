import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from './ports.js';
import { openPostgres } from '../postgres/client.js';

/** A real Postgres server with its own folder and port. */
export interface TestServer {
  /** URL of a database whose owner is not a superuser, as in hosted databases. */
  url: string;
  stop(): Promise<void>;
}

const START_MS = 30_000;

/** Returns the folder of Debian's newest server programs; undefined if there are none. */
export async function postgresPrograms(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch(() => []);
  const [newest] = versions
    .map(Number)
    .filter((version) => version > 0)
    .sort((a, b) => b - a);
  return newest === undefined ? undefined : join(root, String(newest), 'bin');
}

/** Starts a server with a database. Postgres does not run as root, so under root it runs as the user `postgres`. */
export async function startPostgresServer(programs: string): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'shieldwatch-pg-'));
  const user = process.getuid?.() === 0 ? postgresUser() : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const made = spawnSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'admin', '--auth=trust', '--no-sync', '-E', 'UTF8'],
    { ...user, encoding: 'utf8', cwd: folder },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    { ...user, stdio: 'ignore', cwd: folder },
  );
  const stop = async (): Promise<void> => {
    if (server.exitCode === null) {
      server.kill('SIGINT');
      await once(server, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await whenUp(`postgres://admin@127.0.0.1:${port}/postgres`, [
      'CREATE ROLE shieldwatch_owner LOGIN NOSUPERUSER CREATEROLE',
      'CREATE DATABASE shieldwatch OWNER shieldwatch_owner',
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `postgres://shieldwatch_owner@127.0.0.1:${port}/shieldwatch`, stop };
}

function postgresUser(): { uid: number; gid: number } {
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

async function whenUp(url: string, statements: readonly string[]): Promise<void> {
  const db = await openPostgres({ url });
  const deadline = Date.now() + START_MS;
  try {
    for (;;) {
      try {
        await db.query('SELECT 1');
        break;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await pause(100);
      }
    }
    for (const statement of statements) await db.query(statement);
  } finally {
    await db.close();
  }
}
