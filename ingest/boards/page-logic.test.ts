import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { colorOf, resolveField, textOf } from './page/field.js';
import { formatNumber } from './page/format.js';
import type { Panel, PanelData } from './page/model.js';
import { align, lastValue, toSeries } from './page/series.js';
import { stack } from './page/stack.js';
import { fromSearch, toSearch, type State } from './page/state.js';

const PANEL: Panel = {
  id: 1,
  type: 'timeseries',
  gridPos: { x: 0, y: 0, w: 1, h: 1 },
  fieldConfig: {
    defaults: {
      displayName: '${__field.labels.tool}',
      unit: 'percentunit',
      color: { mode: 'thresholds' },
      thresholds: { mode: 'absolute', steps: [{ value: null, color: 'green' }, { value: 0.5, color: 'red' }] },
    },
    overrides: [
      { matcher: { id: 'byName', options: 'Bash' }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } }] },
      {
        matcher: { id: 'byName', options: 'severity' },
        properties: [
          { id: 'displayName', value: 'Severity' },
          { id: 'custom.width', value: 90 },
          { id: 'mappings', value: [{ type: 'value', options: { high: { text: 'HIGH', color: 'orange' } } }] },
        ],
      },
    ],
  },
};

function data(rows: PanelData['rows']): PanelData {
  return {
    columns: [
      { name: 'time', type: "DateTime('UTC')" },
      { name: 'tool', type: 'LowCardinality(String)' },
      { name: 'rate', type: 'Nullable(Float64)' },
    ],
    rows,
    truncated: false,
    from: 0,
    to: 1,
  };
}

const at = (seconds: number): string => new Date(seconds * 1_000).toISOString();

describe('fields', () => {
  it('take names from labels, then from overrides', () => {
    expect(resolveField(PANEL, 'rate', { tool: 'Read' }).title).toBe('Read');
    expect(resolveField(PANEL, 'severity')).toMatchObject({ title: 'Severity', config: { custom: { width: 90 } } });
    expect(resolveField(PANEL, 'rate', { other: 'x' }).title).toBe('rate x');
  });

  it('have the colour of a fixed choice, a mapping or a threshold', () => {
    expect(colorOf(0.9, resolveField(PANEL, 'rate', { tool: 'Bash' }))).toBe('blue');
    expect(colorOf(0.9, resolveField(PANEL, 'rate', { tool: 'Read' }))).toBe('red');
    expect(colorOf(0.1, resolveField(PANEL, 'rate', { tool: 'Read' }))).toBe('green');
    expect(colorOf('high', resolveField(PANEL, 'severity'))).toBe('orange');
  });

  it('are text as mapped, as a unit, or as they are', () => {
    expect(textOf('high', resolveField(PANEL, 'severity'), 'String')).toBe('HIGH');
    expect(textOf('constructor', resolveField(PANEL, 'severity'), 'String')).toBe('constructor');
    expect(textOf(null, resolveField(PANEL, 'x'), 'Nullable(String)')).toBe('');
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
  ] as const)('%d in %s with %s decimals is %s', (value, unit, decimals, expected) => {
    expect(formatNumber(value, unit, decimals)).toBe(expected);
  });
});

describe('series', () => {
  const lines = toSeries(PANEL, data([[at(0), 'Bash', 1], [at(60), 'Read', 0], [at(120), 'Bash', null], [at(180), 'Bash', 0.5]]));

  it('are one line for each set of labels, with the last value there is', () => {
    expect(lines.map((line) => [line.field.title, lastValue(line)])).toEqual([['Bash', 0.5], ['Read', 0]]);
  });

  it('break where a line has no point, unless told to span, or to span up to so long', () => {
    expect(align(lines, false)).toEqual({ times: [0, 60, 120, 180], values: [[1, null, null, 0.5], [null, 0, null, null]] });
    expect(align(lines, true).values[0]).toEqual([1, undefined, undefined, 0.5]);
    expect(align(lines, 200_000).values[0]).toEqual([1, undefined, undefined, 0.5]);
    const broken = align(lines, 60_000);
    expect(broken.times).toEqual([0, 60, 90, 120, 180]);
    expect(broken.values[0]).toEqual([1, undefined, null, undefined, 0.5]);
  });

  it('stack on those after them, without those that are hidden', () => {
    const values = [[1, 2], [10, null], [100, 200]];
    expect(stack(values, () => true)).toEqual([[111, 202], [110, null], [100, 200]]);
    expect(stack(values, (index) => index !== 2)).toEqual([[11, 2], [10, null], [null, null]]);
  });
});

describe('state', () => {
  it('survives the URL', () => {
    const state: State = { board: 'b', from: 'now-1h', to: 'now', refresh: '', variables: { repo: ['a/b', 'c&d=e'] } };
    expect(fromSearch(`?${toSearch(state)}`, { ...state, refresh: '5s', variables: {} })).toEqual(state);
  });
});

describe('the page', () => {
  it('compiles against the browser', async () => {
    const tsc = join(packageRoot(), 'node_modules/typescript/bin/tsc');
    await promisify(execFile)(process.execPath, [tsc, '-p', join(packageRoot(), 'ingest/boards/page/tsconfig.json')]);
  });
});
