import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { boardFiles } from './boards.js';

interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: unknown;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { noValue?: string; unit?: string } };
  targets: Record<string, unknown>[];
}

interface Board {
  uid: string;
  title: string;
  description: string;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: string }[] };
  annotations?: { list: { target?: { rawSql?: string } }[] };
}

/** Every table and view of the store, as the migrations name them. */
const migrations = join(packageRoot(), 'schemas/clickhouse/migrations');
const TABLES = new Set(
  readdirSync(migrations).flatMap((file) => [...readFileSync(join(migrations, file), 'utf8').matchAll(/^CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)/gm)].map(([, name = '']) => name)),
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

  it('says of each panel what it is and what to do without data', () => {
    for (const panel of drawn) {
      expect(panel.title).toBeTruthy();
      expect(panel.description?.length, panel.title).toBeGreaterThan(40);
      expect(panel.fieldConfig.defaults.noValue, panel.title).toBeTruthy();
      expect(panel.datasource, panel.title).toEqual(DATASOURCE);
      if (panel.type !== 'table') expect(panel.fieldConfig.defaults.unit, panel.title).toBeTruthy();
    }
  });

  it('gives every query the fields of the ClickHouse datasource 4.14, and only those', () => {
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
      const tables = [...sql.matchAll(/\b(?:FROM|JOIN)\s+(\w+)((?:\s+AS\s+\w+)?(?:\s+FINAL)?\s+WHERE\s+(?:org_id|OrgId) = \$\{org:singlequote\})?/g)].filter(([, name = '']) => TABLES.has(name));
      expect(tables.length, sql).toBeGreaterThan(0);
      for (const [text, name, condition] of tables) expect(condition, `${String(name)} in ${sql} after ${text}`).toBeDefined();
    }
  });

  it('places panels inside the grid and on top of none', () => {
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

  it('numbers its panels once', () => {
    const ids = board.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
