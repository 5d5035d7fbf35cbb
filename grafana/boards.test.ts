import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { boardFiles } from './boards.js';
import { rowsOf } from './boards/runbooks.js';

interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: unknown;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: {
    defaults: {
      noValue?: string;
      unit?: string;
      color?: { mode: string };
      thresholds?: { steps: { value: number | null; color: string }[] };
    };
    overrides: { matcher: { id: string; options: string }; properties: { id: string; value: unknown }[] }[];
  };
  options?: { perPage?: number };
  links?: unknown[];
  targets: Record<string, unknown>[];
}

interface Board {
  uid: string;
  title: string;
  description: string;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string; refresh?: number }[] };
  links: unknown[];
  annotations?: { list: { target?: { rawSql?: string } }[] };
}

/** Names of all tables and views that the migrations create. */
const migrations = join(packageRoot(), 'schemas/clickhouse/migrations');
const TABLES = new Set(
  readdirSync(migrations).flatMap((file) =>
    [
      ...readFileSync(join(migrations, file), 'utf8').matchAll(
        /^CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/gm,
      ),
    ].map(([, name = '']) => name),
  ),
);

const boards = boardFiles().map(({ name, text }) => [name, JSON.parse(text) as Board] as const);
const DATASOURCE = { type: 'grafana-clickhouse-datasource', uid: 'shieldwatch-clickhouse' };

describe.each(boards)('%s', (_, board) => {
  const drawn = board.panels.filter(({ type }) => type !== 'row' && type !== 'text');

  it('has a uid, a title and a description', () => {
    expect(board.uid).toMatch(/^shieldwatch-[a-z-]{1,28}$/);
    expect(board.title).not.toBe('');
    expect(board.description).not.toBe('');
    expect(TABLES.size).toBeGreaterThan(50);
  });

  it('describes each panel and what it shows without data', () => {
    for (const panel of drawn) {
      expect(panel.title).toBeTruthy();
      expect(panel.description?.length, panel.title).toBeGreaterThan(40);
      expect(panel.fieldConfig.defaults.noValue, panel.title).toBeTruthy();
      expect(panel.datasource, panel.title).toEqual(DATASOURCE);
      if (panel.type !== 'table') expect(panel.fieldConfig.defaults.unit, panel.title).toBeTruthy();
    }
  });

  it('gives every query exactly the fields of the ClickHouse datasource 4.14', () => {
    for (const { targets } of drawn) {
      expect(targets.length).toBeGreaterThan(0);
      for (const target of targets) {
        expect(target).toEqual({
          refId: expect.stringMatching(/^[A-Z]$/) as unknown,
          datasource: DATASOURCE,
          pluginVersion: '4.14.1',
          editorType: 'sql',
          rawSql: expect.any(String) as unknown,
          queryType: target.format === 0 ? 'timeseries' : 'table',
          format: expect.toBeOneOf([0, 1]) as unknown,
        });
      }
    }
  });

  it('reads no table without the organisation as the first condition', () => {
    const queries = [
      ...drawn.flatMap(({ targets }) => targets.map(({ rawSql }) => String(rawSql))),
      ...board.templating.list.filter(({ name, type }) => name !== 'org' && type === 'query').map(({ query }) => query),
      ...(board.annotations?.list ?? []).flatMap(({ target }) => target?.rawSql ?? []),
    ];
    for (const sql of queries) {
      const tables = [
        ...sql.matchAll(
          /\b(?:FROM|JOIN)\s+(\w+)((?:\s+AS\s+\w+)?(?:\s+FINAL)?\s+WHERE\s+(?:org_id|OrgId) = \$\{org:singlequote\})?/g,
        ),
      ].filter(([, name = '']) => TABLES.has(name));
      expect(tables.length, sql).toBeGreaterThan(0);
      for (const [text, name, condition] of tables)
        expect(condition, `${String(name)} in ${sql} after ${text}`).toBeDefined();
    }
  });

  it('places panels inside the grid without overlap', () => {
    const taken = new Map<string, number>();
    for (const { id, gridPos } of board.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          const cell = `${String(x)},${String(y)}`;
          expect(taken.get(cell), `panels ${String(id)} and ${String(taken.get(cell))} at ${cell}`).toBeUndefined();
          taken.set(cell, id);
        }
      }
    }
  });

  it('hides no link and no annotation toggle in a menu, as `placement` does in Grafana 12.3', () => {
    expect(JSON.stringify(board)).not.toContain('inControlsMenu');
    expect(board.links).toMatchObject([{ type: 'dashboards', tags: ['shieldwatch'] }]);
  });

  it('shows a stat without a value as uncoloured text', () => {
    for (const { title, fieldConfig } of drawn.filter(({ type }) => type === 'stat')) {
      expect(fieldConfig.defaults.noValue?.length, title).toBeLessThanOrEqual(18);
      expect(fieldConfig.defaults.thresholds?.steps[0], title).toEqual({ value: null, color: 'text' });
    }
  });

  it('truncates no title of a stat: three characters per grid column', () => {
    for (const { title = '', gridPos } of drawn.filter(({ type }) => type === 'stat'))
      expect(title.length, title).toBeLessThanOrEqual(3 * gridPos.w);
  });

  it('fits the columns of every table into its panel at 1,280 pixels, each with a text for missing values', () => {
    // A grid column is 52 px wide there, less gaps, border and padding of a panel; a column without a width needs
    // 250.
    for (const { title, gridPos, fieldConfig } of drawn.filter(({ type }) => type === 'table')) {
      const shown = fieldConfig.overrides
        .map(({ properties }) => new Map(properties.map(({ id, value }) => [id, value])))
        .filter((each) => each.get('custom.hidden') !== true);
      expect(shown.length, title).toBeGreaterThan(1);
      for (const each of shown) expect(each.get('noValue'), title).toBe('–');
      const needed = shown.reduce(
        (sum, each) => sum + (typeof each.get('custom.width') === 'number' ? Number(each.get('custom.width')) : 250),
        0,
      );
      expect(needed, title).toBeLessThanOrEqual(52 * gridPos.w - 26);
    }
  });

  it('colours state timelines by their value mapping only, without paging', () => {
    for (const { title, fieldConfig, options } of drawn.filter(({ type }) => type === 'state-timeline')) {
      expect(fieldConfig.defaults.color?.mode, title).toBe('fixed');
      expect(fieldConfig.defaults.thresholds, title).toBeUndefined();
      expect(options?.perPage, title).toBe(0);
    }
  });

  it('reloads the organisation and repository variables on each refresh', () => {
    for (const { name, type, refresh } of board.templating.list.filter((each) => each.type === 'query'))
      expect([name, type, refresh]).toEqual([name, 'query', 2]);
  });

  it('has unique panel ids', () => {
    const ids = board.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

it('gives each runbook panel the height that its text needs', () => {
  const runbooks = boards.find(([name]) => name === 'runbooks.json')?.[1].panels ?? [];
  expect(runbooks.length).toBeGreaterThan(5);
  for (const { title, gridPos, options } of runbooks)
    expect(gridPos.h, title).toBeGreaterThanOrEqual(rowsOf(String((options as { content?: string }).content)));
});
