import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '#schemas/root.js';
import { fakeGrafana, type FakeGrafana } from './fake-grafana.fixture.js';
import { findGrafana, grafanaEnvironment, startGrafana } from './grafana.js';
import { until } from '../e2e/stack.fixture.js';

let fake: FakeGrafana;
let folder: string;
beforeAll(async () => {
  fake = await fakeGrafana();
  folder = fake.home;
});
afterAll(() => fake.remove());

it('is found by GRAFANA_HOME or on PATH, with its home; a folder without one is none', () => {
  const expected = { program: join(folder, 'bin/grafana'), home: folder };
  expect(findGrafana({ GRAFANA_HOME: folder })).toEqual(expected);
  expect(findGrafana({ PATH: `/nowhere:${join(folder, 'bin')}` })).toEqual(expected);
  expect(findGrafana({ GRAFANA_HOME: '/nowhere', PATH: join(folder, 'bin') })).toBeUndefined();
  expect(findGrafana({ PATH: '/nowhere' })).toBeUndefined();
});

it('is started with our provisioning and the reader, tells its warnings, and is stopped', async () => {
  const installed = findGrafana({ GRAFANA_HOME: folder });
  if (installed === undefined) throw new Error('not found');
  const lines: string[] = [];
  const grafana = startGrafana({ installed, dataDir: folder, port: 3999, readerUrl: 'http://reader:p%40ss@127.0.0.1:8124', onLog: (line) => lines.push(line) });
  expect(grafana.url).toBe('http://127.0.0.1:3999');
  await until('it says its warning', () => Promise.resolve(lines.length > 0));
  const { args, env } = await fake.started();
  expect(args).toEqual(['server', '--homepath', folder]);
  expect(env).toMatchObject({ GF_SERVER_HTTP_ADDR: '127.0.0.1', GF_SERVER_HTTP_PORT: '3999', SHIELDWATCH_CLICKHOUSE_PORT: '8124', SHIELDWATCH_CLICKHOUSE_USER: 'reader', SHIELDWATCH_CLICKHOUSE_PASSWORD: 'p@ss' });
  await grafana.stop();
  expect(lines).toEqual(['logger=plugins level=warn msg="something to know"']);
});

it('is given every variable that the provisioning files read', async () => {
  const given = grafanaEnvironment({ dataDir: folder, port: 3000, readerUrl: 'http://127.0.0.1:8123' });
  for (const path of ['datasources/clickhouse.yaml', 'dashboards/shieldwatch.yaml', 'alerting/rules.json']) {
    const text = await readFile(join(packageRoot(), 'grafana/provisioning', path), 'utf8');
    expect(parse(text)).toBeTruthy();
    for (const [, name = ''] of text.matchAll(/^[^#\n]*\$\{(\w+)\}/gm)) expect(given, path).toHaveProperty(name);
  }
});
