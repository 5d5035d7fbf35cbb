import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, writerHeaders, type TestServer } from '../../testing/clickhouse-server.js';

describe('the admin, if the start enables one', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ withAdmin: true });
    await server.text('CREATE TABLE item (id UInt64) ENGINE = MergeTree ORDER BY id');
    await server.text('INSERT INTO item VALUES (1)');
    await admin('CREATE DATABASE own');
    await admin('CREATE TABLE own.a (id UInt64) ENGINE = MergeTree ORDER BY id');
  });
  afterAll(() => server.remove());
  const ask = async (sql: string, parameters: Record<string, string> = {}): Promise<[string | null, string]> => {
    const { username, password } = new URL(server.clickhouse.adminUrl ?? '');
    const answer = await server.query(sql, parameters, {
      headers: { 'X-ClickHouse-User': username, 'X-ClickHouse-Key': password },
    });
    return [answer.headers.get('x-clickhouse-exception-code'), await answer.text()];
  };
  const admin = async (sql: string, parameters?: Record<string, string>): Promise<string> => {
    const [code, text] = await ask(sql, parameters);
    if (code !== null) throw new Error(text);
    return text;
  };

  test('has a password of its own, in a private file', async () => {
    const file = server.clickhouse.adminFile ?? '';
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { password } = new URL(server.clickhouse.adminUrl ?? '');
    expect(await readFile(file, 'utf8')).toContain(`login admin password ${password}\n`);
    expect([new URL(server.clickhouse.url).password, new URL(server.clickhouse.readerUrl).password]).not.toContain(
      password,
    );
  });

  test('is in the database `default` when a request names none, in a session too', async () => {
    expect(await admin('SELECT currentDatabase()')).toBe('default\n');
    expect(await admin('SELECT currentDatabase()', { session_id: 'in-default' })).toBe('default\n');
  });

  test('creates, changes and drops databases, tables and views', async () => {
    await admin('INSERT INTO own.a VALUES (1), (2)');
    await admin('CREATE VIEW own.v AS SELECT id + 1 AS n FROM own.a');
    await admin('ALTER TABLE own.a ADD COLUMN b String', { session_id: 's' });
    expect(await admin('SELECT sum(n) FROM own.v', { session_id: 's' })).toBe('5\n');
    await admin('CREATE TEMPORARY TABLE t (a UInt8)', { session_id: 's' });
    expect(await admin('SELECT count() FROM t', { session_id: 's' })).toBe('0\n');
    await admin('CREATE TABLE own.gone (a UInt8) ENGINE = Memory');
    await admin('DROP TABLE own.gone');
  });

  test.each([
    'SELECT * FROM shieldwatch.item',
    'INSERT INTO shieldwatch.item VALUES (2)',
    'INSERT INTO shieldwatch.item SELECT 2',
    'DROP TABLE shieldwatch.item',
    'DROP DATABASE shieldwatch',
    'TRUNCATE TABLE shieldwatch.item',
    'ALTER TABLE shieldwatch.item DELETE WHERE 1',
    'CREATE TABLE shieldwatch.b (a UInt8) ENGINE = Memory',
    'RENAME TABLE shieldwatch.item TO own.item',
    'RENAME TABLE own.a TO shieldwatch.a',
    'OPTIMIZE TABLE shieldwatch.item',
    'ALTER TABLE own.a ATTACH PARTITION tuple() FROM shieldwatch.item',
    'ALTER TABLE own.a MOVE PARTITION tuple() TO TABLE shieldwatch.item',
    'EXCHANGE TABLES own.a AND shieldwatch.item',
    'SET ROLE writer',
    'SET DEFAULT ROLE writer TO default',
    'set/**/ROLE ALL',
    'EXECUTE AS default SELECT 1',
    'GRANT writer TO default',
    'KILL QUERY WHERE 1 ASYNC',
    'SYSTEM FLUSH LOGS',
    'CREATE VIEW own.w DEFINER = default SQL SECURITY DEFINER AS SELECT * FROM shieldwatch.item',
    'CREATE VIEW own.w SQL SECURITY NONE AS SELECT * FROM shieldwatch.item',
    'CREATE MATERIALIZED VIEW own.m TO shieldwatch.item AS SELECT id FROM own.a',
    'CREATE MATERIALIZED VIEW own.m REFRESH EVERY 1 SECOND ENGINE = Memory AS SELECT * FROM shieldwatch.item',
    'CREATE TABLE own.buf AS own.a ENGINE = Buffer(shieldwatch, item, 1, 1, 1, 1, 1, 1, 1)',
    'CREATE TABLE own.buf (id UInt64) ENGINE = `Buffer`(shieldwatch, item, 1, 1, 1, 1, 1, 1, 1)',
    "CREATE DICTIONARY own.d (id UInt64) PRIMARY KEY id SOURCE(CLICKHOUSE(DB 'shieldwatch' TABLE 'item')) LAYOUT(FLAT()) LIFETIME(0)",
    'CREATE FUNCTION f AS x -> x',
    "SELECT file('/etc/passwd')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    'CREATE TABLE own.f (a String) ENGINE = File(CSV)',
    "CREATE TABLE own.u (a String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
    "SELECT 1 INTO OUTFILE '/tmp/shieldwatch-admin'",
    "INSERT INTO own.a FROM INFILE '/etc/passwd' FORMAT CSV",
    "SELECT * FROM remote('127.0.0.1', shieldwatch.item)",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM sqlite('/tmp/shieldwatch-admin', 'a')",
    "BACKUP DATABASE own TO File('/tmp/shieldwatch-admin')",
    "SELECT * FROM merge('shieldwatch', '.*')",
    "CREATE TABLE own.merged (id UInt64) ENGINE = Merge('shieldwatch', 'item')",
    "CREATE TABLE own.merged AS merge('shieldwatch', 'item')",
    "CREATE TABLE own.merged (id UInt64) ENGINE `Merge`('shieldwatch', 'item')",
    'CREATE TABLE own.alias ENGINE = Alias(shieldwatch, item)',
    "CREATE DATABASE over ENGINE = Overlay('shieldwatch')",
    'CREATE TABLE own.series ENGINE = TimeSeries DATA shieldwatch.item',
    'DROP TABLE IF EXISTS own.none PARALLEL WITH KILL QUERY WHERE 1',
    'DROP TABLE IF EXISTS own.none PARALLEL WITH CREATE TABLE own.buf AS own.a ENGINE = Buffer(shieldwatch, item, 1, 1, 1, 1, 1, 1, 1)',
    'CREATE OR REPLACE /* VIEW */ MATERIALIZED VIEW own.m AS SELECT id FROM shieldwatch.item',
    'CREATE WINDOW VIEW own.m AS SELECT count() FROM own.a GROUP BY tumble(now())',
    'ALTER TABLE own.v MODIFY SQL SECURITY NONE',
    'ALTER TABLE own.v MODIFY DEFINER = default',
    'CREATE NAMED COLLECTION c AS a = 1',
    'CREATE USER u',
    'EXPLAIN SYNTAX CREATE VIEW own.w SQL SECURITY NONE AS SELECT 1',
  ])('may not: %s', async (sql) => {
    for (const parameters of [{}, { session_id: 's' }] as Record<string, string>[]) {
      const [code, text] = await ask(sql, parameters);
      expect(code, text).not.toBeNull();
    }
    expect(await server.text('SELECT count(), sum(id) FROM shieldwatch.item')).toBe('1\t1');
    expect(existsSync('/tmp/shieldwatch-admin')).toBe(false);
  });

  test('is judged by what a statement does, not by its words', async () => {
    await admin(
      "CREATE TABLE own.words (buffer UInt64, merge String, definer String, security String, `distributed` String, materialized UInt8, alias UInt8) ENGINE = MergeTree ORDER BY buffer COMMENT 'SQL SECURITY NONE'",
    );
    await admin('ALTER TABLE own.words ADD COLUMN kill String');
    await admin('CREATE VIEW own.view AS SELECT sum(buffer) AS security, any(merge) AS definer FROM own.words');
    await admin("INSERT INTO own.words (buffer, merge) VALUES (7, 'GRANT')");
    expect(await admin('SELECT security, definer FROM own.view', { session_id: 'words' })).toBe('7\tGRANT\n');
    await admin('DROP VIEW own.view');
    await admin('DROP TABLE own.words');
  });

  test('is judged by the whole of what the engine read, under any settings of a session', async () => {
    const sql = 'CREATE VIEW own.cut SQL SECURITY NONE AS SELECT * FROM shieldwatch.item';
    for (const [index, setting] of [
      'limit = 1',
      'offset = 4',
      "additional_result_filter = 'explain NOT LIKE \\'%Security%\\''",
      "max_result_rows = 1, result_overflow_mode = 'break'",
    ].entries()) {
      const session = { session_id: `cut${String(index)}` };
      await ask(`SET ${setting}`, session);
      const [code, text] = await ask(sql, session);
      expect([setting, code], text).not.toEqual([setting, null]);
    }
    expect((await ask('SELECT * FROM own.cut'))[0]).not.toBeNull();
  });

  test('reads none of our tables through a view', async () => {
    await ask('CREATE VIEW own.through AS SELECT * FROM shieldwatch.item');
    expect((await ask('SELECT * FROM own.through'))[0]).not.toBeNull();
    // With its columns given, a view is made without a look at its query.
    for (const default_normal_view_sql_security of ['NONE', 'DEFINER']) {
      await admin('CREATE OR REPLACE VIEW own.typed (id UInt64) AS SELECT id FROM shieldwatch.item', {
        default_normal_view_sql_security,
      });
      expect((await ask('SELECT * FROM own.typed'))[0]).toBe('497');
    }
  });
});

test('without the option there is no admin and no password file', async () => {
  const server = await startTestServer();
  try {
    expect([server.clickhouse.adminUrl, server.clickhouse.adminFile]).toEqual([undefined, undefined]);
    for (const key of ['', 'undefined', writerHeaders(server.clickhouse)['X-ClickHouse-Key'] ?? '']) {
      expect(
        (
          await server.query('SELECT 1', {}, { headers: { 'X-ClickHouse-User': 'admin', 'X-ClickHouse-Key': key } })
        ).headers.get('x-clickhouse-exception-code'),
      ).toBe('516');
    }
    expect(existsSync(`${server.dataDir}/admin.netrc`)).toBe(false);
  } finally {
    await server.remove();
  }
});
