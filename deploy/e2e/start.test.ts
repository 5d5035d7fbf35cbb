import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';
import { fakeGrafana } from '#deploy/testing/fake-grafana.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { packageRoot } from '#schemas/root.js';
import { freePort } from '#schemas/testing/ports.js';
import { startAndExit, startStackProcess, until, type RunningStack } from '../testing/stack.js';

describe('npm start', () => {
  let stack: RunningStack;
  beforeAll(async () => {
    stack = await startStackProcess({ withCollector: false, isFirstStart: true });
  });
  afterAll(() => stack.dispose());

  it('prints its addresses and two working tokens', async () => {
    const text = stack.output();
    for (const part of [stack.status.gateway, stack.status.clickhouse, stack.dataDir, '/boards/login?code='])
      expect(text).toContain(part);
    const read = /read\s+(eccp_\w+)/.exec(text)?.[1] ?? '';
    const ingest = /ingest\s+(eccp_\w+)/.exec(text)?.[1] ?? '';
    const repos = (token: string) =>
      fetch(`${stack.status.gateway}/v1/repos`, { headers: { authorization: `Bearer ${token}` } });
    expect((await repos(read)).status).toBe(200);
    expect((await repos(ingest)).status).toBe(403);
    expect((await repos('eccp_wrong')).status).toBe(401);
  });

  it('refuses a data folder in use, in one line', async () => {
    const { code, stderr } = await startAndExit([
      '--data-dir',
      stack.dataDir,
      '--port',
      '0',
      '--clickhouse-port',
      '0',
      '--no-collector',
    ]);
    expect(code).toBe(1);
    expect(stderr.trim()).toBe(
      `the data folder ${stack.dataDir} is in use by another Shieldwatch; stop it, or choose another with --data-dir`,
    );
  });

  it('drains on Ctrl-C, exits 0, and keeps its state and its tokens for the next start', async () => {
    const token = await stack.token('read');
    expect(await stack.interrupt()).toBe(0);
    expect(existsSync(join(stack.dataDir, 'control.sock'))).toBe(false);
    const before = stack.output().length;
    await stack.restart();
    const answer = await fetch(`${stack.status.gateway}/v1/repos`, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
    expect(stack.output().slice(before)).not.toContain('eccp_');
  });

  it('restarts the engine when only the engine dies', async () => {
    const { password: readerPassword } = new URL(stack.readerUrl);
    const answers = (): Promise<boolean> =>
      fetch(`${stack.status.clickhouse}/?query=SELECT+1`, {
        headers: { authorization: `Basic ${Buffer.from(`reader:${readerPassword}`).toString('base64')}` },
      }).then(
        (response) => response.ok,
        () => false,
      );
    expect(await answers()).toBe(true);
    stack.killPart('embedded/clickhouse/main.js');
    await until('the engine is back', () => stack.output().includes('the engine is back'));
    await until('it answers', answers);
  });

  it('requires a password on the SQL port from the first start; the reader has one, printed and in a private file', async () => {
    const ask = (headers: Record<string, string>): Promise<number> =>
      fetch(`${stack.status.clickhouse}/?query=SELECT+count()+FROM+scan`, { headers }).then(
        (response) => response.status,
      );
    const [, password = ''] = /SQL\s+user reader, password (\S+)/.exec(stack.output()) ?? [];
    const file = stack.status.clickhouseReader ?? '';
    for (const headers of [{}, { 'X-ClickHouse-User': 'reader' }, { 'X-ClickHouse-User': 'default' }])
      expect(await ask(headers as Record<string, string>)).toBe(403);
    expect(await ask({ 'X-ClickHouse-User': 'reader', 'X-ClickHouse-Key': password })).toBe(200);
    expect(await readFile(file, 'utf8')).toContain(`login reader password ${password}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stack.output()).toContain(file);
    expect(await stack.interrupt()).toBe(0);
    await stack.restart();
    expect(await ask({ 'X-ClickHouse-User': 'reader', 'X-ClickHouse-Key': password })).toBe(200);
  });
});

describe('a stack that listens for other machines', () => {
  it('listens on the given address, with the gateway only', async () => {
    const stack = await startStackProcess({ withCollector: false });
    try {
      const others = Object.values(networkInterfaces())
        .flat()
        .filter((each) => each !== undefined && each.family === 'IPv4' && !each.internal);
      const elsewhere = (url: string): string => url.replace('127.0.0.1', others[0]?.address ?? '127.0.0.2');
      const isThere = (url: string): Promise<boolean> =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        );
      expect(await isThere(elsewhere(`${stack.status.gateway}/healthz`))).toBe(false);
      await stack.interrupt();
      await stack.restart('--listen', '0.0.0.0');
      // Its links are for this machine.
      expect(stack.status.gateway).toContain('//127.0.0.1:');
      await until('it says so', () => stack.output().includes('listens on 0.0.0.0 without TLS'));
      expect(await isThere(elsewhere(`${stack.status.gateway}/healthz`))).toBe(true);
      expect(await isThere(elsewhere(`${stack.status.clickhouse}/ping`))).toBe(false);
    } finally {
      await stack.dispose();
    }
  });
});

describe('npm start with a Grafana on the machine', () => {
  it('runs it with our provisioning and a read-only user, and stops it', async () => {
    const grafana = await fakeGrafana();
    const port = String(await freePort());
    const stack = await startStackProcess({
      withCollector: false,
      env: { GRAFANA_HOME: grafana.home, SHIELDWATCH_GRAFANA_PORT: port },
    });
    try {
      expect(stack.output()).toMatch(new RegExp(`grafana\\s+http://127\\.0\\.0\\.1:${port}`));
      const [, password = ''] = /grafana\s+user admin, password (\S+)/.exec(stack.output()) ?? [];
      expect(parseEnv(await readFile(join(stack.dataDir, 'grafana.env'), 'utf8'))).toMatchObject({
        GF_SECURITY_ADMIN_PASSWORD: password,
        SHIELDWATCH_CLICKHOUSE_USER: 'reader',
      });
      const { args, env, pid } = await until('it was started', () => grafana.started().catch(() => undefined));
      expect(args).toEqual(['server', '--homepath', grafana.home]);
      expect(env).toMatchObject({
        GF_SERVER_HTTP_PORT: port,
        GF_SERVER_HTTP_ADDR: '127.0.0.1',
        GF_SECURITY_ADMIN_PASSWORD: password,
        GF_PATHS_PROVISIONING: join(packageRoot(), 'grafana/provisioning'),
        SHIELDWATCH_BOARDS: join(packageRoot(), 'grafana/generated'),
      });
      for (const folder of ['GF_PATHS_PROVISIONING', 'SHIELDWATCH_BOARDS'])
        expect(existsSync(env[folder] ?? ''), folder).toBe(true);
      const ask = async (query: string): Promise<number> => {
        const {
          SHIELDWATCH_CLICKHOUSE_HOST: host = '',
          SHIELDWATCH_CLICKHOUSE_PORT: store = '',
          SHIELDWATCH_CLICKHOUSE_DATABASE: database = '',
        } = env;
        const authorization = `Basic ${Buffer.from(`${env['SHIELDWATCH_CLICKHOUSE_USER'] ?? ''}:${env['SHIELDWATCH_CLICKHOUSE_PASSWORD'] ?? ''}`).toString('base64')}`;
        return (
          await fetch(`http://${host}:${store}/?database=${database}`, {
            method: 'POST',
            headers: { authorization },
            body: query,
          })
        ).status;
      };
      expect(await ask('SELECT count() FROM scan')).toBe(200);
      expect(await ask("INSERT INTO quarantine_v1 (org_id) VALUES ('x')")).not.toBe(200);
      expect(() => process.kill(pid, 0)).not.toThrow();
      expect(await stack.interrupt()).toBe(0);
      expect(() => process.kill(pid, 0)).toThrow();
    } finally {
      await stack.dispose();
      await grafana.remove();
    }
  });
});

describe('a start that cannot work prints one line with the reason and exits 1', () => {
  const lastLine = (stderr: string): string => stderr.trim().split('\n').at(-1) ?? '';

  it.each(['--port', '--clickhouse-port'])('%s in use', async (flag) => {
    const holder = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    const root = await mkdtemp(join(tmpdir(), 'shieldwatch-e2e-'));
    const ports: Record<string, string> = { '--port': '0', '--clickhouse-port': '0', [flag]: String(port) };
    const { code, stderr } = await startAndExit([
      '--data-dir',
      join(root, 'data'),
      '--no-collector',
      ...Object.entries(ports).flat(),
    ]);
    expect(code).toBe(1);
    expect(lastLine(stderr)).toContain(`port ${port} is in use`);
    expect(stderr).not.toContain('    at ');
    holder.close();
    await rm(root, { recursive: true });
  });

  it('an address to listen on that this machine does not have, or an invalid one', async () => {
    const root = await mkdtemp(join(tmpdir(), 'shieldwatch-e2e-'));
    const start = async (address: string): Promise<string> =>
      lastLine(
        (
          await startAndExit([
            '--data-dir',
            join(root, 'data'),
            '--no-collector',
            '--port',
            '0',
            '--clickhouse-port',
            '0',
            '--listen',
            address,
          ])
        ).stderr,
      );
    expect(await start('gateway.example')).toContain('must be an IP address');
    // Of a range that is kept for documentation.
    expect(await start('192.0.2.1')).toContain('this machine has no such address');
    await rm(root, { recursive: true });
  });

  it('a data folder of a newer version', async () => {
    const root = await mkdtemp(join(tmpdir(), 'shieldwatch-e2e-'));
    const dataDir = join(root, 'data');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'layout.json'), '{"layout":999}');
    const { code, stderr } = await startAndExit(['--data-dir', dataDir, '--no-collector']);
    expect(code).toBe(1);
    expect(lastLine(stderr)).toMatch(/layout 999, written by a newer Shieldwatch/);
    await rm(root, { recursive: true });
  });

  it('a data folder of before the baseline, saying what to do, and leaves it as it is', async () => {
    const root = await mkdtemp(join(tmpdir(), 'shieldwatch-e2e-'));
    const dataDir = join(root, 'data');
    const engine = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: 0 });
    await migrateClickHouse({ url: engine.url }, []);
    const client = createClickHouse({ url: engine.url });
    const values = [{ version: 1, name: 'create_landing', checksum: 'c' }];
    await client.insert({ table: 'schema_migration', format: 'JSONEachRow', values });
    await client.close();
    await engine.stop();
    const args = ['--data-dir', dataDir, '--port', '0', '--clickhouse-port', '0', '--no-collector'];
    const { code, stderr } = await startAndExit(args);
    expect(code).toBe(1);
    expect(lastLine(stderr)).toBe(
      `the data folder ${dataDir} was made by a development version before the first release and cannot be upgraded; move it away (mv ${dataDir} ${dataDir}.old) and start again, which prints new tokens; spool, keys and hook settings outside it stay valid`,
    );
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    await rm(root, { recursive: true });
  });

  it('an invalid port', async () => {
    const { code, stderr } = await startAndExit(['--port', 'http']);
    expect(code).toBe(1);
    expect(stderr.trim()).toBe('--port (or SHIELDWATCH_PORT) must be a port number from 0 to 65535');
  });
});
