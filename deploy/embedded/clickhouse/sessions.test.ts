import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sessions, type SessionRequest } from './sessions.js';
import { startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

describe("the writer's sessions", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.remove());
  const code = async (sql: string, parameters: Record<string, string>): Promise<string | null> =>
    (await server.query(sql, parameters)).headers.get('x-clickhouse-exception-code');

  test('keep their own temporary tables, settings and database', async () => {
    await server.text('CREATE TEMPORARY TABLE kept (a UInt8)', { session_id: 'one' });
    await server.text('INSERT INTO kept VALUES (1), (2)', { session_id: 'one' });
    await server.text('SET max_threads = 5', { session_id: 'one' });
    const state = "SELECT sum(a), getSetting('max_threads'), currentDatabase() FROM kept";
    expect(await server.text(state, { session_id: 'one' })).toBe('3\t5\tshieldwatch');
    for (const elsewhere of [{}, { session_id: 'two' }] as Record<string, string>[])
      expect(await code(state, elsewhere)).toBe('60');
  });

  test('apply settings and database of a request to that request only, also when it fails', async () => {
    await server.text('SET max_threads = 5', { session_id: 'one' });
    const state = "SELECT getSetting('max_threads'), getSetting('max_block_size') = 17, currentDatabase()";
    expect(
      await server.text(state, { session_id: 'one', max_threads: '2', max_block_size: '17', database: 'system' }),
    ).toBe('2\t1\tsystem');
    expect(await code('SELECT nosuch', { session_id: 'one', max_threads: '3', database: 'system' })).toBe('47');
    expect(await server.text(state, { session_id: 'one' })).toBe('5\t0\tshieldwatch');
    await server.text('USE system', { session_id: 'one' });
    expect(await server.text('SELECT currentDatabase()', { session_id: 'one' })).toBe('system');
  });

  test('keep nothing of a request: settings that set others, parameters, statements beside a SET', async () => {
    const session_id = 'six';
    const changed = (): Promise<string> =>
      server.text(
        "SELECT groupArray((name, value)) FROM (SELECT name, value FROM system.settings WHERE changed AND name != 'log_comment' ORDER BY name)",
        { session_id },
      );
    await server.text('SET max_threads = 5', { session_id });
    const before = await changed();
    await server.text('SELECT {p:UInt8}', {
      session_id,
      param_p: '1',
      compatibility: '22.3',
      max_threads: '2',
      join_use_nulls: '1',
      max_execution_time: '7',
    });
    await code('SELECT throwIf(1)', { session_id, compatibility: '23.8', max_threads: '3' });
    await code('SELECT 1', { session_id, max_threads: '3', max_execution_time: '9999999' });
    await code('SELECT 1', { session_id, limit: '1', offset: '3' });
    expect(await changed()).toBe(before);
    expect(await code('SELECT {p:UInt8}', { session_id })).toBe('456');
    expect(await server.text('SELECT {p:UInt8}', { session_id, param_p: '2' })).toBe('2');
    await server.text('SET param_p = 3', { session_id });
    expect(await server.text('SELECT {p:UInt8}', { session_id })).toBe('3');
    await server.text('SET offset = 1', { session_id });
    expect(await code('SELECT 1', { session_id, max_threads: '3' })).toBe('48');
    await server.text('SET offset = 0', { session_id });
    // A setting of SET persists, also with settings in the URL.
    await server.text('SET max_threads = 7', { session_id, max_threads: '2', max_block_size: '17' });
    await server.text('USE system', { session_id, database: 'shieldwatch' });
    expect(
      await server.text("SELECT getSetting('max_threads'), getSetting('max_block_size') = 17, currentDatabase()", {
        session_id,
      }),
    ).toBe('7\t0\tsystem');
  });

  test('are named in errors: not found, locked, a time-out beyond an hour', async () => {
    expect(await code('SELECT 1', { session_id: 'nosuch', session_check: '1' })).toBe('372');
    const slow = server.query('SELECT sleep(2)', { session_id: 'three' });
    await expect.poll(() => code('SELECT 1', { session_id: 'three' })).toBe('373');
    expect((await slow).status).toBe(200);
    for (const session_timeout of ['0', '3601', 'x'])
      expect(await code('SELECT 1', { session_id: 'four', session_timeout })).toBe('36');
    await server.text('CREATE TEMPORARY TABLE gone (a UInt8)', { session_id: 'five', close_session: '1' });
    expect(await code('SELECT 1', { session_id: 'five', session_check: '1' })).toBe('372');
  });
});

test('sessions end with their time-out, the least recently used first if there are too many, and release their connections', async () => {
  const closed: unknown[] = [];
  const sessions = new Sessions((connection) => {
    closed.push(connection);
  });
  let now = 0;
  const asked = (id: string, more: Partial<SessionRequest> = {}): SessionRequest => ({
    id,
    timeoutSeconds: 60,
    mustExist: false,
    closes: false,
    ...more,
  });
  const use = (id: string, more?: Partial<SessionRequest>): Promise<void> =>
    sessions.use(
      'writer',
      asked(id, more),
      () => now,
      (session) => {
        session.connection = id as never;
        return Promise.resolve();
      },
    );
  await use('short', { timeoutSeconds: 1 });
  now = 1001;
  for (let i = 0; i < 33; i++) await use(`${i}`);
  expect([closed, sessions.count('writer')]).toEqual([['short', '0'], 32]);
  await use('1');
  await use('33');
  expect(closed).toEqual(['short', '0', '2']);
  await expect(use('2', { mustExist: true })).rejects.toThrow(/SESSION_NOT_FOUND/);
  await expect(
    sessions.use(
      'reader',
      asked('1', { mustExist: true }),
      () => now,
      () => Promise.resolve(),
    ),
  ).rejects.toThrow(/SESSION_NOT_FOUND/);
  await expect(use('x'.repeat(257))).rejects.toThrow(/session_id/);
});
