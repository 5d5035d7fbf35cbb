import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BoardPanel } from '#schemas/board.js';
import type { PanelData } from '#schemas/http/boards.js';
import { packageRoot } from '#schemas/root.js';
import { isFor, toAnnotations } from './page/annotations.js';
import { calculate } from './page/calcs.js';
import { colorOf, resolveField, textOf } from './page/field.js';
import { formatNumber } from './page/format.js';
import { toLanes } from './page/lanes.js';
import { leftToGrafana } from './page/left-to-grafana.js';
import { reduce } from './page/reduced.js';
import { interpolate, toTarget, type Scope, type Subject } from './page/scope.js';
import { align, lastValue, toSeries } from './page/series.js';
import { shares, stack } from './page/stack.js';
import { boardOf, fromSearch, refreshMs, toAddress, type State } from './page/state.js';
import { niceTicks, ticksAroundZero } from './page/ticks.js';

const PANEL: BoardPanel = {
  id: 1,
  type: 'timeseries',
  gridPos: { x: 0, y: 0, w: 1, h: 1 },
  targets: [{ refId: 'A', rawSql: '', format: 0 }],
  fieldConfig: {
    defaults: {
      displayName: '${__field.labels.tool}',
      unit: 'percentunit',
      color: { mode: 'thresholds' },
      thresholds: {
        mode: 'absolute',
        steps: [
          { value: null, color: 'green' },
          { value: 0.5, color: 'red' },
        ],
      },
    },
    overrides: [
      {
        matcher: { id: 'byName', options: 'Bash' },
        properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } }],
      },
      { matcher: { id: 'byRegexp', options: '/^mcp__/' }, properties: [{ id: 'unit', value: 'short' }] },
      { matcher: { id: 'byFrameRefID', options: 'B' }, properties: [{ id: 'custom.axisPlacement', value: 'right' }] },
      { matcher: { id: 'byType', options: 'time' }, properties: [{ id: 'unit', value: 'dateTimeFromNow' }] },
      {
        matcher: { id: 'byName', options: 'severity' },
        properties: [
          { id: 'displayName', value: 'Severity' },
          { id: 'custom.width', value: 90 },
          {
            id: 'mappings',
            value: [
              { type: 'value', options: { high: { text: 'HIGH', color: 'orange' } } },
              { type: 'range', options: { from: 3, to: null, result: { text: 'many' } } },
              { type: 'regex', options: { pattern: '/^x-/', result: { text: 'an x' } } },
              { type: 'special', options: { match: 'null', result: { text: 'none', color: 'red' } } },
            ],
          },
        ],
      },
    ],
  },
};
const NUMBER = 'Nullable(Float64)';

function data(
  rows: PanelData['rows'],
  columns: PanelData['columns'] = [
    { name: 'time', type: "DateTime('UTC')" },
    { name: 'tool', type: 'LowCardinality(String)' },
    { name: 'rate', type: NUMBER },
  ],
): PanelData {
  return { columns, rows, truncated: false, from: 0, to: 1_000_000, intervalMs: 60_000 };
}

const at = (seconds: number): string => new Date(seconds * 1_000).toISOString();

describe('fields', () => {
  it('get names from labels, then from overrides', () => {
    expect(resolveField(PANEL, { name: 'rate', labels: { tool: 'Read' } }).title).toBe('Read');
    expect(resolveField(PANEL, { name: 'severity' })).toMatchObject({
      title: 'Severity',
      config: { custom: { width: 90 } },
    });
    expect(resolveField(PANEL, { name: 'rate', labels: { other: 'x' } }).title).toBe('rate x');
    expect(resolveField(PANEL, { name: 'rate', labels: { a: 'x', b: 'y' } }).title).toBe('rate {a="x", b="y"}');
  });

  it('are overridden by name, pattern, type and query', () => {
    expect(resolveField(PANEL, { name: 'rate', labels: { tool: 'mcp__a' } }).config.unit).toBe('short');
    expect(resolveField(PANEL, { name: 'x', type: "DateTime64(3, 'UTC')" }).config.unit).toBe('dateTimeFromNow');
    expect(resolveField(PANEL, { name: 'x', refId: 'B' }).config.custom?.axisPlacement).toBe('right');
    expect(resolveField(PANEL, { name: 'x', refId: 'A' }).config.custom?.axisPlacement).toBeUndefined();
  });

  it('have the colour of a fixed choice, a mapping or a threshold', () => {
    expect(colorOf(0.9, resolveField(PANEL, { name: 'rate', labels: { tool: 'Bash' } }))).toBe('blue');
    expect(colorOf(0.9, resolveField(PANEL, { name: 'rate', labels: { tool: 'Read' } }))).toBe('red');
    expect(colorOf(0.1, resolveField(PANEL, { name: 'rate', labels: { tool: 'Read' } }))).toBe('green');
    expect(colorOf('high', resolveField(PANEL, { name: 'severity' }))).toBe('orange');
    expect(colorOf(null, resolveField(PANEL, { name: 'severity' }))).toBe('red');
  });

  it('are text as mapped, as a unit, or as they are', () => {
    const severity = resolveField(PANEL, { name: 'severity' });
    expect(['high', 'constructor', 7, 'x-ray', null].map((value) => textOf(value, severity))).toEqual([
      'HIGH',
      'constructor',
      'many',
      'an x',
      'none',
    ]);
    expect(textOf(null, resolveField(PANEL, { name: 'x' }))).toBe('');
  });
});

describe('numbers', () => {
  it.each([
    [0.1234, 'percentunit', 1, '12.3 %'],
    [0, 'percentunit', undefined, '0 %'],
    [0.05, 'percentunit', undefined, '5.0 %'],
    [1234, 'short', 0, '1,234'],
    [15_600, 'short', 0, '15.6K'],
    [97, 'none', 0, '97'],
    [90, 's', undefined, '1.5 min'],
    [0.25, 's', undefined, '250 ms'],
    [3_600_000, 'ms', undefined, '1 h'],
    [2.5, 'd', 1, '2.5 d'],
    [0, 's', undefined, '0 s'],
    [1536, 'bytes', undefined, '1.5 KiB'],
    [1_500_000, 'decbytes', undefined, '1.5 MB'],
    [3, 'suffix: files', undefined, '3 files'],
    [1, 'bool_yes_no', undefined, 'Yes'],
    [12, 'reqps', undefined, '12 req/s'],
  ] as const)('%d in %s with %s decimals is %s', (value, unit, decimals, expected) => {
    expect(formatNumber(value, unit, decimals)).toBe(expected);
  });

  it.each([
    ['lastNotNull', 3],
    ['last', null],
    ['firstNotNull', 1],
    ['min', 1],
    ['max', 5],
    ['mean', 3],
    ['median', 3],
    ['sum', 9],
    ['count', 3],
    ['range', 4],
    ['diff', 2],
  ])('%s of 1, 5, 3 and nothing is %s', (calc, expected) => {
    expect(calculate(calc, [1, 5, 3, null])).toBe(expected);
  });

  it('of nothing are nothing, but for the count', () => {
    for (const calc of ['lastNotNull', 'min', 'max', 'mean', 'median', 'sum', 'range', 'diff'])
      expect(calculate(calc, [null, undefined])).toBeNull();
    expect(calculate('count', [null])).toBe(0);
  });

  it('have round ticks that reach the top', () => {
    expect(niceTicks(97, true)).toEqual([0, 25, 50, 75, 100]);
    expect(ticksAroundZero(-24, 42, true)).toEqual([-40, -20, 0, 20, 40, 60]);
    expect(ticksAroundZero(0, 97, true)).toEqual([0, 25, 50, 75, 100]);
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 1e12, noNaN: true }), (top) => {
        const ticks = niceTicks(top, false);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(top * (1 - 1e-9));
        expect(ticks.length).toBeLessThan(8);
      }),
    );
  });
});

describe('series', () => {
  const lines = toSeries(PANEL, [
    data([
      [at(0), 'Bash', 1],
      [at(60), 'Read', 0],
      [at(120), 'Bash', null],
      [at(180), 'Bash', 0.5],
    ]),
  ]);

  it('are one line for each set of labels, with the last value there is', () => {
    expect(lines.map((line) => [line.field.title, lastValue(line)])).toEqual([
      ['Bash', 0.5],
      ['Read', 0],
    ]);
  });

  it('break at missing points, unless spanning is on, or the gap is shorter than its limit', () => {
    expect(align(lines, [false, false])).toEqual({
      times: [0, 60, 120, 180],
      values: [
        [1, null, null, 0.5],
        [null, 0, null, null],
      ],
    });
    expect(align(lines, [true, true]).values[0]).toEqual([1, undefined, undefined, 0.5]);
    expect(align(lines, [200_000, false]).values[0]).toEqual([1, undefined, undefined, 0.5]);
    const broken = align(lines, [60_000, 60_000]);
    expect(broken.times).toEqual([0, 60, 90, 120, 180]);
    expect(broken.values[0]).toEqual([1, undefined, null, undefined, 0.5]);
  });

  it('stack on those after them in their group, without those that are hidden', () => {
    const values = [
      [1, 2],
      [10, null],
      [100, 200],
    ];
    const group = ['A', 'A', 'A'];
    expect(stack(values, group, () => true)).toEqual([
      [111, 202],
      [110, null],
      [100, 200],
    ]);
    expect(stack(values, group, (index) => index !== 2)).toEqual([
      [11, 2],
      [10, null],
      [null, null],
    ]);
    expect(stack(values, ['A', undefined, 'A'], () => true)).toEqual([
      [101, 202],
      [10, null],
      [100, 200],
    ]);
    expect(
      shares(
        [
          [1, 0],
          [3, 0],
        ],
        () => true,
      ),
    ).toEqual([
      [0.25, 0],
      [0.75, 0],
    ]);
  });

  it('keep every total, however they are stacked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(1_000), { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
        (values) => {
          const [tallest = []] = stack(
            values,
            values.map(() => 'A'),
            () => true,
          );
          expect(tallest).toEqual([0, 1, 2].map((index) => values.reduce((sum, line) => sum + (line[index] ?? 0), 0)));
        },
      ),
    );
  });

  it('are lanes of states that hold until the next, merged where the text stays', () => {
    const states: BoardPanel = {
      ...PANEL,
      type: 'state-timeline',
      fieldConfig: { defaults: { displayName: '${__field.labels.tool}' } },
    };
    const rows: PanelData['rows'] = [
      [at(0), 'Bash', 1],
      [at(60), 'Bash', 1],
      [at(120), 'Bash', 2],
      [at(180), 'Bash', null],
      [at(240), 'Bash', 1],
    ];
    const [lane] = toLanes(states, [data(rows)], 500_000);
    expect(lane?.stretches).toEqual([
      { from: 0, to: 120, value: 1 },
      { from: 120, to: 180, value: 2 },
      { from: 240, to: 500, value: 1 },
    ]);
  });
});

describe('values of a stat, a gauge or a pie', () => {
  const table = data(
    [
      ['Bash', 3, at(0)],
      ['Read', 5, at(1)],
    ],
    [
      { name: 'tool', type: 'String' },
      { name: 'n', type: 'UInt64' },
      { name: 'at', type: 'DateTime' },
    ],
  );
  const panel = (reduceOptions: NonNullable<BoardPanel['options']>['reduceOptions']): BoardPanel => ({
    ...PANEL,
    type: 'stat',
    fieldConfig: { defaults: {} },
    targets: [{ refId: 'A', rawSql: '', format: 1 }],
    options: { reduceOptions },
  });
  const brief = (of: BoardPanel): unknown[] => reduce(of, [table]).map(({ field, value }) => [field.title, value]);

  it('are one a column, numbers unless named', () => {
    expect(brief(panel({ calcs: ['sum'] }))).toEqual([['n', 8]]);
    expect(brief(panel({ calcs: ['lastNotNull'], fields: '/^tool$/' }))).toEqual([['tool', 'Read']]);
  });

  it('or one a row, named by its text, as many as allowed', () => {
    expect(brief(panel({ values: true }))).toEqual([
      ['Bash', 3],
      ['Read', 5],
    ]);
    expect(brief(panel({ values: true, limit: 1 }))).toEqual([['Bash', 3]]);
  });
});

describe('annotations', () => {
  const columns = [
    { name: 'at', type: 'DateTime' },
    { name: 'what', type: 'String' },
    { name: 'timeEnd', type: 'DateTime' },
    { name: 'tags', type: 'String' },
  ];

  it('are read by the names of columns, else by their types', () => {
    const query = { name: 'Scans' };
    expect(
      toAnnotations(
        query,
        data(
          [
            [at(60), 'b', at(90), 'x,y'],
            [at(1), 'a', at(1), ''],
            ['', 'never', '', ''],
          ],
          columns,
        ),
      ),
    ).toEqual([
      { query, time: 1_000, title: '', text: 'a', tags: [] },
      { query, time: 60_000, timeEnd: 90_000, title: '', text: 'b', tags: ['x', 'y'] },
    ]);
  });

  it('go to the panels they are meant for', () => {
    expect([
      isFor({ name: 'a' }, 1),
      isFor({ name: 'a', filter: { ids: [2] } }, 1),
      isFor({ name: 'a', filter: { ids: [2], exclude: true } }, 1),
    ]).toEqual([true, false, true]);
  });
});

describe('texts and links', () => {
  const state: State = {
    board: 'b',
    from: 'now-1h',
    to: 'now',
    refresh: '',
    variables: { repo: ['a/b', 'c&d=e'], tool: ['$__all'] },
    without: [],
  };
  const scope: Scope = { state, org: 'o', texts: { tool: ['All'] }, from: 1, to: 2 };
  const subject: Subject = {
    fields: { repo: { value: 'x/y&z', text: 'X' } },
    value: '7',
    text: 'seven',
    name: 'n',
    labels: { tool: 'Bash' },
    time: 5,
  };

  it.each([
    ['$repo and ${tool}', 'a/b + c&d=e and All'],
    ['${repo:csv} ${unknown} $1', 'a/b,c&d=e ${unknown} $1'],
    ['${repo:queryparam}', 'var-repo=a%2Fb&var-repo=c%26d%3De'],
    ['${__url_time_range}', 'from=now-1h&to=now'],
    ['${__all_variables} ${org}', 'var-org=o&var-repo=a%2Fb&var-repo=c%26d%3De&var-tool=%24__all o'],
    ['${__from}-${__to}', '1-2'],
    [
      '${__data.fields.repo} ${__data.fields["repo"].text} ${__value.raw} ${__value.text} ${__value.time} ${__series.name} ${__field.labels.tool}',
      'x/y&z X 7 seven 5 n Bash',
    ],
  ])('%s', (text, expected) => {
    expect(interpolate(text, scope, subject)).toBe(expected);
  });

  it.each([
    ['/d/other?var-repo=${__data.fields.repo}', '/boards/other?var-repo=x%2Fy%26z'],
    ['/d/other/any-slug?${__url_time_range}', '/boards/other?from=now-1h&to=now'],
    ['https://example.com/${__value.raw}', 'https://example.com/7'],
    [
      'https://example.com/${__data.fields.repo}/runs/${__value.raw}?x=${__data.fields.repo}',
      'https://example.com/x/y%26z/runs/7?x=x%2Fy%26z',
    ],
    ['/explore', undefined],
    ['//evil.example/', undefined],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['${__value.text}', undefined],
  ])('a link to %s leads to %s', (url, expected) => {
    expect(toTarget(url, scope, subject)?.href).toBe(expected);
  });

  it('lead to Grafana where there is one, and nowhere out of a report', () => {
    expect(toTarget('/explore', { ...scope, grafanaUrl: 'http://g:3000/' })?.href).toBe('http://g:3000/explore');
    expect(toTarget('/d/other', { ...scope, isDetached: true })).toBeUndefined();
  });

  it('escapes every value in a URL', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const hostile = { ...subject, fields: { repo: { value, text: value } } };
        const target = toTarget('/d/other?var-repo=${__data.fields.repo}', scope, hostile);
        expect(new URL(target?.href ?? '', 'http://x').searchParams.get('var-repo')).toBe(value);
      }),
    );
  });
});

describe('state', () => {
  it('survives the URL', () => {
    const state: State = {
      board: 'b',
      from: 'now-1h',
      to: 'now',
      refresh: '',
      variables: { repo: ['a/b', 'c&d=e'] },
      without: ['Scans'],
    };
    const address = new URL(toAddress(state), 'http://x');
    expect(boardOf(address.pathname)).toBe('b');
    expect(fromSearch(address.search, { ...state, refresh: '5s', variables: {}, without: [] })).toEqual(state);
  });

  it('knows how often', () => {
    expect(['5s', '1m', '2h', '', 'x'].map(refreshMs)).toEqual([5_000, 60_000, 7_200_000, undefined, undefined]);
  });
});

describe('what Grafana can do and the page cannot', () => {
  it('is said', () => {
    expect(leftToGrafana({ ...PANEL, type: 'heatmap' })?.isDrawn).toBe(false);
    expect(leftToGrafana({ ...PANEL, type: 'constructor' })?.isDrawn).toBe(false);
    expect(leftToGrafana({ ...PANEL, transformations: [{ id: 'reduce' }] })?.isDrawn).toBe(true);
    expect(leftToGrafana({ ...PANEL, transformations: [{ id: 'reduce', disabled: true }] })).toBeUndefined();
  });
});

describe('the page', () => {
  it('compiles against the browser', async () => {
    const tsc = join(packageRoot(), 'node_modules/typescript/bin/tsc');
    await promisify(execFile)(process.execPath, [tsc, '-p', join(packageRoot(), 'grafana/page/tsconfig.json')]);
  });
});
