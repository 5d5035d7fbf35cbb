import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathOf, type Manifest } from '#deploy/backup/format.js';
import { openBackup } from '#deploy/backup/folder.js';
import { drill } from '#deploy/backup/drill.js';
import { makeBackup, removeOld } from '#deploy/backup/backup.js';
import { restoreBackup } from '#deploy/backup/restore.js';
import { readKey, writeNewKey } from '#deploy/backup/seal.js';
import { verifyBackup } from '#deploy/backup/verify.js';
import { callStack } from '#deploy/embedded/data-folder.js';
import { createClickHouse, selectRows } from '#schemas/clickhouse/client.js';
import { packageRoot } from '#schemas/root.js';
import { freePort } from '#schemas/testing/ports.js';
import { copyMigratedClickHouse, copyMigratedPostgres } from '../testing/store-template.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

const CLI = join(packageRoot(), 'dist/deploy/cli.js');
const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-backup-'));
const at = (name: string): string => join(folder, name);
const quiet = (): void => undefined;

/** Migrated stores for a restore, which otherwise makes them in many seconds. */
async function migrated(dataDir: string): Promise<void> {
  await copyMigratedClickHouse(join(dataDir, 'clickhouse'));
  await copyMigratedPostgres(join(dataDir, 'postgres'));
}

let stack: RunningStack;
let token: string;
let readToken: string;
let sent = 0;
let manifest: Manifest;
/** Tables that had rows before the first backup, by the engine's catalog. */
let filled: string[];

/** Sends `count` decisions of one session, blocked and allowed in turn. */
async function sendDecisions(count: number): Promise<void> {
  const entries = Array.from({ length: count }, () => {
    sent += 1;
    return {
      eventId: `backup-test-${sent}`,
      timestamp: new Date(Date.now() - sent * 1_000).toISOString(),
      tool: 'Bash',
      decision: sent % 2 === 0 ? 'block' : 'allow',
      reason: 'a rule of the test',
      durationMs: 3,
    };
  });
  const response = await fetch(`${stack.status.gateway}/v1/ingest/runtime`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ repository: 'acme/app', sessionId: `session-${sent}`, entries }),
  });
  expect(response.status, await response.clone().text()).toBeLessThan(300);
}

const settings = (
  name: string,
  more: Partial<Parameters<typeof makeBackup>[0]> = {},
): Parameters<typeof makeBackup>[0] => ({
  path: at(name),
  dataDir: stack.dataDir,
  product: '0.0.0',
  key: undefined,
  withKeys: false,
  incrementalFrom: undefined,
  onProgress: quiet,
  ...more,
});

/** Runs the command as a person does. */
function typed(...words: string[]): { code: number | null; out: string; error: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...words], {
    encoding: 'utf8',
    timeout: 240_000,
  });
  return { code: status, out: stdout, error: stderr };
}

/** Starts the command, kills it when `isTime` is true of what it wrote to standard error, and returns when it is gone. */
async function killAt(words: readonly string[], isTime: (text: string) => boolean): Promise<void> {
  const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const gone = new Promise((resolve) => child.once('close', resolve));
  await until(`the moment to kill ${words[0] ?? ''}`, () => isTime(text) || child.exitCode !== null);
  child.kill('SIGKILL');
  await gone;
}

/** A copy of the first backup, to damage. */
function copyOf(name: string): string {
  cpSync(at('first'), at(name), { recursive: true });
  return at(name);
}
const problemsOf = async (path: string): Promise<string> =>
  (await verifyBackup(path, undefined, quiet)).problems.join('\n');

beforeAll(async () => {
  stack = await startStackProcess({ withCollector: false });
  token = await stack.token('ingest:runtime');
  readToken = await stack.token('read');
  await sendDecisions(200);
  const access = await callStack<{ clickhouseUrl: string }>(stack.dataDir, 'POST', '/backup/access');
  const client = createClickHouse({ url: access?.clickhouseUrl ?? '' });
  // A fact that no series reads.
  await client.command({
    query: `INSERT INTO drill_event_v1 (org_id, repo, event_id, occurred_at, seat, client, result, ingested_at)
            VALUES ('org_local', 'acme/app', 'drill-1', now64(3), 'seat-1', 'claude-code', 'proved', now64(3))`,
  });
  const tables = await selectRows<{ name: string }>(
    client,
    `SELECT DISTINCT table AS name FROM system.parts
     WHERE database = currentDatabase() AND active AND rows > 0 AND table != 'schema_migration'`,
  );
  filled = tables.map(({ name }) => name);
  await client.close();
  // Telemetry arrives and jobs run while the backup is made.
  const stop = new AbortController();
  const sending = (async () => {
    do await sendDecisions(20);
    while (!stop.signal.aborted);
  })();
  manifest = await makeBackup(settings('first'));
  stop.abort();
  await sending;
}, 240_000);
afterAll(async () => {
  await stack.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe('a backup made while telemetry arrives', () => {
  it('holds what was acknowledged before it began, in files that only their owner reads', async () => {
    const facts = manifest.files.filter(({ table }) => table === 'runtime_event_v1');
    expect(facts.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(200);
    expect(filled).toContain('drill_event_v1');
    expect(manifest.files.map(({ table }) => table)).toEqual(expect.arrayContaining(filled));
    for (const file of manifest.files) expect(statSync(join(at('first'), pathOf(file))).mode & 0o777).toBe(0o600);
    expect(statSync(at('first')).mode & 0o777).toBe(0o700);
    expect(await problemsOf(at('first'))).toBe('');
    const client = createClickHouse({ url: stack.readerUrl });
    expect(await selectRows(client, `SELECT name FROM system.databases WHERE name LIKE '%backup%'`)).toEqual([]);
    await client.close();
  });

  it('restores into stores whose series equal a recomputation from all facts', async () => {
    const result = await drill(at('first'), undefined, quiet, migrated);
    expect(result.problems).toEqual([]);
    expect(result.rows).toBe(manifest.files.reduce((sum, { rows }) => sum + rows, 0));
  }, 240_000);
});

describe('verify-backup', () => {
  const victim = (): string => pathOf(manifest.files.find(({ table }) => table === 'runtime_event_v1') as never);

  it('names a file with a flipped bit, a cut file, a missing file, and a file that is not of the backup', async () => {
    const path = copyOf('damaged');
    const file = join(path, victim());
    const bytes = readFileSync(file);
    const flipped = Buffer.from(bytes);
    const middle = Math.floor(bytes.length / 2);
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    writeFileSync(file, flipped);
    expect(await problemsOf(path)).toBe(`${victim()}: its SHA-256 is not that of the manifest`);
    truncateSync(file, bytes.length - 1);
    expect(await problemsOf(path)).toContain(`${victim()}: ${bytes.length - 1} bytes`);
    rmSync(file);
    expect(await problemsOf(path)).toBe(`${victim()}: missing`);
    writeFileSync(file, bytes);
    writeFileSync(join(path, 'clickhouse', 'more'), '');
    expect(await problemsOf(path)).toBe('clickhouse/more: not named by the manifest');
  });

  it('names files that are swapped, and links', async () => {
    const path = copyOf('swapped');
    const [one, two] = manifest.files
      .filter(({ store }) => store === 'clickhouse')
      .map((file) => join(path, pathOf(file)));
    renameSync(one ?? '', at('held'));
    copyFileSync(two ?? '', one ?? '');
    expect(await problemsOf(path)).not.toBe('');
    rmSync(one ?? '');
    symlinkSync(at('held'), one ?? '');
    expect(await problemsOf(path)).toContain('not a regular file');
  });

  it('rejects manifests that name paths outside of the folder, twice the same, a newer format, or newer migrations', async () => {
    const path = copyOf('manifests');
    const write = (change: (manifest: Manifest) => unknown): void => {
      const value = JSON.parse(JSON.stringify(manifest)) as Manifest;
      writeFileSync(join(path, 'manifest.json'), JSON.stringify({ ...value, ...(change(value) as object) }));
    };
    for (const table of ['../../etc/passwd', '/etc/passwd', 'a/b', 'a.b', 'A'])
      for (const field of ['table', 'partition'] as const) {
        if (field === 'partition' && table === 'A') continue;
        write(({ files }) => ({ files: [{ ...files[0], [field]: table }] }));
        await expect(verifyBackup(path, undefined, quiet)).rejects.toThrow(`manifest: files.0.${field}`);
      }
    write(({ files }) => ({ files: [files[0], files[0]] }));
    await expect(verifyBackup(path, undefined, quiet)).rejects.toThrow('names a file twice');
    write(() => ({ format: 2 }));
    await expect(verifyBackup(path, undefined, quiet)).rejects.toThrow('written by a newer Shieldwatch');
    write(({ migrations }) => ({
      migrations: {
        ...migrations,
        clickhouse: [...migrations.clickhouse, { version: 9_999, name: 'later', checksum: '0'.repeat(64) }],
      },
    }));
    expect(await problemsOf(path)).toContain('written by a newer Shieldwatch');
    await expect(
      restoreBackup({ path, key: undefined, dataDir: at('newer'), keysFrom: undefined, onProgress: quiet }),
    ).rejects.toThrow('written by a newer Shieldwatch');
    expect(existsSync(at('newer'))).toBe(false);
  });

  it('takes other users their access to the folder', async () => {
    const path = copyOf('open');
    chmodSync(path, 0o755);
    await openBackup(path, undefined);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });
});

describe('incremental backups and retention', () => {
  it('link unchanged files, stay complete without the base, and keep the newest', async () => {
    const second = await makeBackup(settings('series/second', { incrementalFrom: at('first') }));
    const shared = second.files.filter(
      (file) => statSync(join(at('series/second'), pathOf(file))).nlink > 1 && file.store === 'clickhouse',
    );
    expect(shared.length).toBeGreaterThan(0);
    const third = await makeBackup(settings('series/third', { incrementalFrom: at('series/second') }));
    expect(await removeOld(at('series/third'), 1, undefined)).toEqual([at('series/second')]);
    expect(existsSync(at('series/second'))).toBe(false);
    expect((await verifyBackup(at('series/third'), undefined, quiet)).problems).toEqual([]);
    expect(third.files.length).toBeGreaterThan(0);
    expect(await problemsOf(at('first'))).toBe('');
  }, 240_000);
});

describe('a backup that is killed', () => {
  it('leaves no folder under its name, and the next run removes what is left', async () => {
    await killAt(['backup', at('killed'), '--data-dir', stack.dataDir], (text) => /clickhouse \d+ of/.test(text));
    expect(existsSync(at('killed'))).toBe(false);
    await makeBackup(settings('killed'));
    expect(existsSync(`${at('killed')}.partial`)).toBe(false);
    expect(await problemsOf(at('killed'))).toBe('');
  }, 240_000);
});

describe('an encrypted backup with keys', () => {
  it('shows nothing without its key', () => {
    writeNewKey(at('key'));
    const made = typed('backup', at('sealed'), '--data-dir', stack.dataDir, '--key-file', at('key'), '--with-keys');
    expect(made.error).not.toContain('Error');
    expect(made.out).toContain('rows of 1 organisations');
    const files = readdirSync(at('sealed'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    for (const entry of files)
      expect(readFileSync(join(entry.parentPath, entry.name)).subarray(0, 8).toString()).toBe('SWBACKUP');
    expect(made.out + made.error).not.toContain(readKey(at('key')).toString('hex'));
    expect(typed('verify-backup', at('sealed')).error).toContain('is encrypted');
    writeNewKey(at('other'));
    expect(typed('verify-backup', at('sealed'), '--key-file', at('other')).error).toContain('another key');
    expect(typed('verify-backup', at('sealed'), '--key-file', at('key')).out).toContain('sound: ');
  });

  it('is restored after a restore that was killed, with tokens, audit trail and boards as before', async () => {
    await killAt(['restore', at('sealed'), '--data-dir', at('data'), '--key-file', at('key')], () =>
      existsSync(join(`${at('data')}.partial`, 'clickhouse')),
    );
    expect(existsSync(at('data'))).toBe(false);
    const restore = { path: at('sealed'), key: readKey(at('key')), dataDir: at('data'), keysFrom: undefined };
    const { missingSecrets } = await restoreBackup({ ...restore, onProgress: quiet, prepare: migrated });
    expect(missingSecrets).toEqual([]);
    expect(existsSync(`${at('data')}.partial`)).toBe(false);
    await expect(restoreBackup({ ...restore, onProgress: quiet })).rejects.toThrow('is not empty');

    await stack.kill9();
    const ports = [await freePort(), await freePort()].map(String);
    const args = [
      '--no-collector',
      '--data-dir',
      at('data'),
      '--port',
      ports[0] ?? '',
      '--clickhouse-port',
      ports[1] ?? '',
    ];
    const started = spawn(process.execPath, [CLI, 'start', ...args], { stdio: 'ignore' });
    try {
      const status = await until('the restored stack is up', () =>
        callStack<{ gateway: string }>(at('data'), 'GET', '/status').catch(() => undefined),
      );
      const repos = await fetch(`${status.gateway}/v1/repos`, { headers: { authorization: `Bearer ${readToken}` } });
      expect(await repos.text()).toContain('acme/app');
      expect(typed('audit', 'verify', '--data-dir', at('data')).out).toContain('entries verified');
      expect(typed('boards', '--data-dir', at('data')).out).toContain('/boards/login?code=');
    } finally {
      started.kill('SIGINT');
      await new Promise((resolve) => started.once('exit', resolve));
    }
  }, 300_000);
});
