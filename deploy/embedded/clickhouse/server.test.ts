import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { readFile, readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  readerHeaders,
  startTestServer,
  until,
  writerHeaders,
  type TestServer,
} from '../../testing/clickhouse-server.js';

let server: TestServer;
let client: ClickHouseClient;
beforeAll(async () => {
  server = await startTestServer();
  client = createClient({
    url: server.clickhouse.url,
    database: 'shieldwatch',
    log: { level: ClickHouseLogLevel.OFF },
  });
  await server.text('CREATE TABLE item (id UInt64, name String) ENGINE = MergeTree ORDER BY id');
});
afterAll(async () => {
  await client.close();
  await server.remove();
});

const running = async (part: string): Promise<boolean> =>
  (await server.text(
    `SELECT count() FROM system.processes WHERE query LIKE '%${part}%' AND query NOT LIKE '%system.processes%'`,
  )) !== '0';

describe('@clickhouse/client', () => {
  test('pings', async () => {
    expect(await client.ping()).toMatchObject({ success: true });
  });

  test('queries, in JSON and in streamed rows', async () => {
    const whole = await client.query({ query: 'SELECT number FROM numbers(3)', format: 'JSON' });
    expect(await whole.json()).toMatchObject({ rows: 3, data: [{ number: 0 }, { number: 1 }, { number: 2 }] });
    let rows = 0;
    const streamed = await client.query({ query: 'SELECT number FROM numbers(200000)', format: 'JSONEachRow' });
    for await (const chunk of streamed.stream()) rows += chunk.length;
    expect(rows).toBe(200_000);
  });

  test('binds parameters of any shape', async () => {
    const query_params = {
      text: `it's "a"\\b\n\tc`,
      list: ["x'y", 'z\n'],
      map: { k: 'v' },
      at: new Date('2026-01-02T03:04:05Z'),
      none: null,
    };
    const result = await client.query({
      query:
        'SELECT {text:String} AS text, {list:Array(String)} AS list, {map:Map(String, String)} AS map, {at:DateTime} AS at, {none:Nullable(String)} AS none',
      query_params,
      format: 'JSONEachRow',
    });
    expect(await result.json()).toEqual([{ ...query_params, at: '2026-01-02 03:04:05' }]);
  });

  test("applies settings to one request; an unknown one is the engine's error", async () => {
    const ask = (clickhouse_settings: Record<string, number>) =>
      client
        .query({ query: "SELECT getSetting('max_threads') AS n", format: 'JSONEachRow', clickhouse_settings })
        .then((result) => result.json<{ n: number }>());
    const usual = await ask({});
    expect(await ask({ max_threads: 7 })).toEqual([{ n: 7 }]);
    expect(await ask({})).toEqual(usual);
    await expect(ask({ nosuch: 1 })).rejects.toMatchObject({ code: '115', type: 'UNKNOWN_SETTING' });
  });

  test('inserts, reports the rows written, and compresses in both directions', async () => {
    await client.command({ query: 'CREATE TABLE made (id UInt64, name String) ENGINE = MergeTree ORDER BY id' });
    const compressing = createClient({
      url: server.clickhouse.url,
      database: 'shieldwatch',
      compression: { request: true, response: true },
    });
    const values = Array.from({ length: 1000 }, (_, id) => ({ id, name: `n'${id}\n` }));
    const insert = await compressing.insert({
      table: 'made',
      values,
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 0 },
    });
    expect(insert.summary?.written_rows).toBe('1000');
    const back = await compressing.query({ query: 'SELECT * FROM made ORDER BY id', format: 'JSONEachRow' });
    expect(await back.json()).toEqual(values);
    await compressing.close();
  });

  test('inserts a stream as it arrives, and nothing of one that breaks off', async () => {
    await client.command({ query: 'CREATE TABLE streamed (id UInt64, name String) ENGINE = MergeTree ORDER BY id' });
    const rows = function* (count: number, breaksAt = Infinity): Generator<{ id: number; name: string }> {
      for (let id = 0; id < count; id++) {
        if (id === breaksAt) throw new Error('the source failed');
        yield { id, name: `n'${id}` };
      }
    };
    await client.insert({ table: 'streamed', values: Readable.from(rows(50_000)), format: 'JSONEachRow' });
    expect(await server.text('SELECT count(), uniqExact(name) FROM streamed')).toBe('50000\t50000');
    await expect(
      client.insert({ table: 'streamed', values: Readable.from(rows(50_000, 40_000)), format: 'JSONEachRow' }),
    ).rejects.toThrow();
    await until(
      'the broken one has ended',
      async () => !(await readdir(join(server.dataDir, 'spool'))).some((name) => name.startsWith('insert')),
    );
    expect(await server.text('SELECT count() FROM streamed')).toBe('50000');
  });

  test('ends a query on abort', async () => {
    const abort = new AbortController();
    const query = client.query({ query: 'SELECT count() FROM system.numbers -- endless', abort_signal: abort.signal });
    await until('it runs', () => running('count() FROM system.numbers'));
    abort.abort();
    await expect(query).rejects.toThrow();
    await until('it has ended', async () => !(await running('count() FROM system.numbers')));
  });

  test('ends a query whose client goes away before the engine has begun to answer, and drops its table', async () => {
    await client.command({ query: 'CREATE TABLE left_behind (id UInt64) ENGINE = MergeTree ORDER BY id' });
    const processes = async (): Promise<string[]> => {
      const response = await fetch(`${server.clickhouse.address}/processes`, {
        headers: writerHeaders(server.clickhouse),
      });
      return ((await response.json()) as { processes: { query_id: string; state: string }[] }).processes
        .filter(({ state }) => state === 'running')
        .map((query) => query.query_id);
    };
    // Each leaves at another moment between the request and the engine's opening of the answer's pipe.
    for (let ms = 0; ms < 40; ms++) {
      const query = client.query({
        query: 'SELECT id FROM left_behind',
        query_id: `leaves-early-${ms}`,
        abort_signal: AbortSignal.timeout(ms),
      });
      await query
        .then(
          (result) => result.text(),
          () => undefined,
        )
        .catch(() => undefined);
    }
    await until('all have ended', async () => !(await processes()).some((id) => id.startsWith('leaves-early')));
    await client.command({ query: 'DROP TABLE left_behind SYNC' });
  });

  test('returns errors with code, type and text', async () => {
    await expect(client.query({ query: 'SELECT * FROM nosuch' })).rejects.toMatchObject({
      code: '60',
      type: 'UNKNOWN_TABLE',
    });
  });

  test('passes an error in mid-stream to the reader', async () => {
    const result = await client.query({
      query: 'SELECT number, throwIf(number = 3000000) FROM numbers(5000000)',
      format: 'JSONEachRow',
    });
    let rows = 0;
    const read = async (): Promise<void> => {
      for await (const chunk of result.stream()) rows += chunk.length;
    };
    await expect(read()).rejects.toThrow(/throwIf/);
    expect(rows).toBeGreaterThan(1_000_000);
  });
});

describe('the HTTP interface', () => {
  test('answers health checks', async () => {
    for (const path of ['/', '/ping']) {
      const response = await fetch(server.clickhouse.address + path);
      expect([response.status, await response.text()]).toEqual([200, 'Ok.\n']);
    }
    expect((await fetch(`${server.clickhouse.address}/nosuch`)).status).toBe(404);
  });

  test('takes the query from the URL, the body, or both', async () => {
    const url = server.clickhouse.address;
    const headers = readerHeaders(server.clickhouse);
    expect(await (await fetch(`${url}/?query=SELECT%201`, { headers })).text()).toBe('1\n');
    expect(await (await fetch(url, { method: 'POST', body: 'SELECT 2', headers })).text()).toBe('2\n');
    expect(await (await fetch(`${url}/?query=SELECT%20`, { method: 'POST', body: '3', headers })).text()).toBe('3\n');
  });

  test('refuses writes by GET', async () => {
    const response = await fetch(`${server.clickhouse.address}/?query=DROP%20TABLE%20item`, {
      headers: writerHeaders(server.clickhouse),
    });
    expect(await response.text()).toMatch(/Code: 164.*READONLY/s);
  });

  test('sends the headers of a server', async () => {
    const { headers } = await server.query('SELECT 1 FORMAT JSONEachRow', { query_id: 'my-id' });
    expect(headers.get('x-clickhouse-query-id')).toBe('my-id');
    expect(headers.get('x-clickhouse-format')).toBe('JSONEachRow');
    expect(headers.get('content-type')).toMatch('ndjson');
    expect(headers.get('x-clickhouse-timezone')).toBeTruthy();
    expect(headers.get('x-clickhouse-server-display-name')).toBeTruthy();
    expect(JSON.parse(headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ read_rows: '1' });
  });

  test('takes the format from the query, else the header, else default_format, else TabSeparated', async () => {
    const init = { headers: { 'X-ClickHouse-Format': 'CSV' } };
    const text = async (sql: string, parameters = {}, more = {}) => (await server.query(sql, parameters, more)).text();
    expect(await text("SELECT 'a' FORMAT JSONCompactEachRow", {}, init)).toBe('["a"]\n');
    expect(await text("SELECT 'a'", { default_format: 'JSONEachRow' }, init)).toBe('"a"\n');
    expect(await text("SELECT 'a' AS a", { default_format: 'JSONEachRow' })).toBe('{"a":"a"}\n');
    expect(await text("SELECT 'a'")).toBe('a\n');
  });

  test.each([
    ['SELECT * FROM nosuch', 404, 60],
    ['SELEC 1', 400, 62],
    ['SELECT 1; SELECT 2', 400, 62],
    ["SELECT toUInt8('x')", 400, 6],
    ['SELECT throwIf(1)', 500, 395],
    ["SELECT * FROM file('/etc/passwd')", 403, 497],
    ['', 400, 62],
  ])('%s answers %i', async (sql, status, code) => {
    const response = await server.query(sql);
    expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([status, String(code)]);
    expect(await response.text()).toMatch(new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(version .*\\)\\n$`, 's'));
  });

  test('limits time to 30 s by default, adjustable up to a cap', async () => {
    expect(await server.text("SELECT getSetting('max_execution_time')")).toBe('30');
    const response = await server.query('SELECT count() FROM system.numbers', { max_execution_time: '0.2' });
    expect([response.status, await response.text()]).toEqual([408, expect.stringContaining('TIMEOUT_EXCEEDED')]);
    for (const beyond of ['0', '601'])
      expect((await server.query('SELECT 1', { max_execution_time: beyond })).status).toBe(500);
  });

  test('runs queries side by side; planning does not delay the others', async () => {
    let ended = 0;
    const slow = Array.from({ length: 6 }, () =>
      server.text('SELECT (SELECT sleep(3))').finally(() => {
        ended += 1;
      }),
    );
    const planned =
      "SELECT count() FROM system.processes WHERE query LIKE '%(SELECT sleep(3))%' AND query NOT LIKE '%system.processes%'";
    await until('all six run', async () => (await server.text(planned)) === '6');
    expect(ended).toBe(0);
    await Promise.all(slow);
  });

  test('keeps parameters of concurrent queries apart', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => server.text('SELECT {x:UInt32}', { param_x: String(i) })),
    );
    expect(answers).toEqual(Array.from({ length: 60 }, (_, i) => String(i)));
  });
});

describe('errors', () => {
  test.each([
    ['SELECT 1 FORMAT JSON x', 'failed at position 22 (x): x.'],
    ['SELECT 1 +', 'failed at position 11 (end of query)'],
    ['CREATE TABEL x (a Int8)', 'failed at position 8 (TABEL)'],
    ['SHOW TABLES FROM', 'failed at position 17 (end of query)'],
  ])(
    'word the syntax error of %j as the engine does of that text, and name no path of this machine',
    async (sql, words) => {
      for (const headers of [writerHeaders(server.clickhouse), readerHeaders(server.clickhouse)]) {
        const answer = await server.query(sql, {}, { headers });
        const text = await answer.text();
        expect(text).not.toContain(server.dataDir);
        expect(text).not.toContain("OUTFILE '");
        if (answer.status === 403) continue; // A reader creates nothing.
        expect(answer.status).toBe(400);
        expect(text).toMatch(/^Code: 62\. DB::Exception: Syntax error: .*\(SYNTAX_ERROR\)/s);
        expect(text).toContain(words);
      }
    },
  );
});

describe('inserts', () => {
  const names = async (): Promise<string> =>
    server.text('SELECT arrayStringConcat(groupArray(hex(name))) FROM (SELECT name FROM item ORDER BY id)');
  const into = (format: string) => `INSERT INTO item (id, name) FORMAT ${format}`;
  const rowBinary = Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 3, 0xff, 0x00, 0x27]);

  test.each<[string, string | Buffer, Record<string, string>]>([
    ['JSONEachRow', '{"id":9,"name":"\\u0000\'"}', { query: into('JSONEachRow') }],
    ['TSV in one body', `${into('TSV')}\n9\t\\0'\n`, {}],
    ['VALUES with an expression', "INSERT INTO item VALUES (8 + 1, concat('\\0', ''''))", {}],
    ['VALUES behind the URL', "(9, '\\0''')", { query: 'INSERT INTO item VALUES' }],
    ['CSV with settings', `INSERT INTO item SETTINGS async_insert = 1 FORMAT CSV\n9,"\0'"`, {}],
  ])('%s', async (_name, body, parameters) => {
    await server.text('TRUNCATE TABLE item');
    const response = await server.query(body, parameters);
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(await names()).toBe('0027');
  });

  test('stores RowBinary and Native bytes unchanged, plain or encoded', async () => {
    for (const [encoding, encode] of [
      ['identity', (b: Buffer) => b],
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ] as const) {
      await server.text('TRUNCATE TABLE item');
      const response = await server.query(
        encode(rowBinary),
        { query: into('RowBinary') },
        { headers: { 'Content-Encoding': encoding } },
      );
      expect(await response.text()).toBe('');
      expect(await names()).toBe('FF0027');
    }
    const native = Buffer.from(await (await server.query('SELECT * FROM item FORMAT Native')).arrayBuffer());
    expect((await server.query(Buffer.concat([Buffer.from(`${into('Native')}\n`), native]))).status).toBe(200);
    expect(await names()).toBe('FF0027FF0027');
  });

  test('stores nothing of a failing insert, leaves no file, and logs none of its data', async () => {
    await server.text('TRUNCATE TABLE item');
    const response = await server.query('{"id":1,"name":"a"}\n{"id":"s3cret-value"}', {
      query: into('JSONEachRow'),
      query_id: 'bad-insert',
    });
    expect(response.status).toBe(400);
    expect(await server.text('SELECT count() FROM item')).toBe('0');
    expect((await readdir(join(server.dataDir, 'spool'))).filter((name) => name.startsWith('insert'))).toEqual([]);
    expect(server.log.some((line) => line.includes('bad-insert'))).toBe(true);
    expect(server.log.join('\n')).not.toContain('s3cret-value');
  });

  test('stores nothing of a body that breaks off', async () => {
    await new Promise<void>((resolve) => {
      const call = request(`${server.clickhouse.address}/?${new URLSearchParams({ query: into('TSV') }).toString()}`, {
        method: 'POST',
        headers: writerHeaders(server.clickhouse),
      });
      call.on('error', () => {
        resolve();
      });
      call.write('1\ta\n2\tb\n', () => call.destroy());
    });
    const broken = await server.query(
      gzipSync('1\ta\n').subarray(0, 15),
      { query: into('TSV') },
      { headers: { 'Content-Encoding': 'gzip' } },
    );
    expect(broken.status).toBe(400);
    await until(
      'its file is gone',
      async () => !(await readdir(join(server.dataDir, 'spool'))).some((name) => name.startsWith('insert')),
    );
    expect(await server.text('SELECT count() FROM item')).toBe('0');
  });
});

test('keeps no log tables of the engine, so that they cannot grow', async () => {
  await Promise.all(Array.from({ length: 20 }, () => server.text('SELECT 1')));
  expect(
    await server.text(
      "SELECT groupArray(name) FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'",
    ),
  ).toBe('[]');
});

describe("statements that the engine's user may not run", () => {
  test.each([
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM (SELECT * FROM file('/etc/passwd', 'LineAsString') SETTINGS readonly = 0)",
    "SELECT (SELECT count() FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "INSERT INTO FUNCTION file('/tmp/x', 'TSV', 'a String') SELECT 'a'",
    "CREATE TABLE leak (a String) ENGINE = File(TSV, '/etc/passwd')",
    "CREATE TABLE leak (a String) ENGINE = URL('http://127.0.0.1:1/', TSV)",
    "CREATE VIEW leak AS SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/key')",
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "INSERT INTO item FROM INFILE '/etc/passwd' FORMAT LineAsString",
    "BACKUP DATABASE shieldwatch TO File('/tmp/x')",
    'SYSTEM SHUTDOWN',
    'CREATE USER x',
    'GRANT ALL ON *.* TO default',
  ])('%s', async (sql) => {
    const response = await server.query(sql);
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining('ACCESS_DENIED')]);
  });
});

describe('endless responses', () => {
  /** Resident memory of the engine's process in MB; from /proc, so these run on Linux. */
  const memory = async (): Promise<number> =>
    Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${server.clickhouse.pid}/status`, 'utf8'))?.[1]) / 1024;
  const open = (sql: string, path = '/') =>
    new Promise<{ received: () => number; destroy: () => void; resume: () => void }>((resolve, reject) => {
      let bytes = 0;
      const call = request(
        server.clickhouse.address + path,
        { method: 'POST', headers: writerHeaders(server.clickhouse) },
        (response) => {
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > 1_000_000) response.pause();
          });
          response.on('error', () => undefined);
          resolve({ received: () => bytes, destroy: () => call.destroy(), resume: () => void response.resume() });
        },
      );
      call.on('error', reject);
      call.end(sql);
    });

  test.runIf(process.platform === 'linux')(
    'use constant memory for a slow reader, and free the slot of a vanished one',
    async () => {
      const before = await memory();
      const readers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          i < 16 ? open(`SELECT * FROM system.numbers -- ${i}`) : open('SHOW TABLES'),
        ),
      );
      await until('they have read something', () =>
        readers.slice(0, 16).every((reader) => reader.received() > 1_000_000),
      );
      for (let i = 0; i < 50; i++) await server.query('SHOW TABLES'); // writes and commands have places of their own
      expect((await memory()) - before).toBeLessThan(400);
      readers.forEach((reader) => {
        reader.destroy();
      });
      await until('all have ended', async () => (await server.text('SELECT count() FROM system.processes')) === '1');
      expect(await server.text('SELECT 1')).toBe('1');
    },
  );

  test('are cut off after http_send_timeout if the client does not read, and free the slot', async () => {
    const reader = await open('SELECT * FROM system.numbers', '/?http_send_timeout=0.5');
    await until('it has read something', () => reader.received() > 1_000_000);
    await until('its query has ended', async () => (await server.text('SELECT count() FROM system.processes')) === '1');
    for (const wrong of ['0', '-1', '601', 'soon'])
      expect((await server.query('SELECT 1', { http_send_timeout: wrong })).status).toBe(400);
  });
});
