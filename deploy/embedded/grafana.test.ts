import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '#schemas/root.js';
import { fakeGrafana, type FakeGrafana } from '../testing/fake-grafana.js';
import { createLogFilter, findGrafana, grafanaEnvironment, startGrafana } from './grafana.js';
import { openGrafanaPasswords } from './grafana-passwords.js';
import { until } from '../testing/stack.js';

const PASSWORDS = { admin: 'made', isNew: false, file: '' };

let fake: FakeGrafana;
let folder: string;
beforeAll(async () => {
  fake = await fakeGrafana();
  folder = fake.home;
});
afterAll(() => fake.remove());

it('is found by GRAFANA_HOME or on PATH, with its home; a folder without Grafana does not count', () => {
  const expected = { program: join(folder, 'bin/grafana'), home: folder };
  expect(findGrafana({ GRAFANA_HOME: folder })).toEqual(expected);
  expect(findGrafana({ PATH: `/nowhere:${join(folder, 'bin')}` })).toEqual(expected);
  expect(findGrafana({ GRAFANA_HOME: '/nowhere', PATH: join(folder, 'bin') })).toBeUndefined();
  expect(findGrafana({ PATH: '/nowhere' })).toBeUndefined();
});

it('is started with our provisioning and the reader, its warnings are passed on, and it is stopped', async () => {
  const installed = findGrafana({ GRAFANA_HOME: folder });
  if (installed === undefined) throw new Error('not found');
  const lines: string[] = [];
  const grafana = startGrafana({
    installed,
    dataDir: folder,
    port: 3999,
    readerUrl: 'http://reader:p%40ss@127.0.0.1:8124',
    passwords: PASSWORDS,
    onLog: (line) => lines.push(line),
  });
  expect(grafana.url).toBe('http://127.0.0.1:3999');
  await until('it says its warning', () => Promise.resolve(lines.length > 0));
  const { args, env } = await fake.started();
  expect(args).toEqual(['server', '--homepath', folder]);
  expect(env).toMatchObject({
    GF_SERVER_HTTP_ADDR: '127.0.0.1',
    GF_SERVER_HTTP_PORT: '3999',
    SHIELDWATCH_CLICKHOUSE_PORT: '8124',
    SHIELDWATCH_CLICKHOUSE_USER: 'reader',
    SHIELDWATCH_CLICKHOUSE_PASSWORD: 'p@ss',
    GF_SECURITY_ADMIN_PASSWORD: 'made',
  });
  await grafana.stop();
  expect(lines).toEqual(['logger=plugins level=warn msg="something to know"']);
});

it('has a password of its own, created once, in a private file that compose reads too', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'shieldwatch-grafana-'));
  const made = openGrafanaPasswords(dataDir, 'http://reader:p%40ss@127.0.0.1:8124');
  expect(made).toMatchObject({ isNew: true, file: join(dataDir, 'grafana.env') });
  expect(made.admin).toMatch(/^[\w-]{32}$/);
  expect((await stat(made.file)).mode & 0o777).toBe(0o600);
  expect(parseEnv(await readFile(made.file, 'utf8'))).toEqual({
    GF_SECURITY_ADMIN_PASSWORD: made.admin,
    SHIELDWATCH_CLICKHOUSE_PORT: '8124',
    SHIELDWATCH_CLICKHOUSE_USER: 'reader',
    SHIELDWATCH_CLICKHOUSE_PASSWORD: 'p@ss',
  });
  expect(openGrafanaPasswords(dataDir, 'http://reader:other@127.0.0.1:8125')).toMatchObject({
    admin: made.admin,
    isNew: false,
  });
  expect(await readFile(made.file, 'utf8')).toContain('SHIELDWATCH_CLICKHOUSE_PASSWORD=other\n');
  await rm(dataDir, { recursive: true });
});

it('with a database older than its own password gets that password', async () => {
  const installed = findGrafana({ GRAFANA_HOME: folder });
  if (installed === undefined) throw new Error('not found');
  await mkdir(join(folder, 'grafana'), { recursive: true });
  await writeFile(join(folder, 'grafana/grafana.db'), '');
  const grafana = startGrafana({
    installed,
    dataDir: folder,
    port: 3999,
    readerUrl: 'http://reader:x@127.0.0.1:8124',
    passwords: { ...PASSWORDS, isNew: true },
    onLog: () => undefined,
  });
  expect(await fake.reset()).toEqual({
    args: ['cli', '--homepath', folder, 'admin', 'reset-admin-password', '--password-from-stdin'],
    input: 'made\n',
  });
  await grafana.stop();
});

it('downloads the datasource into the data folder once, and sends no other requests', async () => {
  const environment = (): Record<string, string> =>
    grafanaEnvironment({ dataDir: folder, port: 3000, readerUrl: 'http://127.0.0.1:8123', passwords: PASSWORDS });
  expect(environment()).toMatchObject({
    GF_PATHS_PLUGINS: join(folder, 'grafana/plugins'),
    GF_PLUGINS_PREINSTALL: 'grafana-clickhouse-datasource@4.14.1',
    GF_ANALYTICS_REPORTING_ENABLED: 'false',
    GF_NEWS_NEWS_FEED_ENABLED: 'false',
  });
  expect(environment()).not.toHaveProperty('GF_GRAFANA_COM_API_URL');
  const plugin = join(folder, 'grafana/plugins/grafana-clickhouse-datasource');
  await mkdir(plugin, { recursive: true });
  for (const [version, isAsked] of [
    ['4.13.0', true],
    ['4.14.1', false],
  ] as const) {
    await writeFile(join(plugin, 'plugin.json'), JSON.stringify({ info: { version } }));
    expect(environment()['GF_PLUGINS_PREINSTALL'] !== undefined, version).toBe(isAsked);
    expect(environment()['GF_GRAFANA_COM_API_URL'], version).toBe(isAsked ? undefined : 'http://127.0.0.1:9/');
  }
});

it('opens with one of our boards, under the address that links in notifications use', () => {
  const given = grafanaEnvironment({
    dataDir: folder,
    port: 3456,
    readerUrl: 'http://127.0.0.1:8123',
    passwords: PASSWORDS,
  });
  expect(given['GF_SERVER_ROOT_URL']).toBe('http://127.0.0.1:3456/');
  expect(given['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).toBe(
    join(packageRoot(), 'grafana/generated/posture.json'),
  );
});

it('passes each kind of warning on once, and a missing mail server as one hint', () => {
  const lines: string[] = [];
  const onLine = createLogFilter((line) => lines.push(line));
  for (const minute of [10, 15, 20]) {
    onLine(
      `logger=ngalert.notifier.email t=2026-01-01T00:${String(minute)}:00Z level=error msg="SMTP not configured, check your grafana.ini config file's [smtp] section"`,
    );
    onLine(`t=2026-01-01T00:${String(minute)}:01Z level=warn msg="slow query" ms=${String(minute)}`);
    onLine(`t=2026-01-01T00:${String(minute)}:02Z level=info msg="fine"`);
  }
  expect(lines).toEqual([expect.stringContaining('no mail is sent'), expect.stringContaining('slow query')]);
});

it('receives every variable that the provisioning files read', async () => {
  const given = grafanaEnvironment({
    dataDir: folder,
    port: 3000,
    readerUrl: 'http://127.0.0.1:8123',
    passwords: PASSWORDS,
  });
  for (const path of ['datasources/clickhouse.yaml', 'dashboards/shieldwatch.yaml', 'alerting/rules.json']) {
    const text = await readFile(join(packageRoot(), 'grafana/provisioning', path), 'utf8');
    expect(parse(text)).toBeTruthy();
    for (const [, name = ''] of text.matchAll(/^[^#\n]*\$\{(\w+)\}/gm)) expect(given, path).toHaveProperty(name);
  }
});
