import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, type Transform } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { acceptedEncoding, CONTENT_ENCODINGS, decompressBody } from './compression/content-encoding.js';
import { createNativeCompress, decompressNative } from './compression/native-blocks.js';
import { readerHeaders, startTestServer, writerHeaders, type TestServer } from '../../testing/clickhouse-server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.text(
    "CREATE TABLE item (id UInt64, name String, at DateTime('UTC'), tags Array(String), score Nullable(Float64)) ENGINE = MergeTree ORDER BY id",
  );
});
afterAll(() => server.remove());

const ROWS = `SELECT number AS id, concat('n''', toString(number)) AS name, toDateTime('2026-01-02 03:04:05', 'UTC') AS at, ['a', 'b"'] AS tags, if(number % 2 = 0, NULL, number / 2) AS score FROM numbers(2000)`;
const digest = (table: string) =>
  server.text(
    `SELECT count(), sum(cityHash64(id, name, toUnixTimestamp(at), toString(tags), toString(score))) FROM ${table}`,
  );

test.each([
  'Native',
  'RowBinary',
  'RowBinaryWithNames',
  'RowBinaryWithNamesAndTypes',
  'Parquet',
  'Arrow',
  'ArrowStream',
  'ORC',
  'Avro',
  'MsgPack',
  'BSONEachRow',
  'JSON',
  'JSONEachRow',
  'JSONCompactEachRow',
  'JSONCompact',
  'JSONColumns',
  'JSONObjectEachRow',
  'JSONStringsEachRow',
  'CSV',
  'CSVWithNames',
  'TSV',
  'TSVWithNamesAndTypes',
  'TSKV',
  'Values',
  'CustomSeparated',
])('%s round-trips every byte', async (format) => {
  await server.text('TRUNCATE TABLE item');
  const answer = await server.query(`${ROWS} FORMAT ${format}`);
  expect([answer.status, answer.headers.get('x-clickhouse-format')]).toEqual([200, format]);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const insert = await server.query(bytes, { query: `INSERT INTO item FORMAT ${format}` });
  expect([insert.status, await insert.text()]).toEqual([200, '']);
  expect(await digest('item')).toBe(await digest(`(${ROWS})`));
});

describe('responses compressed as requested', () => {
  const ask = async (
    sql: string,
    encoding: string,
    parameters: Record<string, string> = {},
  ): Promise<[IncomingMessage, Buffer]> => {
    const query = new URLSearchParams({ enable_http_compression: '1', ...parameters }).toString();
    const call = request(`${server.clickhouse.address}/?${query}`, {
      method: 'POST',
      headers: { 'Accept-Encoding': encoding, ...writerHeaders(server.clickhouse) },
    });
    call.end(sql);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    return [response, await buffer(response)];
  };

  const decoded = (bytes: Buffer, encoding: string): Promise<string> =>
    text(Readable.from(decompressBody(Readable.from([bytes], { objectMode: false }), encoding) ?? []));
  const fromBlocks = (bytes: Buffer): Promise<string> =>
    text(Readable.from(decompressNative(Readable.from([bytes], { objectMode: false }))));

  test.each(CONTENT_ENCODINGS)('%s', async (encoding) => {
    for (const rows of [3, 500_000]) {
      const [response, bytes] = await ask(`SELECT number FROM numbers(${rows})`, encoding);
      expect(response.headers['content-encoding']).toBe(encoding);
      expect((await decoded(bytes, encoding)).split('\n').length).toBe(rows + 1);
    }
  });

  test('compresses errors too, before the first byte and in mid-stream', async () => {
    for (const encoding of CONTENT_ENCODINGS) {
      const [refused, bytes] = await ask('SELECT * FROM nosuch', encoding);
      expect([refused.statusCode, refused.headers['content-encoding']]).toEqual([404, encoding]);
      expect(await decoded(bytes, encoding)).toMatch(/^Code: 60\./);
    }
    const [blocks, bytes] = await ask('SELECT * FROM nosuch', 'identity', { compress: '1' });
    expect([blocks.statusCode, await fromBlocks(bytes)]).toEqual([404, expect.stringMatching(/^Code: 60\./)]);
    await expect(ask('SELECT number, throwIf(number = 3000000) FROM numbers(5000000)', 'lz4')).rejects.toThrow();
  });

  test("uses ClickHouse's own blocks with compress=1, inside a content encoding too", async () => {
    for (const rows of [0, 3, 500_000]) {
      const [, bytes] = await ask(`SELECT number FROM numbers(${rows})`, 'identity', { compress: '1' });
      expect((await fromBlocks(bytes)).split('\n').length).toBe(rows + 1);
    }
    const [response, bytes] = await ask('SELECT 7', 'gzip', { compress: '1' });
    expect(response.headers['content-encoding']).toBe('gzip');
    expect(
      await fromBlocks(
        await buffer(Readable.from(decompressBody(Readable.from([bytes], { objectMode: false }), 'gzip') ?? [])),
      ),
    ).toBe('7\n');
  });

  test('chooses by preference among several encodings, and none if all are unknown', async () => {
    expect((await ask('SELECT 1', 'br, gzip;q=0.5'))[0].headers['content-encoding']).toBe('gzip');
    const [plain, bytes] = await ask('SELECT 1', 'snappy, xz');
    expect([plain.headers['content-encoding'], bytes.toString()]).toEqual([undefined, '1\n']);
    expect(
      (await ask('SELECT 1', 'gzip', { enable_http_compression: '0' }))[0].headers['content-encoding'],
    ).toBeUndefined();
  });
});

test.each(['xz', 'bz2'])(
  'passes a body in %s to the engine unchanged if the statement is in the URL',
  async (encoding) => {
    await server.text('TRUNCATE TABLE item');
    const broken = await server.query(
      Buffer.from('not compressed'),
      { query: 'INSERT INTO item (id) FORMAT TSV' },
      { headers: { 'Content-Encoding': encoding } },
    );
    expect(broken.status).toBeGreaterThanOrEqual(400);
    const inBody = await server.query('SELECT 1', {}, { headers: { 'Content-Encoding': encoding } });
    expect([inBody.status, await inBody.text()]).toEqual([501, expect.stringContaining(encoding)]);
  },
);

describe('compressed request bodies', () => {
  const rows = Array.from({ length: 60_000 }, (_, i) => `${i}\n`).join('');
  const compressed = (encoder: Transform, body: string): Promise<Buffer> =>
    buffer(Readable.from([body], { objectMode: false }).pipe(encoder));

  test.each<[string, Record<string, string>, Record<string, string>, () => Transform]>([
    ...CONTENT_ENCODINGS.map((name): [string, Record<string, string>, Record<string, string>, () => Transform] => [
      name,
      {},
      { 'Content-Encoding': name },
      () => acceptedEncoding(name)?.compress() as Transform,
    ]),
    ['decompress=1', { decompress: '1' }, {}, createNativeCompress],
  ])('%s: a statement, data behind the URL, and both in one', async (_name, parameters, headers, encoder) => {
    expect(await (await server.query(await compressed(encoder(), 'SELECT 7'), parameters, { headers })).text()).toBe(
      '7\n',
    );
    for (const [query, body] of [
      ['INSERT INTO item (id) FORMAT TSV', rows],
      ['', `INSERT INTO item (id) FORMAT TSV\n${rows}`],
    ] as const) {
      await server.text('TRUNCATE TABLE item');
      const insert = await server.query(await compressed(encoder(), body), { ...parameters, query }, { headers });
      expect([insert.status, await insert.text()]).toEqual([200, '']);
      expect(await server.text('SELECT count(), sum(id) FROM item')).toBe(`60000\t${(60_000 * 59_999) / 2}`);
    }
    // A body with another compression is an error, and stores nothing.
    await server.text('TRUNCATE TABLE item');
    const broken = await server.query(
      '1\n2\n',
      { ...parameters, query: 'INSERT INTO item (id) FORMAT TSV' },
      { headers },
    );
    expect(broken.status).toBeGreaterThanOrEqual(400);
    expect(broken.status).toBeLessThan(600);
    expect(await server.text('SELECT count() FROM item')).toBe('0');
  });

  test('are judged like plain ones, with any compression', async () => {
    for (const name of CONTENT_ENCODINGS) {
      const body = await compressed(acceptedEncoding(name)?.compress() as Transform, "SELECT file('/etc/passwd')");
      const answer = await server.query(
        body,
        {},
        { headers: { ...readerHeaders(server.clickhouse), 'Content-Encoding': name } },
      );
      expect(answer.headers.get('x-clickhouse-exception-code')).toBe('497');
    }
    const answer = await server.query(
      await compressed(createNativeCompress(), "SELECT file('/etc/passwd')"),
      { decompress: '1' },
      { headers: readerHeaders(server.clickhouse) },
    );
    expect(answer.headers.get('x-clickhouse-exception-code')).toBe('497');
  });

  test('a statement that decompresses beyond 8 MiB is refused, even if it is small when compressed', async () => {
    const bomb = await compressed(
      acceptedEncoding('zstd')?.compress() as Transform,
      `SELECT 1${' '.repeat(64 * 2 ** 20)}`,
    );
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await server.query(bomb, {}, { headers: { 'Content-Encoding': 'zstd' } });
    expect([answer.headers.get('x-clickhouse-exception-code'), answer.status]).toEqual(['229', expect.any(Number)]);
  });
});

test('reads zstd data', async () => {
  // `printf '1\n2\n' | zstd`
  const frame = Buffer.from('28b52ffd2004210000310a320a', 'hex');
  await server.text('TRUNCATE TABLE item');
  const response = await server.query(
    frame,
    { query: 'INSERT INTO item (id) FORMAT TSV' },
    { headers: { 'Content-Encoding': 'zstd' } },
  );
  expect([response.status, await response.text()]).toEqual([200, '']);
  expect(await server.text('SELECT sum(id) FROM item')).toBe('3');
});

describe('wait_end_of_query', () => {
  const late = 'SELECT number, throwIf(number = 900000) FROM numbers(1000000)';

  test('returns an error after megabytes with its status and without rows', async () => {
    const response = await server.query(late, { wait_end_of_query: '1' });
    expect([response.status, response.headers.get('x-clickhouse-exception-code')]).toEqual([500, '395']);
    expect(await response.text()).toMatch(/^Code: 395/);
    const streamed = await server.query(late);
    expect(streamed.status).toBe(200);
    await expect(streamed.text()).rejects.toThrow();
  });

  test('returns a long response in full, with its summary, and leaves no file', async () => {
    const response = await server.query('SELECT number FROM numbers(1000000)', { wait_end_of_query: '1' });
    expect(JSON.parse(response.headers.get('x-clickhouse-summary') ?? '{}')).toMatchObject({ read_rows: '1000000' });
    expect((await response.text()).length).toBe(Number(response.headers.get('content-length')));
    // The file goes when the answer has ended, which the client may notice first.
    await expect
      .poll(async () =>
        (await readdir(join(server.dataDir, 'spool'))).filter((name) => name.length > 'answer-31'.length),
      )
      .toEqual([]);
  });
});
