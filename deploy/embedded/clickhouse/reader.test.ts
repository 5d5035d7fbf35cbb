import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { get } from 'node:http';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNativeCompress } from './compression/native-blocks.js';
import {
  readerHeaders,
  startTestServer,
  until,
  writerHeaders,
  type TestServer,
} from '../../testing/clickhouse-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.text('CREATE TABLE item (id UInt64, file String) ENGINE = MergeTree ORDER BY id');
  await server.text("INSERT INTO item VALUES (1, 'a.ts')");
  await server.text('CREATE VIEW item_name AS SELECT file FROM item');
  await server.text('CREATE DATABASE elsewhere ENGINE = Atomic');
  await server.text('CREATE TABLE elsewhere.item (id UInt64) ENGINE = MergeTree ORDER BY id');
});
afterAll(() => server.remove());

/** One query of the reader's. */
const read = (sql: string | Buffer, parameters: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  ask(sql, parameters, { ...readerHeaders(server.clickhouse), ...headers });
const ask = (sql: string | Buffer, parameters: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  fetch(`${server.clickhouse.address}/?${new URLSearchParams(parameters).toString()}`, {
    method: 'POST',
    body: sql,
    headers,
  });
const refusal = async (response: Response): Promise<[number, string | null]> => {
  const text = await response.text();
  expect(text).toMatch(/^Code: \d+\. DB::Exception: .*\(version .*\)\n$/s);
  return [response.status, response.headers.get('x-clickhouse-exception-code')];
};

describe('authentication', () => {
  const roleOf = async (headers: Record<string, string>, parameters: Record<string, string> = {}) => {
    const response = await ask('INSERT INTO item VALUES (2, 0)', parameters, headers);
    const code = response.headers.get('x-clickhouse-exception-code');
    return code === null ? 'writer' : code === '497' ? 'reader' : code;
  };
  const basic = (credentials: string) => ({ Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` });

  test.each(['writer', 'reader'] as const)('accepts the password of the %s in any of three ways', async (role) => {
    const { username: user, password } = new URL(
      role === 'writer' ? server.clickhouse.url : server.clickhouse.readerUrl,
    );
    for (const headers of [{ 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password }, basic(`${user}:${password}`)])
      expect(await roleOf(headers)).toBe(role);
    expect(await roleOf({}, { user, password })).toBe(role);
    if (role === 'reader') expect(await roleOf(basic(`default:${password}`))).toBe('reader');
    else await server.text('ALTER TABLE item DELETE WHERE id = 2 SETTINGS mutations_sync = 2');
  });

  test('refuses a missing password, a wrong one, and an unknown user alike: 516, with the same message', async () => {
    const tried = ['writer:guess', 'writer:', 'reader:guess', 'reader:', 'default:', 'nobody:'].map(basic);
    const texts = await Promise.all(
      [{}, { 'X-ClickHouse-User': 'reader' }, ...tried].map(async (headers) => {
        const response = await ask('SELECT 1', {}, headers as Record<string, string>);
        expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516']);
        return response.text();
      }),
    );
    expect(new Set(texts).size).toBe(1);
  });

  test.each<Record<string, string>>([
    { Origin: 'http://127.0.0.1:8123' },
    { Origin: 'null' },
    { 'Sec-Fetch-Site': 'same-origin' },
    { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Dest': 'image' },
  ])('refuses requests of a web page, with any credentials: %j', async (headers) => {
    for (const path of ['/', '/ping', '/processes', '/?query=SELECT+1']) {
      // `fetch` sets such headers by itself.
      const status = await new Promise<number | undefined>((resolve, reject) => {
        get(
          server.clickhouse.address + path,
          { headers: { ...writerHeaders(server.clickhouse), ...headers } },
          (response) => {
            resolve(response.resume().statusCode);
          },
        ).on('error', reject);
      });
      expect(status).toBe(403);
    }
  });

  test('keeps the passwords in private files, and out of logs and environment', async () => {
    const { writer, reader } = JSON.parse(await readFile(join(server.dataDir, 'users.json'), 'utf8')) as Record<
      string,
      string
    >;
    for (const name of ['users.json', 'reader.netrc'])
      expect((await stat(join(server.dataDir, name))).mode & 0o777).toBe(0o600);
    expect([new URL(server.clickhouse.url).password, new URL(server.clickhouse.readerUrl).password]).toEqual([
      writer,
      reader,
    ]);
    const netrc = await readFile(server.clickhouse.readerFile, 'utf8');
    expect(netrc).toContain(`machine 127.0.0.1 login reader password ${String(reader)}\n`);
    expect(netrc).not.toContain(writer);
    const environment =
      process.platform === 'linux' ? await readFile(`/proc/${server.clickhouse.pid}/environ`, 'utf8') : '';
    for (const secret of [writer, reader]) expect(environment + server.log.join('\n')).not.toContain(secret);
  });
});

describe('a reader may read', () => {
  test.each([
    ['SELECT file FROM item', 'a.ts'],
    ['SELECT file FROM item_name', 'a.ts'],
    ['WITH x AS (SELECT id FROM shieldwatch.item) SELECT * FROM x', '1'],
    ['SELECT upper(file), count(file) FROM item GROUP BY file', 'A.TS\t1'],
    ['SELECT arrayMap(x -> x + 1, [id]) FROM item', '[2]'],
    ['SELECT sum(number) FROM numbers(10)', '45'],
    ["SELECT count() FROM values('a UInt8', 1, 2)", '2'],
    ['SELECT max(generate_series) FROM generate_series(1, 5)', '5'],
    ['SHOW TABLES', 'item\nitem_name'],
    ['SHOW DATABASES', 'shieldwatch'],
    ['DESCRIBE TABLE item', /^id\tUInt64/],
    ['EXISTS TABLE item', '1'],
    ['EXPLAIN SELECT 1', /ReadFrom/],
    ['SHOW CREATE TABLE item', /MergeTree/],
    ['SHOW CREATE TABLE item FORMAT TSVRaw', /MergeTree/],
    ['EXISTS item SETTINGS max_threads = 1 FORMAT TSV', '1'],
    ['EXISTS DATABASE shieldwatch FORMAT TSV', '1'],
    ["SHOW TABLES WHERE name LIKE '%name'", 'item_name'],
    [
      "SHOW TABLES FROM shieldwatch WHERE name IN (SELECT 'item') AND engine != 'View' LIMIT 3 FORMAT TSV SETTINGS max_threads = 1",
      'item',
    ],
    ["SHOW TABLES NOT ILIKE '%NAME' LIMIT 5", 'item'],
    ["SHOW COLUMNS FROM item WHERE field = 'file'", /^file\tString/],
    ["SHOW FULL COLUMNS FROM item FROM shieldwatch LIKE 'f%' LIMIT 1 FORMAT TSV", /^file\t/],
    ["SHOW INDEXES FROM item WHERE Column_name = 'id'", /PRIMARY/],
    ["SHOW DATABASES LIKE '%watch'", 'shieldwatch'],
    ["SHOW FUNCTIONS ILIKE 'TOWEE_' FORMAT TSV", /^toWeek/],
    ["SHOW SETTINGS LIKE 'max_threads'", /^max_threads/],
    ['SHOW TABLES FROM elsewhere', ''],
    ["SHOW TABLES FROM elsewhere WHERE name != '' FORMAT TSV", ''],
    ['SHOW COLUMNS FROM item FROM elsewhere', ''],
    ["SHOW DICTIONARIES FROM elsewhere WHERE name != ''", ''],
    ['SELECT name FROM system.databases', /shieldwatch/],
    ["SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'", 'item'],
    [
      "SELECT name, type, table FROM system.columns WHERE database IN ('shieldwatch') AND table = 'item_name'",
      'file\tString\titem_name',
    ],
    ["SELECT count() FROM system.functions WHERE name = 'sum'", '1'],
    ["SELECT displayName() != '', version() != '', revision() > 0, timezone() != ''", '1\t1\t1\t1'],
    ['SELECT 1 SETTINGS max_threads = 2, max_result_rows = 5', '1'],
    ['SELECT 1 AS settings, 2 AS x', '1\t2'],
    ["SELECT count() FROM item SETTINGS additional_table_filters = {'item': 'id = 7'}", '0'],
    ['/* one */ SELECT 1 -- two', '1'],
  ])('%s', async (sql, expected) => {
    const text = (await (await read(sql)).text()).trimEnd();
    if (typeof expected === 'string') expect(text).toBe(expected);
    else expect(text).toMatch(expected);
  });

  test('a string longer than the inspected start of a body', async () => {
    expect(await (await read(`SELECT '${'x'.repeat(200_000)}' = repeat('x', 200000)`)).text()).toBe('1\n');
  });

  test('with parameters, including names, and its own settings', async () => {
    expect(
      await (
        await read('SELECT {a:UInt8}, count() FROM {t:Identifier}', {
          param_a: '3',
          param_t: 'item',
          max_execution_time: '65',
        })
      ).text(),
    ).toBe('3\t1\n');
    expect((await read('SELECT 1', { nosuch: '1' })).headers.get('x-clickhouse-exception-code')).toBe('115');
  });
});

describe('a reader may not use', () => {
  test.each([
    // write, or change what a session is
    'INSERT INTO item VALUES (1, 1)',
    'INSERT INTO item SELECT 1, 1',
    'WITH 1 AS x INSERT INTO item SELECT x, x',
    'CREATE TABLE t (a Int8) ENGINE = Memory',
    'CREATE TEMPORARY TABLE t (a Int8)',
    'DROP TABLE item',
    'ALTER TABLE item DELETE WHERE 1',
    'TRUNCATE TABLE item',
    'OPTIMIZE TABLE item',
    'RENAME TABLE item TO b',
    'SET ROLE writer',
    'SET max_threads = 1',
    'USE system',
    'KILL QUERY WHERE 1',
    'SYSTEM RELOAD CONFIG',
    'GRANT writer TO default',
    'EXECUTE AS default SELECT 1',
    // see another database, other people's queries, users, the machine
    'SELECT * FROM elsewhere.item',
    'SELECT * FROM default.`/etc/passwd`',
    'SELECT query FROM system.processes',
    'SELECT query FROM system/**/.\n processes',
    'SELECT query FROM `system`.`processes`',
    'SELECT query FROM "sys\\x74em"."processes"',
    'SELECT query FROM system.\u201cprocesses\u201d',
    'SELECT (SELECT any(query) FROM system.processes)',
    'SELECT 1 WHERE 1 IN (SELECT 1 FROM system.processes)',
    'SELECT * FROM item JOIN system.processes ON 1',
    'DESCRIBE TABLE system.processes',
    'EXPLAIN SELECT * FROM system.processes',
    'SELECT * FROM system.users',
    'SELECT * FROM system.server_settings',
    'SELECT * FROM system.stack_trace',
    'SELECT * FROM system.named_collections',
    'SELECT * FROM system.query_log',
    'SHOW PROCESSLIST',
    'SHOW GRANTS',
    'SHOW USERS',
    'SHOW CREATE USER default',
    "SELECT getMacro('a')",
    "SELECT getServerSetting('max_server_memory_usage')",
    'SELECT filesystemAvailable()',
    // files, addresses, programs
    "SELECT file('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    'SELECT "\\x66ile"(\'/etc/passwd\')',
    "SELECT file /**/ ('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "SELECT arrayMap((file), ['/etc/passwd'])",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
    "SELECT \u201cfile\u201d('/etc/passwd')",
    "EXPLAIN SELECT file('/etc/passwd')",
    "SELECT count() FROM item SETTINGS additional_table_filters = {'item': 'file(''/etc/passwd'') != '''''}",
    "SELECT count() FROM item SETTINGS additional_table_filters = {'item': '1 IN (SELECT 1 FROM system.processes)'}",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM (SELECT * FROM file('/etc/passwd', 'LineAsString') SETTINGS readonly = 0)",
    "DESCRIBE file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM s3('http://127.0.0.1:1/a')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system, one)",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT * FROM merge('system', '^processes$')",
    "SELECT * FROM merge('shieldwatch', '.*')",
    "SELECT * FROM dictionary('d')",
    "SELECT dictGet('d', 'a', 1)",
    'SELECT * FROM mergeTreeIndex(shieldwatch, item)',
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
    "SELECT * FROM generateRandom('a UInt8')",
    'SELECT * FROM loop(item)',
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM input('a Int8')",
    "SELECT aiGenerate('x')",
    "SELECT 1 INTO OUTFILE '/tmp/shieldwatch-attack'",
    "SELECT 1 into/**/ outfile '/tmp/shieldwatch-attack' FORMAT CSV",
    "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/shieldwatch-attack'",
    "INSERT INTO item FROM INFILE '/etc/passwd' FORMAT CSV",
    // what the engine reads otherwise than it looks
    "SELECT file\u00a0('/etc/passwd')",
    "SELECT 1 $$ , file('/etc/passwd')",
    "SELECT 1 // x\n, file('/etc/passwd')",
    "SELECT x'a' , file('/etc/passwd') -- '",
    "SELECT 1 INTO\u2003OUTFILE '/tmp/shieldwatch-attack'",
    'SELECT * FROM (SELECT 1 SETTINGS\u2028readonly = 0)',
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM `system.processes`',
    'SELECT 1 AS `x\n Function y`',
    // what a tree that is cut short would hide
    'SELECT * FROM (SELECT 1 SETTINGS limit = 1) WHERE 1 IN (SELECT 1 FROM system.processes)',
    '(SELECT sleep(1) SETTINGS limit = 1)',
    "SELECT sleep(1) SETTINGS max_result_rows = 1, result_overflow_mode = 'break'",
    // statements within others
    'EXPLAIN AST CREATE TABLE x (a Int8)',
    'EXPLAIN SYNTAX INSERT INTO item SELECT 1, 1',
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd') PARTITION BY x",
    'EXPLAIN CURRENT TRANSACTION',
    'SELECT 1 PARALLEL WITH SELECT 2',
    'SELECT * FROM (EXPLAIN SELECT 1)',
    "SHOW TABLES WHERE file('/etc/passwd') != ''",
    "SHOW TABLES WHERE format AND `file`('/etc/passwd') != '' FORMAT TSV",
    'SHOW TABLES WHERE name IN (SELECT query FROM system.processes)',
    'SHOW TABLES WHERE name IN system.processes LIMIT 1 FORMAT TSV',
    "SHOW TABLES WHERE arrayExists(file, ['/etc/passwd']) SETTINGS max_threads = 1",
    'SHOW TABLES WHERE hostName() = name FORMAT CSV',
    'SHOW COLUMNS FROM item WHERE field IN (SELECT name FROM elsewhere.item)',
    'SHOW INDEXES FROM item WHERE 1 IN (SELECT sleep(1)) LIMIT 1',
    "SHOW TABLES WHERE 1 LIMIT 1 INTO OUTFILE '/tmp/shieldwatch-attack' FORMAT CSV",
    'SHOW TABLES WHERE 1 LIMIT sleep(1)',
    'SHOW TABLES WHERE 1) OR sleep(1',
    "SHOW TABLES LIKE 'x' INTO OUTFILE '/tmp/shieldwatch-attack'",
    'SHOW TABLES FROM where WHERE hostName() = name',
    'SHOW FULL PROCESSLIST',
    'SHOW SETTINGS PROFILES',
    'SHOW CLUSTERS',
    'SHOW MERGES',
    'SHOW ENGINES',
    'EXISTS system.users',
    'SHOW CREATE TABLE system.processes',
    'SHOW CREATE TABLE system.processes FORMAT TSV',
    'SHOW CREATE TABLE default.item FORMAT TSV',
    'SHOW CREATE TABLE `default`.item FORMAT TSV',
    'EXISTS TABLE ` x`.item FORMAT TSV',
    'EXISTS TABLE default.item SETTINGS max_threads = 1 FORMAT TSV',
    'SHOW CREATE DATABASE default FORMAT TSV',
    'EXISTS DATABASE default',
    "COPY item TO '/tmp/shieldwatch-attack'",
    "SELECT count() FROM item SETTINGS additional_table_filters = {'item': '1) UNION ALL (SELECT 1'}",
    // functions under other names, and what names a file, a dictionary or another host
    "WITH x -> file(x) AS f SELECT f('/etc/passwd')",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd')",
    'SELECT arrayMap(sleep, [1])',
    "SELECT catboostEvaluate('/x', 1)",
    "SELECT generateSerialID('/x')",
    "SELECT naiveBayesClassifier('x', 'y')",
    "SELECT hasColumnInTable('127.0.0.1:1', 'default', '', 'a', 'b', 'c')",
    'SELECT hostName()',
    "SELECT joinGet('system.x', 'a', 1)",
  ])('%s', async (sql) => {
    const response = await read(sql);
    expect(response.status).toBeGreaterThanOrEqual(400);
    // 62: it is no SQL that is read here. 60: a table function's or a system table's name that this engine does not have.
    expect((await refusal(response))[1]).toMatch(/^(497|62|60)$/);
  });

  test.each([
    'readonly = 0',
    'readonly = 2',
    'max_execution_time = 0',
    'max_execution_time = 100000',
    'max_result_rows = 0',
    'max_memory_usage = 0',
    'max_memory_usage = 99999999999999',
    'max_memory_usage = DEFAULT',
    'max_result_rows = -1',
    'max_execution_time = {x:UInt64}',
    'allow_experimental_eval_table_function = 1',
    'allow_introspection_functions = 1',
    "log_comment = 'x'",
    "`log_comment` = 'x'",
    "profile = 'default'",
    "output_format_schema = '/tmp/shieldwatch-attack'",
    "format_schema = '/etc/passwd'",
    'use_query_cache = 1',
    'max_threads = 2, readonly = 0',
    '"max_threads" = 2 , "readonly" = 0',
    'max_threads/**/=/**/2,\nreadonly\n=\n0',
    "additional_result_filter = 'file(\\'/etc/passwd\\') = 1'",
  ])('SETTINGS %s, at any depth', async (settings) => {
    for (const sql of [
      `SELECT 1 SETTINGS ${settings}`,
      `SELECT * FROM (SELECT 1 SETTINGS ${settings})`,
      `SELECT 1 FORMAT CSV SETTINGS ${settings}`,
      `EXPLAIN SELECT (SELECT 1 settings ${settings})`,
      `WITH a AS (SELECT 1 SETTINGS ${settings}) SELECT * FROM a`,
    ]) {
      const [, code] = await refusal(await read(sql, { param_x: '1000000' }));
      expect(['452', '115', '497']).toContain(code);
    }
  });

  test('settings in the URL', async () => {
    for (const [name, value] of [
      ['readonly', '0'],
      ['max_execution_time', '0'],
      ['max_result_rows', '99999999999'],
      ['allow_introspection_functions', '1'],
      ['role', 'writer'],
      ['profile', 'default'],
      ['additional_table_filters', '{}'],
    ] as const) {
      expect(['452', '115']).toContain((await refusal(await read('SELECT 1', { [name]: value })))[1]);
    }
  });

  test('the request: database, names as parameters, several statements, encodings', async () => {
    for (const database of ['system', 'SYSTEM', 'information_schema', 'elsewhere'])
      expect((await read('SELECT query FROM processes', { database })).status).toBeGreaterThanOrEqual(400);
    expect(
      (await refusal(await read('SELECT query FROM processes', {}, { 'X-ClickHouse-Database': 'system' })))[1],
    ).toBe('497');
    for (const sql of [
      'SELECT query FROM {d:Identifier}.processes',
      'SELECT query FROM {d:Identifier}.{t:Identifier}',
      'SELECT query FROM system.{t:Identifier}',
      "SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
    ]) {
      for (const d of ['system', 's\\x79stem'])
        expect((await refusal(await read(sql, { param_d: d, param_t: 'processes', param_f: 'file' })))[1]).toBe('497');
    }
    for (const sql of ['SELECT 1; SELECT 2', 'SELECT 1;INSERT INTO item VALUES (1,1)', 'SELECT 1\0; SELECT 2'])
      expect((await refusal(await read(sql)))[1]).toBe('62');
    expect(
      (await refusal(await read(gzipSync("SELECT file('/etc/passwd')"), {}, { 'Content-Encoding': 'gzip' })))[1],
    ).toBe('497');
    expect((await refusal(await read("le('/etc/passwd')", { query: 'SELECT fi' })))[1]).toMatch(/^(62|46|47)$/);
    expect(
      (
        await fetch(`${server.clickhouse.address}/?query=INSERT%20INTO%20item%20VALUES%20(1,1)`, {
          headers: readerHeaders(server.clickhouse),
        })
      ).status,
    ).toBe(403);
  });

  test('more than its limits: rows, memory', async () => {
    expect(
      (
        await refusal(
          await read('SELECT count(), groupArray(number) FROM numbers(3000000000) GROUP BY number', {
            max_execution_time: '120',
          }),
        )
      )[1],
    ).toBe('241');
    const long = await read('SELECT number FROM numbers(2000000)', { wait_end_of_query: '1' });
    expect((await refusal(long))[1]).toBe('396');
    const cut = await read('SELECT number FROM numbers(2000000)', {
      max_result_rows: '1000',
      result_overflow_mode: 'break',
      max_block_size: '1000',
    });
    expect((await cut.text()).split('\n').length).toBe(1001);
    expect(await (await read('SELECT 1')).text()).toBe('1\n');
  });
});

describe("a reader's statement is judged the same, by any way of sending", () => {
  const form = (fields: Record<string, string>): Promise<Response> => {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return fetch(server.clickhouse.address, { method: 'POST', body, headers: readerHeaders(server.clickhouse) });
  };
  const HOSTILE = [
    "SELECT file('/etc/passwd')",
    "SELECT arrayMap({f:Identifier}, ['/etc/passwd'])",
    'SELECT query FROM {s:Identifier}.{p:Identifier}',
    'SELECT 1 SETTINGS readonly = 0',
    'WITH 1 AS x INSERT INTO item FORMAT TSV\n7\t7',
    'INSERT INTO item VALUES (7, 7)',
    'CREATE TEMPORARY TABLE t (a Int8)',
    'USE system',
    'DROP TABLE item',
    "SELECT 1 INTO OUTFILE '/tmp/shieldwatch-attack'",
  ];
  const PARAMS = { param_f: 'file', param_s: 'system', param_p: 'processes' };

  test.each(HOSTILE)('%s', async (sql) => {
    const answers = [
      await read(sql, PARAMS),
      await read(sql, { ...PARAMS, session_id: 'mine' }),
      await read('', { ...PARAMS, query: sql }),
      await form({ query: sql, ...PARAMS }),
      await form({ query: sql, ...PARAMS, session_id: 'mine' }),
      await read(await buffer(Readable.from([sql], { objectMode: false }).pipe(createNativeCompress())), {
        ...PARAMS,
        decompress: '1',
        compress: '1',
      }),
    ];
    for (const answer of answers) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers.get('x-clickhouse-exception-code')).toMatch(/^(497|452|62)$/);
    }
    expect(await server.text('SELECT count() FROM item WHERE id = 7')).toBe('0');
  });

  test("a form's settings count as those of the URL: none lifts a limit", async () => {
    for (const name of ['readonly', 'max_execution_time', 'allow_introspection_functions', 'role', 'profile'])
      expect(['452', '115']).toContain((await refusal(await form({ query: 'SELECT 1', [name]: '0' })))[1]);
    expect(await (await form({ query: 'SELECT {a:UInt8} + {b$c:UInt8}', param_a: '1', param_b$c: '2' })).text()).toBe(
      '3\n',
    );
    expect((await refusal(await form({ query: 'SELECT 1', database: 'elsewhere' })))[1]).toBe('497');
  });

  test("a parameter's name may begin with `$`, unless the engine would read a heredoc", async () => {
    const query = 'SELECT {$x:UInt8} + { $1 : UInt8 } + {$y$:UInt8}';
    expect(await (await read(query, { param_$x: '1', param_$1: '2', param_$y$: '3' })).text()).toBe('6\n');
    for (const twice of ['SELECT {$y$:UInt8} + {$y$:UInt8}', "SELECT {$y$:UInt8}, '$y$'", 'SELECT $y$', 'SELECT $x'])
      expect((await refusal(await read(twice, { param_$y$: '1', param_$x: '1' })))[1]).toBe('62');
    const name = { param_$y$: 'a', param_n: '$y$:String}, file(1) --' };
    expect((await refusal(await read('SELECT {$y$:String}, {n:Identifier}', name)))[1]).toMatch(/^(62|47|46|497)$/);
  });

  test('a session keeps settings that a request may name, and no others', async () => {
    expect(await (await read('SET max_threads = 3, extremes = 0;', { session_id: 's' })).text()).toBe('');
    const threads = async (parameters: Record<string, string>): Promise<string> =>
      (await read("SELECT getSetting('max_threads')", parameters)).text();
    expect(await threads({ session_id: 's' })).toBe('3\n');
    expect(await threads({ session_id: 's', max_threads: '2' })).toBe('2\n');
    expect(await threads({ session_id: 's' })).toBe('3\n');
    expect(await threads({ session_id: 'another' })).not.toBe('3\n');
    for (const sql of [
      'SET readonly = 0',
      'SET max_threads = 2, max_execution_time = 0',
      'SET ROLE writer',
      'SET max_threads = {f:UInt8}',
      'SET max_threads',
      "SET max_threads = 2; SELECT file('/etc/passwd')",
      "SET additional_table_filters = {'item': '1'}",
      'SET max_threads = (SELECT 1)',
      "SET param_x = 'y'",
      "SET log_comment = 'x'",
    ]) {
      expect(['452', '115', '62', '497']).toContain(
        (await refusal(await read(sql, { session_id: 's', param_f: '1' })))[1],
      );
    }
    expect(await threads({ session_id: 's' })).toBe('3\n');
  });

  test('settings that clients send for inserted data are accepted; unknown names are not', async () => {
    const taken = {
      input_format_parallel_parsing: '1',
      insert_quorum: '1',
      async_insert: '1',
      http_make_head_request: '1',
      date_time_input_format: 'best_effort',
      cancel_http_readonly_queries_on_client_close: '1',
      network_compression_method: 'LZ4',
      client_protocol_version: '54405',
      session_timeout: '60',
      implicit_select: '1',
      cast_string_to_dynamic_use_inference: '1',
    };
    expect(await (await read('SELECT 1', taken)).text()).toBe('1\n');
    expect((await refusal(await read('1 + 1', { implicit_select: '1' })))[1]).toBe('497');
    for (const name of ['input_format_nosuch', 'format_schema', 'http_nosuch'])
      expect((await refusal(await read('SELECT 1', { [name]: '1' })))[1]).toMatch(/^(115|452)$/);
  });
});

describe('functions that read files', () => {
  test.each([
    "SELECT file('/etc/passwd')",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "CREATE VIEW leak AS SELECT file('/etc/passwd')",
    "INSERT INTO item SELECT 1, file('/etc/passwd')",
    'CREATE FUNCTION f AS x -> file(x)',
  ])('are refused to the writer too: %s', async (sql) => {
    expect((await server.query(sql)).status).toBe(403);
  });
});

describe('/processes', () => {
  const list = async (headers = readerHeaders(server.clickhouse)) =>
    (
      (await (await fetch(`${server.clickhouse.address}/processes`, { headers })).json()) as {
        processes: Record<string, unknown>[];
      }
    ).processes;

  test("shows user, kind, duration and volume of each query, without its text; to the reader only the readers' queries", async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    const sql = (n: number) => ({
      method: 'POST',
      body: `SELECT count() FROM system.numbers WHERE number != ${n} AND toString(number) != 's3cret-literal'`,
      ...options,
    });
    const both = [
      fetch(`${server.clickhouse.address}/?query_id=the-reader&max_execution_time=60`, {
        ...sql(1),
        headers: readerHeaders(server.clickhouse),
      }),
      fetch(`${server.clickhouse.address}/?query_id=the-writer`, {
        ...sql(2),
        headers: writerHeaders(server.clickhouse),
      }),
    ].map((call) => call.catch(() => undefined));
    await until(
      'both run and count',
      async () =>
        (await list(writerHeaders(server.clickhouse))).filter((row) => Number(row['read_rows']) > 0).length === 2,
    );
    const all = await list(writerHeaders(server.clickhouse));
    expect(all.find((row) => row['query_id'] === 'the-writer')).toMatchObject({
      user: 'writer',
      kind: 'SELECT',
      state: 'running',
    });
    const own = await list();
    expect(own.map((row) => row['query_id'])).toEqual(['the-reader']);
    expect(JSON.stringify([all, own])).not.toContain('s3cret');
    expect(
      (await fetch(`${server.clickhouse.address}/processes`, { headers: { Authorization: 'Basic d3JpdGVyOng=' } }))
        .status,
    ).toBe(403);
    stop.abort();
    await Promise.all(both);
    await until('they are gone', async () => (await list(writerHeaders(server.clickhouse))).length === 0);
  });

  test("16 long reads of users delay neither an insert nor the stack's own reads", async () => {
    const stop = new AbortController();
    setMaxListeners(0, stop.signal);
    const sql = 'SELECT count() FROM system.numbers WHERE NOT ignore(sipHash64(number))';
    const running = async (): Promise<unknown[]> =>
      (await list()).filter((row) => row['state'] === 'running').map((row) => row['query_id']);
    const calls = Array.from({ length: 20 }, () =>
      fetch(`${server.clickhouse.address}/?max_threads=1&max_execution_time=120`, {
        method: 'POST',
        body: sql,
        signal: stop.signal,
        headers: readerHeaders(server.clickhouse),
      }).catch(() => undefined),
    );
    await until('they run', async () => (await running()).length === 16);
    const before = await running();
    await server.text("INSERT INTO item VALUES (3, 'b.ts')");
    expect(await server.text('SELECT count() FROM item WHERE id = 3')).toBe('1');
    // None of them had to end for it.
    expect(await running()).toEqual(before);
    stop.abort();
    await Promise.all(calls);
    await until('they are gone', async () => (await list(writerHeaders(server.clickhouse))).length === 0);
  });
});

test('no attempt created a file', () => {
  expect(existsSync('/tmp/shieldwatch-attack')).toBe(false);
});
