import { describe, expect, inject, it } from 'vitest';
import { createClickHouse, selectRows } from '#schemas/clickhouse/client.js';
import { expandMacros, quote, type VariableValue } from './macros.js';

const range = { from: Date.parse('2014-11-12T11:45:26.371Z'), to: Date.parse('2015-11-12T11:45:26.371Z') };

function expand(sql: string, variables: Record<string, VariableValue> = {}, intervalMs = 20_000): string {
  return expandMacros(sql, { range, intervalMs, variables: new Map(Object.entries(variables)) });
}

describe('time macros', () => {
  // Expectations from the data source's own pkg/macros/macros_test.go.
  it.each([
    ['$__fromTime', 'toDateTime(1415792726)'],
    ['$__toTime', 'toDateTime(1447328726)'],
    ['$__fromTime_ms', 'fromUnixTimestamp64Milli(1415792726371)'],
    ['$__toTime_ms', 'fromUnixTimestamp64Milli(1447328726371)'],
    ['$__timeFilter(col)', 'col >= toDateTime(1415792726) AND col <= toDateTime(1447328726)'],
    [
      '$__timeFilter_ms(col)',
      'col >= fromUnixTimestamp64Milli(1415792726371) AND col <= fromUnixTimestamp64Milli(1447328726371)',
    ],
    ['$__dateFilter(dateCol)', "dateCol >= toDate('2014-11-12') AND dateCol <= toDate('2015-11-12')"],
    [
      '$__dateTimeFilter(dateCol, timeCol)',
      "(dateCol >= toDate('2014-11-12') AND dateCol <= toDate('2015-11-12')) AND (timeCol >= toDateTime(1415792726) AND timeCol <= toDateTime(1447328726))",
    ],
    [
      '$__dt(d, t)',
      "(d >= toDate('2014-11-12') AND d <= toDate('2015-11-12')) AND (t >= toDateTime(1415792726) AND t <= toDateTime(1447328726))",
    ],
    ['$__timeInterval(col)', 'toStartOfInterval(toDateTime(col), INTERVAL 20 second)'],
    ['$__timeInterval_ms(col)', 'toStartOfInterval(toDateTime64(col, 3), INTERVAL 20000 millisecond)'],
    ['$__interval_s', '20'],
    // Grafana's built-in macros.
    ['$__interval', '20s'],
    ['$__interval_ms', '20000'],
    ['$__range_s', '31536000'],
    ['$__from', '1415792726371'],
    ['$__to', '1447328726371'],
  ])('expands %s as the datasource does', (sql, expected) => {
    expect(expand(`SELECT ${sql} AS x`)).toBe(`SELECT ${expected} AS x`);
  });

  it('reads brackets and commas inside an argument as part of it', () => {
    expect(expand('$__timeFilter(greatest(a, f(b))) OR 1')).toBe(
      'greatest(a, f(b)) >= toDateTime(1415792726) AND greatest(a, f(b)) <= toDateTime(1447328726) OR 1',
    );
  });

  it('never goes below a second', () => {
    expect(expand('$__timeInterval(t) $__interval_s', {}, 20)).toBe(
      'toStartOfInterval(toDateTime(t), INTERVAL 1 second) 1',
    );
  });

  it.each([
    '$__nope',
    '$__timeFilter()',
    '$__timeFilter(a, b)',
    '$__dateTimeFilter(a)',
    '$__timeFilter(a',
    '$__conditionalAll(a)',
  ])('refuses %s', (sql) => {
    expect(() => expand(sql)).toThrow();
  });
});

describe('variables', () => {
  const filter = '$__conditionalAll(repo IN (${repo:singlequote}), $repo)';

  it('keep their condition when something is chosen, and drop it for all', () => {
    expect(expand(`WHERE ${filter} AND ${filter}`, { repo: ['a/b', 'c'] })).toBe(
      "WHERE repo IN ('a/b','c') AND repo IN ('a/b','c')",
    );
    expect(expand(`WHERE ${filter}`, { repo: 'all' })).toBe('WHERE 1=1');
    expect(expand(`WHERE ${filter}`, { repo: [] })).toBe('WHERE 1=1');
    expect(expand('WHERE $__conditionalAll(r = ${repo:singlequote}, ${repo})', { repo: ['a'] })).toBe("WHERE r = 'a'");
  });

  it('cannot inject a macro, a variable or the end of a string', () => {
    const hostile = ["x') OR 1=1 --", 'a\\', '${org:singlequote}', '$__timeFilter(t)', "$&$'$`", '\0'];
    expect(expand(`${filter} AND org = \${org:singlequote}`, { repo: hostile, org: ['o'] })).toBe(
      String.raw`repo IN ('x\') OR 1=1 --','a\\','${'$'}{org:singlequote}','$__timeFilter(t)','$&$\'$${'`'}','\0') AND org = 'o'`,
    );
  });

  it.each(['$repo', '${repo}', '${repo:raw}', '${other:singlequote}'])('are refused unquoted or unknown: %s', (sql) => {
    expect(() => expand(`SELECT ${sql}`, { repo: ['a'] })).toThrow();
  });

  it('whose values stand in the board may stand unquoted', () => {
    const context = { range, intervalMs: 1, variables: new Map([['top', ['5']]]), plain: new Set(['top']) };
    expect(expandMacros('LIMIT $top, ${top}, ${top:raw}, ${top:sqlstring}', context)).toBe("LIMIT 5, 5, 5, '5'");
  });

  it('of any characters round-trip through the store', async () => {
    const values = ["'", '\\', "\\'", 'a\0b', '"`$', '\u202e\ud83d\ude00', "'; DROP TABLE x; --", '\n\t\r\\n', '%_'];
    const client = createClickHouse({ url: inject('clickhouseUrl'), database: 'default' });
    try {
      expect(
        await selectRows(
          client,
          `SELECT ${values.map((value, index) => `${quote(value)} AS v${String(index)}`).join(', ')}`,
        ),
      ).toEqual([Object.fromEntries(values.map((value, index) => [`v${String(index)}`, value]))]);
    } finally {
      await client.close();
    }
  });
});
