import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

/**
 * The examples of ClickHouse's documentation of its HTTP interface (docs, Interfaces, HTTP), as they stand
 * there but for address and user, run in a shell.
 */
const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe.skipIf(!hasCurl)(`curl, as ClickHouse documents it ${hasCurl ? '' : '(NOT RUN: no curl)'}`, () => {
  let server: TestServer;
  let writer: URL;
  beforeAll(async () => {
    server = await startTestServer();
    writer = new URL(server.clickhouse.url);
  });
  afterAll(() => server.remove());

  /** Standard output of a shell line in which `$URL` is the server, asked as its reader, `$WRITER` the same with the writer's password. */
  const shell = (line: string): string => {
    const env = {
      ...process.env,
      NETRC: server.clickhouse.readerFile,
      URL: server.clickhouse.address,
      WRITER: writer.href.replace(/\/$/, ''),
      PASSWORD: writer.password,
    };
    return spawnSync('sh', ['-c', `curl() { command curl --netrc-file "$NETRC" "$@"; }; ${line}`], {
      env,
      encoding: 'utf8',
      timeout: 30_000,
    }).stdout;
  };

  test.each([
    ['curl -sS "$URL/"', 'Ok.\n'],
    ['curl -sS "$URL/ping"', 'Ok.\n'],
    ['curl -sS "$URL/replicas_status"', 'Ok.\n'],
    ['curl -sS "$URL/?query=SELECT%201"', '1\n'],
    ['echo \'SELECT 1\' | curl -sS "$URL/" --data-binary @-', '1\n'],
    ['echo \'SELECT 1\' | curl -sS "$URL/?query=" --data-binary @-', '1\n'],
    ['echo \'1\' | curl -sS "$URL/?query=SELECT" --data-binary @-', '1\n'],
    ['echo \'SELECT 1 FORMAT Pretty\' | curl -sS "$URL/?" --data-binary @- | wc -l', /^\s*[345]\n$/],
    ['curl -sS -H \'X-ClickHouse-Format: JSONEachRow\' "$URL/?query=SELECT%201%20AS%20a"', '{"a":1}\n'],
    ['curl -sS "$URL/?default_format=JSONEachRow" -d \'SELECT 1 AS a\'', '{"a":1}\n'],
    // Compression, both ways.
    ["echo 'SELECT 1' | gzip -c | curl -sS --data-binary @- -H 'Content-Encoding: gzip' \"$URL/\"", '1\n'],
    [
      "curl -sS \"$URL/?enable_http_compression=1\" -H 'Accept-Encoding: gzip' -d 'SELECT number FROM system.numbers LIMIT 3' | zcat",
      '0\n1\n2\n',
    ],
    [
      'curl -sS --compressed "$URL/?http_zlib_compression_level=3&enable_http_compression=1" -d \'SELECT number FROM system.numbers LIMIT 3\'',
      '0\n1\n2\n',
    ],
    // Parameters.
    ['curl -sS "$URL/?param_id=2&param_phrase=test" -d \'SELECT {id:UInt8} + 1, {phrase:String}\'', '3\ttest\n'],
    ['curl -sS "$URL/?param_arg1=abc%5C%09123" -d "SELECT splitByChar(\'\\t\', {arg1:String})"', "['abc','123']\n"],
    // Headers.
    [
      "curl -sS -o /dev/null -D - \"$URL/?query=SELECT%201&query_id=mine\" | tr -d '\\r' | grep -i '^X-ClickHouse-Query-Id'",
      /: mine\n$/,
    ],
    ['curl -sS -o /dev/null -w \'%{http_code}\' "$URL/?query=SELEC%201"', '400'],
    ['curl -sS -I "$URL/" | head -1', /200/],
  ])('%s', (line, expected) => {
    const stdout = shell(line);
    if (typeof expected === 'string') expect(stdout).toBe(expected);
    else expect(stdout).toMatch(expected);
  });

  test('credentials: basic, headers, URL', () => {
    for (const line of [
      'echo \'SELECT 1\' | curl -sS "$WRITER/" -d @-',
      'echo \'SELECT 1\' | curl -sS "$URL/?user=writer&password=$PASSWORD" -d @-',
      'echo \'SELECT 1\' | curl -sS -H \'X-ClickHouse-User: writer\' -H "X-ClickHouse-Key: $PASSWORD" "$URL/" -d @-',
    ]) {
      expect(shell(line)).toBe('1\n');
    }
    expect(
      shell(
        "echo 'SELECT 1' | command curl -sS -H 'X-ClickHouse-User: writer' -H 'X-ClickHouse-Key: wrong' \"$URL/\" -d @-",
      ),
    ).toMatch(/^Code: 516\./);
  });

  test('creates a table, fills it in three ways, reads and drops it', () => {
    const steps = [
      'echo \'CREATE TABLE t (a UInt8) ENGINE = Memory\' | curl -sS "$WRITER/" --data-binary @-',
      'echo \'INSERT INTO t VALUES (1),(2),(3)\' | curl -sS "$WRITER/" --data-binary @-',
      'echo \'(4),(5),(6)\' | curl -sS "$WRITER/?query=INSERT%20INTO%20t%20VALUES" --data-binary @-',
      'echo \'(7),(8),(9)\' | curl -sS "$WRITER/?query=INSERT%20INTO%20t%20FORMAT%20Values" --data-binary @-',
      'printf \'10\\n11\\n12\\n\' | curl -sS "$WRITER/?query=INSERT%20INTO%20t%20FORMAT%20TabSeparated" --data-binary @-',
    ];
    expect(steps.map(shell)).toEqual(steps.map(() => ''));
    const rows = shell('curl -sS "$WRITER/?query=SELECT%20a%20FROM%20t%20ORDER%20BY%20a"');
    expect(rows.trim().split('\n').map(Number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(shell('curl -sS "$WRITER/?query=DROP%20TABLE%20t"')).toMatch(/^Code: 164\..*READONLY/s);
    expect(shell('echo \'DROP TABLE t\' | curl -sS "$WRITER/" --data-binary @-')).toBe('');
  });

  test('waits for the whole response: exceeding its limit is an error with a status, not a truncated response', () => {
    const line =
      "curl -sS -w '%{http_code}' \"$WRITER/?max_result_bytes=4000000&buffer_size=3000000&wait_end_of_query=1\" -d 'SELECT toUInt8(number) FROM system.numbers LIMIT 9000000 FORMAT RowBinary'";
    expect(shell(line)).toMatch(/^Code: 396\..*500$/s);
  });

  test('refuses unsupported features by name', () => {
    expect(
      shell(
        "printf '1\\n' | curl -sS -F 'numbers=@-;' \"$URL/?query=SELECT+1&numbers_format=TSV&numbers_types=Int32\"",
      ),
    ).toMatch(/External tables.*NOT_IMPLEMENTED/s);
  });
});
