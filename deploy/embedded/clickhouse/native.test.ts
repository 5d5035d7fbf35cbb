import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layoutOf, UnsupportedTypeError } from './native-layout.js';
import { NativeRewriter } from './native.js';
import { startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

const REVISION = 54_460;

/** Expressions over `number`, one for every type that our queries or Grafana's can return. */
const EXPRESSIONS: readonly string[] = [
  ...[
    'Int8',
    'Int16',
    'Int32',
    'Int64',
    'Int128',
    'Int256',
    'UInt8',
    'UInt16',
    'UInt32',
    'UInt64',
    'UInt128',
    'UInt256',
    'Float32',
    'Float64',
    'BFloat16',
  ].map((type) => `CAST(number % 7 AS ${type})`),
  "if(number % 3 = 0, '', repeat('ä', number % 300))",
  'CAST(toString(number % 7) AS FixedString(5))',
  'number % 2 = 0 :: Bool',
  '(number % 2)::Bool',
  'toDate(number)',
  'toDate32(number)',
  'toDateTime(number)',
  "toDateTime(number, 'Europe/Berlin')",
  "toDateTime64(number, 9, 'UTC')",
  "CAST(number % 2 + 1 AS Enum8('a' = 1, 'b, (' = 2))",
  "CAST(number % 2 + 1 AS Enum16('it\\'s' = 1, 'b' = 2))",
  'toDecimal32(number, 2)',
  'toDecimal64(number, 4)',
  'toDecimal128(number, 6)',
  'toDecimal256(number, 8)',
  'generateUUIDv4()',
  "toIPv4('1.2.3.4')",
  "toIPv6('::1')",
  'toIntervalHour(number)',
  'if(number % 2 = 0, NULL, number)',
  'if(number % 2 = 0, NULL, toString(number))',
  'NULL',
  'toLowCardinality(toString(number % 5))',
  'toLowCardinality(toString(number))',
  "CAST(if(number % 2 = 0, NULL, 'x') AS LowCardinality(Nullable(String)))",
  'CAST(toString(number % 3) AS LowCardinality(FixedString(3)))',
  'toLowCardinality(toDate(number % 9))',
  'range(number % 5)',
  '[]::Array(LowCardinality(String))',
  'arrayMap(x -> toLowCardinality(toString(x)), range(number % 4))',
  '[[number], [], [1, 2]]',
  "map('a', number, toString(number), 2)",
  "CAST(map('k', 'v', toString(number), 'w') AS Map(LowCardinality(String), String))",
  'CAST(map() AS Map(LowCardinality(String), LowCardinality(String)))',
  "(number, 'x', [number])",
  "CAST((number, 'x') AS Tuple(a UInt64, `b c` LowCardinality(String)))",
  'tuple()',
  "CAST([(number, 'x')] AS Nested(a UInt64, b LowCardinality(String)))",
  'CAST([] AS Array(Tuple(a UInt64, b Array(Nullable(String)))))',
  "[CAST(map('k', number) AS Map(LowCardinality(String), UInt64))]",
  '(1.5, 2.5)::Point',
  '[(1., 2.)]::Ring',
  '[[(1., 2.)]]::Polygon',
  'CAST(number AS SimpleAggregateFunction(sum, UInt64))',
  `'{"a":1}'::JSON`,
  `['{"a":1}'::JSON, '{}'::JSON]`,
];

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.remove());

async function native(sql: string, parameters: Record<string, string> = {}): Promise<Buffer> {
  const response = await server.query(`${sql} FORMAT Native`, parameters);
  const body = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Error(body.toString());
  return body;
}

describe('the Native format for a client protocol version', () => {
  // Columns before and after prove the length: a wrong one would read the next header out of the middle.
  test.each(EXPRESSIONS)('frames %s, in chunks of any size', async (expression) => {
    const sql = `SELECT number AS before, ${expression} AS x, toString(number) AS after FROM numbers(700) SETTINGS max_block_size = 300`;
    const plain = expression.includes('generateUUID') ? await native(`${sql}, max_threads = 1`) : await native(sql);
    const whole = new NativeRewriter(REVISION);
    const rewritten = Buffer.concat(await whole.push(plain));
    expect(whole.isAtBlockEnd).toBe(true);

    const blocks = rewritten.length - plain.length;
    expect(blocks % 11).toBe(0); // 8 bytes of BlockInfo and 1 for each of the 3 columns
    expect(blocks / 11).toBeGreaterThanOrEqual(3);

    const bytewise = new NativeRewriter(REVISION);
    const parts: Buffer[] = [];
    for (const byte of plain) parts.push(...(await bytewise.push(Buffer.from([byte]))));
    expect(Buffer.concat(parts).equals(rewritten)).toBe(true);
    if (expression.includes('generateUUID')) return;
    const described = (await server.text(`DESCRIBE TABLE (${sql}) FORMAT TSVRaw`))
      .split('\n')
      .map((line) => line.split('\t')[1] ?? '');
    const zoned = Buffer.concat(await new NativeRewriter(REVISION, () => Promise.resolve(described)).push(plain));
    expect((await native(sql, { client_protocol_version: String(REVISION) })).equals(zoned)).toBe(true);
  });

  test('sends the bytes of a small block as a server of this revision does', async () => {
    const answer = await native("SELECT 7::UInt8 AS a, 'x' AS s", { client_protocol_version: String(REVISION) });
    expect(answer.toString('latin1')).toBe(
      '\x01\x00\x02\xff\xff\xff\xff\x00' + '\x02\x01' + '\x01a\x05UInt8\x00' + '\x07' + '\x01s\x06String\x00' + '\x01x',
    );
  });

  describe('time zones of DateTime columns', () => {
    const typesOf = async (
      sql: string,
      parameters: Record<string, string> = {},
      revision = REVISION,
    ): Promise<string[]> => {
      const answer = await native(sql, { client_protocol_version: String(revision), ...parameters });
      return [...answer.toString('latin1').matchAll(/Array\(DateTime\([^)]*\)\)|DateTime(?:64)?(?:\([^)]*\))?/g)].map(
        ([type]) => type,
      );
    };
    const SQL =
      "SELECT toDateTime(0, 'UTC') AS a, number, toDateTime(0) AS b, toDateTime(0, 'Asia/Tokyo') AS `c d`, [toDateTime(0, 'Asia/Tokyo')] AS e, toDateTime64(0, 3, 'UTC') AS f FROM numbers(2)";
    const TYPES = [
      "DateTime('UTC')",
      'DateTime',
      "DateTime('Asia/Tokyo')",
      "Array(DateTime('Asia/Tokyo'))",
      "DateTime64(3, 'UTC')",
    ];

    test.each([
      {},
      { session_id: 'zones' },
      { limit: '1' },
      { max_result_rows: '2' },
      { session_timezone: 'Asia/Tokyo' },
    ] as Record<string, string>[])('are sent as a server does, with %j', async (parameters) => {
      expect(await typesOf(SQL, parameters)).toEqual(TYPES);
    });

    test('are sent in every block, also with WITH, UNION, parameters and settings', async () => {
      expect(
        await typesOf("SELECT toDateTime(number, 'UTC') AS t FROM numbers(4) SETTINGS max_block_size = 1", {}),
      ).toEqual(Array(4).fill("DateTime('UTC')"));
      expect(
        await typesOf(
          "WITH 1 AS x SELECT toDateTime(x, {z:String}) AS t UNION ALL SELECT toDateTime(3, 'UTC') -- end\n",
          { param_z: 'UTC' },
        ),
      ).toEqual(["DateTime('UTC')", "DateTime('UTC')"]);
      expect(await typesOf("SELECT toDateTime(number, 'UTC') AS t FROM numbers(0)")).toEqual(
        (await native("SELECT toDateTime(number, 'UTC') AS t FROM numbers(0)")).length === 0 ? [] : ["DateTime('UTC')"],
      );
    });

    test('are sent for a temporary table of the session', async () => {
      await server.text("CREATE TEMPORARY TABLE of_session (t DateTime('Asia/Tokyo'))", { session_id: 'zones' });
      await server.text('INSERT INTO of_session VALUES (1)', { session_id: 'zones' });
      expect(await typesOf('SELECT t FROM of_session', { session_id: 'zones' })).toEqual(["DateTime('Asia/Tokyo')"]);
    });

    test('are not sent to a revision without time zones', async () => {
      expect(await typesOf(SQL, {}, 54_336)).toEqual(['DateTime', ...TYPES.slice(1, 2), 'DateTime', ...TYPES.slice(3)]);
    });
  });

  test('sends an older revision the block info without the serialization byte', async () => {
    const answer = await native('SELECT 7::UInt8 AS a', { client_protocol_version: '54400' });
    expect(answer.toString('latin1')).toBe('\x01\x00\x02\xff\xff\xff\xff\x00\x01\x01\x01a\x05UInt8\x07');
  });

  test('refuses a type without a layout before it sends a byte', async () => {
    const response = await server.query(
      'SELECT number, sumState(number) FROM numbers(10) GROUP BY number FORMAT Native',
      {
        client_protocol_version: String(REVISION),
      },
    );
    expect(response.status).toBe(501);
    expect(await response.text()).toMatch(/AggregateFunction.*cannot be sent in Native/s);
    expect(() => layoutOf('Variant(String, UInt8)')).toThrow(UnsupportedTypeError);
  });

  test('passes millions of rows', async () => {
    const response = await server.query('SELECT number, toString(number) AS s FROM numbers(1000000) FORMAT Native', {
      client_protocol_version: String(REVISION),
    });
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(8_000_000 + 6_888_890);
  });
});
