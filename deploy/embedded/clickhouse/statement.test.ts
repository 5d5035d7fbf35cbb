import { describe, expect, test, vi } from 'vitest';
import { tokensOf } from './sql-tokens.js';
import { insertWithData, parseStatement } from './statement.js';

const parse = (sql: string) => parseStatement(Buffer.from(sql));
const insert = (sql: string) => insertWithData(Buffer.from(sql));

describe('parsing a statement as ClickHouse does', () => {
  test.each([
    ['SELECT 1', { text: 'SELECT 1', format: undefined, rest: '' }],
    ['SELECT 1 FORMAT JSON;', { text: 'SELECT 1 ', format: 'JSON', rest: '' }],
    [
      'SELECT 1 FORMAT CSV SETTINGS max_threads = 1',
      { text: 'SELECT 1 ', format: 'CSV', rest: ' SETTINGS max_threads = 1' },
    ],
    ["SELECT ' FORMAT JSON' -- FORMAT CSV", { text: "SELECT ' FORMAT JSON'", format: undefined, rest: '' }],
    ['SELECT format FROM t', { text: 'SELECT format FROM t', format: undefined, rest: '' }],
    ['SELECT * FROM (SELECT 1 FORMAT x)', { text: 'SELECT * FROM (SELECT 1 FORMAT x)', format: undefined, rest: '' }],
    ["SELECT 'ä' /* /* */ ; */ FORMAT TSV", { text: "SELECT 'ä' /* /* */ ; */ ", format: 'TSV', rest: '' }],
    ['WITH 1 AS x SELECT x', { text: 'WITH 1 AS x SELECT x', format: undefined, rest: '' }],
  ])('%s is a select', (sql, expected) => {
    expect(parse(sql)).toEqual({ kind: 'select', ...expected });
  });

  test.each([
    ['SHOW TABLES', true],
    ['DESC TABLE t FORMAT Native', true],
    ['CREATE TABLE t (a Int8) ENGINE = Memory', false],
    ['INSERT INTO t SELECT 1', false],
    ['WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x', false],
  ])('%s is a command', (sql, isReadOnly) => {
    expect(parse(sql)).toMatchObject({ kind: 'command', isReadOnly });
  });

  test.each([
    ['INSERT INTO t FORMAT JSONEachRow\n{"a":1}', 'INSERT INTO t', '', 'JSONEachRow', '{"a":1}'],
    ['INSERT INTO t (a, b) SETTINGS x=1 FORMAT TSV 1\t2', 'INSERT INTO t (a, b)', 'SETTINGS x=1', 'TSV', '1\t2'],
    ["INSERT INTO t VALUES ('FORMAT x'), (2)", 'INSERT INTO t', '', 'Values', " ('FORMAT x'), (2)"],
    ['insert into t format CSV;\n1', 'insert into t', '', 'CSV', '1'],
    ['WITH 5 AS x, (SELECT 1) AS y INSERT INTO t FORMAT CSV\n1', 'INSERT INTO t', '', 'CSV', '1'],
    ['WITH {SELECT:Int32} AS x INSERT INTO t FORMAT CSV\na;\n', 'INSERT INTO t', '', 'CSV', 'a;\n'],
    ['/* a */ INSERT INTO `format`.`t` FORMAT CSV\n\n1', '/* a */ INSERT INTO `format`.`t`', '', 'CSV', '\n1'],
  ])('%j has data', (sql, text, rest, format, data) => {
    const statement = insert(sql);
    expect(statement).toMatchObject({ kind: 'insert', text, rest, format });
    expect(Buffer.from(sql).subarray(statement?.dataAt).toString()).toBe(data);
  });

  test.each([
    'INSERT INTO t SELECT 1',
    'WITH 1 AS x SELECT x FORMAT CSV\n',
    'WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x',
    'WITH 1 AS insert SELECT insert',
    'SELECT 1 FORMAT TSV\n',
    'INSERT INTO t FORM',
    'INSERT INTO t FORMAT JSONEa',
  ])('%s is not (yet) an insert with data', (sql) => {
    expect(insert(sql)).toBeUndefined();
  });

  test.each([
    "SELECT 1 INTO OUTFILE '/tmp/x'",
    "SHOW TABLES INTO/**/OUTFILE '/tmp/x'",
    "SELECT 1 into -- x\n outfile '/tmp/x' FORMAT TSV",
    "SHOW TABLES LIKE $$'$$ INTO OUTFILE '/tmp/x'",
    "SHOW TABLES /* /* */ ' */ INTO OUTFILE '/tmp/x'",
    "INSERT INTO t SELECT 1 INTO OUTFILE 'x'",
  ])('%s is refused: it names a file', (sql) => {
    expect(() => parse(sql)).toThrow(/not allowed over HTTP/);
  });

  test('INSERT ... FROM INFILE is refused', () => {
    expect(() => insert("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT LineAsString")).toThrow(
      /not allowed over HTTP/,
    );
  });

  test.each(['SELECT 1; SELECT 2', 'SELECT 1;;DROP TABLE t'])('%s: one statement per request', (sql) => {
    expect(() => parse(sql)).toThrow(/Multi-statements/);
  });
});

test('names of parameters cost work by the length of a statement, however many there are', () => {
  const sql = `SELECT ${Array.from({ length: 20_000 }, (_, i) => `{$${i.toString(36)}:A}`).join(', ')}`;
  let scanned = 0;
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { indexOf, includes } = String.prototype;
  const found = vi.spyOn(String.prototype, 'indexOf').mockImplementation(function (this: string, what, from = 0) {
    const at = indexOf.call(this, what, from);
    scanned += (at < 0 ? this.length : at) - from;
    return at;
  });
  const had = vi.spyOn(String.prototype, 'includes').mockImplementation(function (this: string, what, from = 0) {
    scanned += this.length - from;
    return includes.call(this, what, from);
  });
  try {
    expect([...tokensOf(sql)].length).toBe(1 + 20_000 * 5 + 19_999);
  } finally {
    found.mockRestore();
    had.mockRestore();
  }
  expect(scanned).toBeLessThan(10 * sql.length);
});
