import { describe, expect, it } from 'vitest';
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
  templating: { list: { name: string; query: string }[] };
}

const boards = boardFiles().map(({ name, text }) => [name, JSON.parse(text) as Board] as const);
const DATASOURCE = { type: 'grafana-clickhouse-datasource', uid: 'shieldwatch-clickhouse' };

describe.each(boards)('%s', (_, board) => {
  const drawn = board.panels.filter(({ type }) => type !== 'row');

  it('has a uid, a title and a description', () => {
    expect(board.uid).toMatch(/^shieldwatch-[a-z-]{1,28}$/);
    expect(board.title).not.toBe('');
    expect(board.description).not.toBe('');
  });

  it.each(drawn.map((panel) => [panel.title, panel] as const))('says what "%s" is and what to do without data', (_title, panel) => {
    expect(panel.title).toBeTruthy();
    expect(panel.description?.length).toBeGreaterThan(40);
    expect(panel.fieldConfig.defaults.noValue).toBeTruthy();
    expect(panel.datasource).toEqual(DATASOURCE);
    if (panel.type !== 'table') expect(panel.fieldConfig.defaults.unit).toBeTruthy();
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
      ...board.templating.list.filter(({ name }) => name !== 'org').map(({ query }) => query),
    ];
    for (const sql of queries) {
      const tables = sql.match(/\bFROM\s+(scan|finding|runtime_event|quarantine|repository_activity|\w+_(hour|day))\b/g) ?? [];
      const scoped = sql.match(/\bWHERE org_id = \$\{org:singlequote\}/g) ?? [];
      expect(tables.length).toBeGreaterThan(0);
      expect(scoped.length, sql).toBe(tables.length);
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
