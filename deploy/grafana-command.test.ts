import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { registerGrafanaCommand } from './grafana-command.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shieldwatch-grafana-command-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command().exitOverride();
  registerGrafanaCommand(program, (line) => lines.push(line));
  await program.parseAsync(['grafana', ...args], { from: 'user' });
  return lines;
}

it('provision refuses the embedded store, which has no users per organisation, and points to the boards', async () => {
  const url = new URL(inject('clickhouseUrl'));
  await expect(run('provision', '--org', 'acme', '--out', folder, '--clickhouse-url', url.origin)).rejects.toThrow(
    /is the embedded store.*shieldwatch boards/,
  );
  expect(await readdir(folder)).toEqual([]);
});

it('provision writes files for a store that it cannot reach, treating it as a server', async () => {
  await run('provision', '--org', 'acme', '--out', folder, '--clickhouse-url', 'http://127.0.0.1:9');
  expect(await readdir(folder)).toContain('reader.sql');
  expect(await readdir(join(folder, 'provisioning'))).toContain('plugins');
});

it('boards writes one file per board, for import or as ConfigMaps, and refuses other formats', async () => {
  expect(await run('boards', '--out', folder)).toEqual([expect.stringContaining('13 files')]);
  expect(await readdir(folder)).toContain('posture.json');
  await run('boards', '--out', folder, '--format', 'configmap', '--namespace', 'observability');
  expect(await readdir(folder)).toContain('posture.configmap.yaml');
  await expect(run('boards', '--out', folder, '--format', 'pdf')).rejects.toThrow('--format: expected');
  await expect(run('boards', '--out', folder, '--format', 'configmap', '--namespace', 'Not One')).rejects.toThrow(
    '--namespace: expected',
  );
});
