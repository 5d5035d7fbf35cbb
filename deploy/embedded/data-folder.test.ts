import { chmod, lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callStack, openDataFolder } from './data-folder.js';

let root: string;
/** Too long for a socket inside. */
let long: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'shieldwatch-folder-'));
  long = join(root, 'a'.repeat(60), 'b'.repeat(60));
});
afterEach(() => rm(root, { recursive: true }));

const note = async (): Promise<string> => (await readFile(join(long, 'control-socket'), 'utf8')).trim();

describe('the control socket of a folder with a long name', () => {
  it('is in a private folder, under a name that only the data folder contains', async () => {
    const folder = await openDataFolder(long);
    folder.serve((method, path) => Promise.resolve({ method, path }));
    const socket = await note();
    const { mode, uid } = await lstat(dirname(socket));
    expect([mode & 0o777, uid]).toEqual([0o700, process.getuid?.()]);
    expect((await stat(join(long, 'control-socket'))).mode & 0o777).toBe(0o600);
    expect(await callStack(long, 'GET', '/status')).toEqual({ method: 'GET', path: '/status' });
    await expect(openDataFolder(long)).rejects.toThrow('is in use by another Shieldwatch');
    await folder.release();
    expect(await callStack(long, 'GET', '/status')).toBeUndefined();
    expect(await readdir(dirname(socket)).catch(() => 'gone')).toBe('gone');
    expect(await readdir(long)).toEqual(['layout.json']);
  });

  it('has a new name each time, and reuses the one that a killed process left', async () => {
    const first = await openDataFolder(long);
    const before = await note();
    await first.release();
    const second = await openDataFolder(long);
    expect(await note()).not.toBe(before);
    await second.release();
    const left = await mkdtemp(join(tmpdir(), 'shieldwatch-'));
    await writeFile(join(long, 'control-socket'), `${join(left, 'control.sock')}\n`);
    const third = await openDataFolder(long);
    expect(dirname(await note())).toBe(left);
    await third.release();
  });

  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['lets others in', (folder) => chmod(folder, 0o755)],
    [
      'is a link',
      async (folder) => {
        await rm(folder, { recursive: true });
        const target = join(root, 'target');
        await mkdir(target, { mode: 0o700 });
        await symlink(target, folder);
      },
    ],
  ])('is neither connected to nor used if its folder %s', async (_what, spoil) => {
    const folder = join(root, 'planted');
    await mkdir(folder, { mode: 0o700 });
    await spoil(folder);
    let calls = 0;
    const planted = createServer((_request, response) => {
      calls += 1;
      response.end('{}');
    });
    const socket = join(folder, 'control.sock');
    await new Promise<void>((resolve) => planted.listen(socket, resolve));
    await mkdir(long, { recursive: true });
    await writeFile(join(long, 'control-socket'), `${socket}\n`);
    expect(await callStack(long, 'POST', '/boards-link')).toBeUndefined();
    const opened = await openDataFolder(long);
    expect(await note()).not.toBe(socket);
    await opened.release();
    expect(calls).toBe(0);
    await new Promise((resolve) => planted.close(resolve));
  });
});

it('makes a data folder private that was accessible to others', async () => {
  const path = join(root, 'open');
  await mkdir(path);
  await chmod(path, 0o755);
  const folder = await openDataFolder(path);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  await folder.release();
});
