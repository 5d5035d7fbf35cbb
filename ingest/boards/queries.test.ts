import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import type { BoardPanel } from '#schemas/board.js';
import type { PanelData, TimeRange } from '#schemas/http/boards.js';
import { readBoards, type BoardLibrary } from './board-library.js';
import type { VariableValue } from './macros.js';
import { panelData, panelSql } from './panel-data.js';
import { decisionOf, findingOf, scanOf, Seed } from '../testing/board-seed.js';
import { variableOptions } from './variable-options.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Start of an hour, three hours ago: facts and series of the tests are around it. */
const T = Math.floor(Date.now() / HOUR) * HOUR - 3 * HOUR;
const at = (offset: number): string => new Date(T + offset).toISOString();

const SHORT: TimeRange = { from: T - HOUR, to: T + HOUR };
const MIDDLE: TimeRange = { from: T - 3 * DAY, to: T + HOUR };
const LONG: TimeRange = { from: T - 30 * DAY, to: T + HOUR };
const BEFORE: TimeRange = { from: T - 300 * DAY, to: T - 299 * DAY };
const HOSTILE = "evil/it's\\";

let database: TestDatabase;
let library: BoardLibrary;

function variables(org: string, repo: VariableValue = 'all'): Map<string, VariableValue> {
  return new Map([
    ['org', [org]],
    ['repo', repo],
  ]);
}

function panel(id: number): BoardPanel {
  return library.panel('shieldwatch-posture', String(id));
}

async function data(id: number, range: TimeRange, values = variables('org_a')): Promise<PanelData> {
  return panelData(database.client, panel(id), { range, variables: values });
}

async function records(
  id: number,
  range: TimeRange,
  values?: Map<string, VariableValue>,
): Promise<Record<string, unknown>[]> {
  const { columns, rows } = await data(id, range, values);
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
}

beforeAll(async () => {
  library = await readBoards();
  database = await freshDatabase(inject('clickhouseUrl'));
  const a = new Seed(database.client, 'org_a');
  const old = scanOf('acme/web', at(-10 * DAY), { score: 80, grade: 'B' });
  const first = scanOf('acme/web', at(0), {
    score: 55,
    grade: 'D',
    findings: { critical: 2, high: 1, medium: 0, low: 0, info: 0 },
  });
  const second = scanOf('acme/web', at(60_000), {
    score: 70,
    grade: 'C',
    findings: { critical: 1, high: 1, medium: 0, low: 0, info: 0 },
  });
  await a.scans([
    old,
    first,
    second,
    scanOf('acme/web', at(120_000), { filesScanned: 0 }),
    scanOf('acme/api', at(30_000), { score: 95, findings: { critical: 3, high: 0, medium: 0, low: 0, info: 0 } }),
    scanOf('acme/api', at(40_000), {
      score: 30,
      grade: 'F',
      minSeverity: 'critical',
      findings: { critical: 3, high: 0, medium: 0, low: 0, info: 0 },
    }),
    scanOf(HOSTILE, at(0), { score: 10, grade: 'F' }),
  ]);
  await a.findings('acme/web', [
    findingOf(old, 'k-low', { severity: 'low' }),
    findingOf(first, 'k-gone', { severity: 'critical' }),
    findingOf(first, 'k-stays', { severity: 'critical', title: 'before' }),
    findingOf(second, 'k-stays', { severity: 'critical', title: 'after' }),
    findingOf(second, 'k-low', { severity: 'low' }),
  ]);
  await a.openFindings();
  await a.decisions([
    decisionOf('acme/web', at(0)),
    decisionOf('acme/web', at(1_000), {
      decision: 'block',
      ruleName: 'deny[0]:Bash',
      ruleCategory: 'egress',
      reason: 'no curl',
    }),
    decisionOf('acme/web', at(2_000), { decision: 'ask' }),
    decisionOf('acme/api', at(3_000), { tool: 'Read' }),
    decisionOf('acme/api', at(5 * 60_000), { decision: 'block' }),
  ]);
  await a.rateHour('acme/web', at(0), { Bash: { allowed: 6, blocked: 2 } });
  await a.rateHour('acme/web', at(-DAY), { Bash: { allowed: 0, blocked: 2 }, Read: { allowed: 10, blocked: 0 } });
  await a.rateHour('acme/web', at(-DAY - HOUR), { Bash: { allowed: 0, blocked: 0 } });
  await a.rateHour('acme/api', at(-20 * DAY), { Bash: { allowed: 20, blocked: 0 } });
  await a.scoreHour('acme/web', at(-10 * DAY), 80);
  await a.scoreHour('acme/web', at(0), 70);
  await a.decisions([decisionOf('', at(0))]);
  const b = new Seed(database.client, 'org_b');
  await b.scans([
    scanOf('acme/web', at(0), {
      score: 1,
      grade: 'F',
      findings: { critical: 99, high: 0, medium: 0, low: 0, info: 0 },
    }),
  ]);
  await b.decisions([decisionOf('acme/web', at(0), { decision: 'block' }), decisionOf('other/secret', at(0))]);
  await b.rateHour('acme/web', at(0), { Bash: { allowed: 1000, blocked: 1000 } });
});

afterAll(() => database.drop());

// Other boards read series that the jobs compute: deploy/e2e/boards.test.ts runs those.
describe('every query of the posture board', () => {
  it.each([
    ['hour', SHORT],
    ['days', MIDDLE],
    ['month', LONG],
  ] as const)('runs over a range of a %s, on a hostile repository too', async (_, range) => {
    for (const each of library.board('shieldwatch-posture').panels.filter(({ targets }) => targets !== undefined)) {
      for (const repo of ['all', ['acme/web', HOSTILE]] as const) {
        const result = await panelData(database.client, each, { range, variables: variables('org_a', repo) });
        expect(result.columns.length, each.title).toBeGreaterThan(0);
        // Quarantine is selected by time of arrival, which is after these ranges.
        if (each.id !== 10) expect(result.rows.length, `${String(each.title)} has rows`).toBeGreaterThan(0);
        if (each.targets?.[0]?.format === 0)
          expect(result.columns[0]).toMatchObject({ name: 'time', type: "DateTime('UTC')" });
      }
    }
  });

  it.each([
    ['facts and no series on a short range', SHORT, 'blocked_command_rate_v1'],
    ['series and no facts on a longer one', MIDDLE, 'runtime_event_v1'],
  ] as const)('about decisions reads %s', async (_, range, unread) => {
    for (const id of [2, 4, 6, 7]) {
      const sql = panelSql(panel(id), { range, variables: variables('org_a', ['acme/web']) });
      const estimate = await database.client.query({ query: `EXPLAIN ESTIMATE ${sql}`, format: 'JSONEachRow' });
      const tables = (await estimate.json<{ table: string; rows: number }>())
        .filter(({ rows }) => rows > 0)
        .map(({ table }) => table);
      expect(tables.length).toBeGreaterThan(0);
      expect(tables).not.toContain(unread);
    }
  });

  it('shows nothing for an organisation without data', async () => {
    for (const { id } of library.board('shieldwatch-posture').panels.filter(({ targets }) => targets !== undefined)) {
      const { rows } = await data(id, LONG, variables('org_none'));
      expect(rows.flat().filter((value) => value !== null)).toEqual([]);
    }
  });
});

describe('stats', () => {
  it('blocked rate is a ratio of sums, from facts on a short range and from the rollup on a longer one', async () => {
    expect(await records(2, SHORT)).toEqual([{ rate: 2 / 5 }]);
    expect(await records(2, MIDDLE)).toEqual([{ rate: 4 / 20 }]);
    expect(await records(2, LONG)).toEqual([{ rate: 4 / 40 }]);
    expect(await records(2, SHORT, variables('org_a', ['acme/web']))).toEqual([{ rate: 1 / 3 }]);
  });

  it('a range without decisions has no rate and no count, rather than 0', async () => {
    expect(await records(2, BEFORE)).toEqual([{ rate: null }]);
    expect(await records(4, BEFORE)).toEqual([{ decisions: null }]);
    expect(await records(4, SHORT)).toEqual([{ decisions: 5 }]);
  });

  it('critical findings come from the newest scan that read any file', async () => {
    expect(await records(3, SHORT)).toEqual([{ critical: 4 }]);
    // An event at the end of a range belongs to the next one.
    expect(await records(3, { from: T - HOUR, to: T + 30_000 })).toEqual([{ critical: 2 }]);
    expect(await records(3, { from: T - HOUR, to: T + 30_001 })).toEqual([{ critical: 5 }]);
    expect(await records(3, BEFORE)).toEqual([{ critical: null }]);
  });
});

describe('score trend', () => {
  it('enters with the last score before the range and leaves with the last known one', async () => {
    const web = (await records(5, SHORT)).filter(({ line }) => line === 'acme/web');
    expect(web.map(({ time, score }) => [Date.parse(String(time)) - T, score])).toEqual([
      [-HOUR, 80],
      [0, 55],
      [60_000, 70],
      [HOUR, 70],
    ]);
  });

  it('keeps scores of different severity filters apart, lowest line first in the twelve', async () => {
    const lines = new Set((await records(5, SHORT)).map(({ line }) => line));
    expect([...lines].sort()).toEqual(['acme/api', 'acme/api (critical and up)', 'acme/web', HOSTILE].sort());
  });
});

describe('decisions', () => {
  it('have a rate for each tool and bucket, and none where a tool decided nothing', async () => {
    const points = await records(6, MIDDLE);
    expect(points.map(({ time, tool_name, rate }) => [(Date.parse(String(time)) - T) / HOUR, tool_name, rate])).toEqual(
      [
        [-25, 'Bash', null],
        [-24, 'Bash', 1],
        [-24, 'Read', 0],
        [0, 'Bash', 0.25],
      ],
    );
  });

  it('fold into days over a long range', async () => {
    const starts = (await records(6, LONG)).map(({ time }) => Date.parse(String(time)) % DAY);
    expect(new Set(starts)).toEqual(new Set([0]));
  });

  it('count by verdict', async () => {
    const counted = await records(7, SHORT);
    expect(counted.map(({ verdict, decisions }) => [verdict, decisions])).toEqual([
      ['allowed', 2],
      ['asked', 1],
      ['blocked', 1],
      ['blocked', 1],
    ]);
  });

  it('name the rule that blocked', async () => {
    expect(
      (await records(8, SHORT)).map(({ rule_name, tool, example, blocked }) => [rule_name, tool, example, blocked]),
    ).toContainEqual(['deny[0]:Bash', 'Bash', 'no curl', 1]);
  });
});

describe('open findings', () => {
  it('are those that stand open, worst first, as the newest scan that shows them has them', async () => {
    const open = await records(9, SHORT, variables('org_a', ['acme/web']));
    expect(
      open.map(({ severity, title, location, first_seen, last_seen }) => [
        severity,
        title,
        location,
        first_seen,
        last_seen,
      ]),
    ).toEqual([
      ['critical', 'after', '.claude/settings.json:3', at(0), at(60_000)],
      ['low', 'Finding k-low', '.claude/settings.json:3', at(-10 * DAY), at(60_000)],
    ]);
  });
});

describe('quarantine', () => {
  it('counts what no fact was made of', async () => {
    const now = Date.now();
    const rows = await records(10, { from: now - HOUR, to: now + 60_000 });
    expect(rows).toMatchObject([{ record: 'runtime_event', problem: 'repository missing', records: 1 }]);
  });
});

describe('variables', () => {
  const caller = {
    orgId: 'org_a',
    tokenId: 't',
    actor: 'session',
    role: 'viewer' as const,
    scopes: ['read'],
    repository: null,
    retentionDays: 90,
  };

  it('offer the repositories of the organisation, and to a bound token only its own', async () => {
    const board = library.board('shieldwatch-posture');
    const request = { range: SHORT, variables: variables('org_a') };
    const [repo] = await variableOptions(database.client, board, caller, request);
    expect(repo?.options.map(({ value }) => value)).toEqual(['acme/api', 'acme/web', HOSTILE]);
    const [own] = await variableOptions(database.client, board, { ...caller, repository: 'acme/api' }, request);
    expect(own?.options.map(({ value }) => value)).toEqual(['acme/api']);
  });

  it('have a query for organisations that Grafana runs', async () => {
    const query = library.board('shieldwatch-posture').templating.list.find(({ name }) => name === 'org')?.query;
    const result = await database.client.query({ query: String(query), format: 'JSONEachRow' });
    expect(await result.json()).toEqual([{ org_id: 'org_a' }, { org_id: 'org_b' }]);
  });
});
