import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ruleChangeMarks } from '#grafana/queries/guard.js';
import { readBoards, type BoardLibrary } from '#ingest/boards/board-library.js';
import type { BoardPanel } from '#schemas/board.js';
import { expandMacros, type VariableValue } from '#ingest/boards/macros.js';
import { panelData } from '#ingest/boards/panel-data.js';
import { decisionOf, scanOf, Seed } from '#ingest/testing/board-seed.js';
import type { TimeRange } from '#schemas/http/boards.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { at, DAY, HOUR, MINUTE, seedByHand, seedMcpServers, seedSession, T } from '../testing/board-seed.js';

const SHORT: TimeRange = { from: T - HOUR, to: T + HOUR };
const WEEK: TimeRange = { from: T - 7 * DAY, to: T + HOUR };
/** Long enough for days, and begins after the one decision of acme/quiet. */
const DAYS: TimeRange = { from: T - 15 * DAY, to: T + HOUR };
const MONTH: TimeRange = { from: T - 30 * DAY, to: T + HOUR };
const BEFORE: TimeRange = { from: T - 300 * DAY, to: T - 299 * DAY };
const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];

let database: TestDatabase;
let library: BoardLibrary;

function chosen(org: string, repo: VariableValue = 'all'): Map<string, VariableValue> {
  return new Map<string, VariableValue>([
    ['org', [org]],
    ['repo', repo],
    ['agent', 'all'],
    ['tool', 'all'],
    ['severity', SEVERITIES],
    ['confidence', ['active-runtime', 'not told']],
    ['category', 'all'],
    ['session', ['session-costly']],
  ]);
}

async function records(
  board: string,
  id: number,
  range: TimeRange,
  variables = chosen('org_a'),
): Promise<Record<string, unknown>[]> {
  const { columns, rows } = await panelData(database.client, library.panel(`shieldwatch-${board}`, String(id)), {
    range,
    variables,
  });
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, index) => [name, plain(row[index])])));
}

/** Times of seconds and of milliseconds as one kind of text. */
const plain = (value: unknown): unknown =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value) ? new Date(value).toISOString() : value;
/** Milliseconds after {@link T}. */
const after = (time: unknown): number => Date.parse(String(time)) - T;
/** Columns of a table without a heading, or with neither a width nor text: Grafana gives them 150 pixels. */
function unnamedColumns({ fieldConfig }: BoardPanel, columns: readonly { name: string; type: string }[]): string[] {
  const overrides = new Map(
    (fieldConfig as { overrides: { matcher: { options: string }; properties: { id: string }[] }[] }).overrides.map(
      ({ matcher, properties }) => [matcher.options, properties.map(({ id }) => id)],
    ),
  );
  return columns
    .filter(
      ({ name, type }) =>
        !(overrides.get(name) ?? []).some(
          (id) => id === 'custom.width' || id === 'custom.hidden' || (id === 'displayName' && type.includes('String')),
        ),
    )
    .map(({ name }) => name);
}
const drawn = (panels: readonly BoardPanel[]): BoardPanel[] => panels.filter(({ targets }) => targets !== undefined);

beforeAll(async () => {
  library = await readBoards();
  database = await freshDatabase(inject('clickhouseUrl'));
  await seedByHand(database.client);
  await seedSession(database.client);
  await seedMcpServers(database.client);
});
afterAll(() => database.drop());

/** Boards whose data another organisation has. */
const ORG_OF: Readonly<Record<string, string>> = {
  'shieldwatch-agents': 'org_c',
  'shieldwatch-mcp': 'org_m',
  'shieldwatch-sessions': 'org_c',
};

describe('every query of every board', () => {
  it.each([
    ['two hours', SHORT],
    ['a month', MONTH],
  ] as const)('runs over %s and returns the columns that its panel draws', async (_, range) => {
    for (const board of library.all()) {
      for (const panel of drawn(board.panels)) {
        const repo = range === SHORT ? ['acme/web', "evil/it's\\"] : 'all';
        const { columns } = await panelData(database.client, panel, { range, variables: chosen('org_a', repo) });
        expect(columns.length, panel.title).toBeGreaterThan(0);
        expect(
          columns.filter(({ type }) => type.includes('AggregateFunction')),
          panel.title,
        ).toEqual([]);
        if (panel.type === 'table') expect(unnamedColumns(panel, columns), panel.title).toEqual([]);
        if (panel.targets?.[0]?.format !== 0) continue;
        expect(columns[0], panel.title).toMatchObject({ name: 'time', type: "DateTime('UTC')" });
        expect(
          columns.slice(1).some(({ type }) => /^(Nullable\()?(U?Int|Float)/.test(type)),
          panel.title,
        ).toBe(true);
      }
    }
  });

  it('shows the seeded data on every panel, and no value of another organisation', async () => {
    const empty: string[] = [];
    for (const board of library.all()) {
      for (const panel of drawn(board.panels)) {
        const name = `${board.uid} ${String(panel.id)} ${String(panel.title)}`;
        const { rows } = await panelData(database.client, panel, {
          range: { from: T - 9 * DAY, to: Date.now() },
          variables: chosen(ORG_OF[board.uid] ?? 'org_a'),
        });
        if (rows.flat().every((value) => value === null)) empty.push(name);
        expect(JSON.stringify(rows), name).not.toMatch(/their|ORG B|9999/i);
        expect(
          rows.flat().filter((value) => value === 99 || value === 1_000 || value === 1_004),
          name,
        ).toEqual([]);
      }
    }
    expect(empty).toEqual([]);
  });

  it('shows no data instead of 0 for an organisation without data, except for backlog counts', async () => {
    for (const board of library.all()) {
      for (const panel of drawn(board.panels)) {
        const { rows, columns } = await panelData(database.client, panel, {
          range: { from: T - 30 * DAY, to: Date.now() },
          variables: chosen('org_none'),
        });
        if (columns.some(({ name }) => ['lag', 'waiting', 'row_count'].includes(name))) continue;
        expect(
          rows.flat().filter((value) => value !== null),
          `${board.uid} ${String(panel.title)}`,
        ).toEqual([]);
      }
    }
  });

  it('offers for each variable the values of this organisation only', async () => {
    const offered: Record<string, Set<string>> = {};
    for (const board of library.all()) {
      for (const { name, type, query } of board.templating.list.filter(
        ({ name: each, type: kind }) => each !== 'org' && kind === 'query',
      )) {
        const sql = expandMacros(String(query), { range: MONTH, intervalMs: 1_000, variables: chosen('org_a') });
        const rows = await (await database.client.query({ query: sql, format: 'JSONCompactEachRow' })).json<[string]>();
        const values = rows.map(([value]) => value);
        // Sessions have agents that no guard judged.
        if (name === 'agent' && ORG_OF[board.uid] !== undefined)
          expect(new Set(values)).toEqual(new Set(['claude-code', 'codex', 'ledger-agent']));
        else offered[name] = new Set(values);
        expect(type).toBe('query');
      }
    }
    expect(offered).toEqual({
      repo: new Set(['acme/api', 'acme/quiet', 'acme/web']),
      agent: new Set(['claude-code', 'codex']),
      tool: new Set(['Bash', 'Read']),
      category: new Set(['permissions', 'secrets']),
      session: new Set(['session-1', 'session-2', 'session-9', 'session-ledger']),
    });
  });

  it('annotates charts with events of this organisation only', async () => {
    for (const board of library.all()) {
      for (const { name, target } of (
        board as unknown as { annotations?: { list?: { name: string; target?: { rawSql?: string } }[] } }
      ).annotations?.list ?? []) {
        if (target?.rawSql === undefined) continue;
        const query = expandMacros(target.rawSql, { range: MONTH, intervalMs: 60_000, variables: chosen('org_a') });
        const rows = await (
          await database.client.query({ query, format: 'JSONEachRow' })
        ).json<{ time: string; text: string; tags: string }>();
        const [type] = await (
          await database.client.query({
            query: `SELECT toTypeName(time) AS type FROM (${query}) LIMIT 1`,
            format: 'JSONEachRow',
          })
        ).json<{ type: string }>();
        expect(type?.type, name).toMatch(/^DateTime/);
        expect(rows.length, name).toBeGreaterThan(0);
        expect(JSON.stringify(rows), name).not.toMatch(/THEIR|score 90 to 1|baseline set.*baseline set/);
        for (const row of rows) expect(Object.keys(row)).toEqual(['time', 'text', 'tags']);
      }
    }
  });
});

describe('posture', () => {
  it('lists the open findings of the newest scans, most severe first, with the first scan of each', async () => {
    expect(
      (await records('posture', 9, WEEK)).map(({ severity, title, location, repo, first_seen, last_seen }) => [
        severity,
        title,
        location,
        repo,
        after(first_seen),
        after(last_seen),
      ]),
    ).toEqual([
      ['critical', 'Token in .mcp.json', '.claude/settings.json:3', 'acme/web', 0, 10 * MINUTE],
      ['high', 'Bash(*) allowed', '.claude/settings.json:3', 'acme/web', 0, 10 * MINUTE],
      ['low', 'Finding k-low', '.claude/settings.json:3', 'acme/web', -10 * DAY, 10 * MINUTE],
    ]);
  });
});

describe('fleet', () => {
  it('is blocked while a repository waits for review; counts are those of the newest scans', async () => {
    expect(await records('fleet', 1, MONTH)).toEqual([{ status_now: 'blocked' }]);
    expect(await records('fleet', 2, MONTH)).toEqual([{ score_mean_now: (70 + 95) / 2 }]);
    expect(await records('fleet', 3, MONTH)).toEqual([{ critical_counted: 1 }]);
    expect(await records('fleet', 4, MONTH)).toEqual([{ policy_failures_now: 1 }]);
    expect(await records('fleet', 5, MONTH)).toEqual([{ baseline_regressions_now: 1 }]);
    expect(await records('fleet', 6, MONTH)).toEqual([{ silent: 1 }]);
  });

  it('ranks by score and shows the change since the range began', async () => {
    expect(
      (await records('fleet', 9, WEEK)).map(({ repo, score, change, critical, high, route }) => [
        repo,
        score,
        change,
        critical,
        high,
        route,
      ]),
    ).toEqual([
      ['acme/web', 70, 70 - 80, 1, 1, 'security-blocker'],
      ['acme/api', 95, 0, 0, 0, 'policy-review'],
    ]);
    expect(await records('fleet', 10, WEEK)).toEqual([{ repo: 'acme/web', change: -10 }]);
  });

  it('shows the score range, held between scans, up to the end of the range', async () => {
    const band = await records('fleet', 7, WEEK);
    expect(band.at(-1)).toEqual({ time: at(HOUR), highest: 95, mean: 82.5, lowest: 70 });
    expect(band[0]).toMatchObject({ highest: 80, mean: 80, lowest: 80 });
    expect(band.length).toBeGreaterThan(50);
    expect(band.length).toBeLessThan(62);
  });

  it('names the failed gate', async () => {
    expect(await records('fleet', 11, WEEK)).toMatchObject([
      {
        repo: 'acme/api',
        gate: 'policy and baseline',
        policy: 'house rules (team)',
        violations: 3,
        score: 95,
        min_score: 97,
        new_findings: 1,
        score_delta: -3,
      },
    ]);
  });
});

describe('repository', () => {
  const web = chosen('org_a', ['acme/web']);
  const api = chosen('org_a', ['acme/api']);

  it('shows the newest scan of files and the results of its gates', async () => {
    expect(await records('repository', 1, SHORT, web)).toEqual([{ newest_score: 70 }]);
    expect(await records('repository', 1, { from: T - HOUR, to: T + MINUTE }, web)).toEqual([{ newest_score: 55 }]);
    expect(await records('repository', 3, SHORT, api)).toEqual([{ policy: 'failed' }]);
    expect(await records('repository', 4, SHORT, api)).toEqual([{ baseline: 'regressed' }]);
    expect(await records('repository', 3, SHORT, web)).toEqual([{ policy: 'not-run' }]);
  });

  it('distinguishes a rate, too few decisions and no decisions', async () => {
    expect(await records('repository', 5, SHORT, web)).toEqual([{ rate: 6 / 30, decisions: 30 }]);
    expect(await records('repository', 5, SHORT, api)).toEqual([{ rate: -1, decisions: 5 }]);
    expect(await records('repository', 5, BEFORE, web)).toEqual([{ rate: null, decisions: null }]);
  });

  it('shows the state of each finding', async () => {
    const life = async (range: TimeRange) =>
      (await records('repository', 9, range, web)).map(({ state, severity, title, confidence }) => [
        state,
        severity,
        title,
        confidence,
      ]);
    expect(await life(WEEK)).toEqual([
      ['new', 'critical', 'Token in .mcp.json', 'active-runtime'],
      ['new', 'high', 'Bash(*) allowed', 'active-runtime'],
      ['open', 'low', 'Finding k-low', 'active-runtime'],
      ['fixed', 'critical', 'AWS key in a hook', 'active-runtime'],
    ]);
    const critical = new Map(web).set('severity', ['critical']);
    expect((await records('repository', 9, WEEK, critical)).map(({ state }) => state)).toEqual(['new', 'fixed']);
    const secrets = new Map(web).set('category', ['permissions']);
    expect((await records('repository', 9, WEEK, secrets)).map(({ title }) => title)).toEqual([
      'Bash(*) allowed',
      'Finding k-low',
    ]);
    expect(await records('repository', 9, WEEK, new Map(web).set('confidence', ['hook-code']))).toEqual([]);
  });

  it('compares the newest scan with the baseline', async () => {
    expect(await records('repository', 14, SHORT, web)).toMatchObject([
      {
        verdict: 'worse',
        why: '',
        added: 2,
        added_critical: 1,
        added_high: 1,
        resolved: 0,
        unchanged: 1,
        score_delta: -10,
      },
    ]);
    expect((await records('repository', 15, SHORT, web)).map(({ state, title }) => [state, title])).toEqual([
      ['new', 'Token in .mcp.json'],
      ['new', 'Bash(*) allowed'],
    ]);
    expect(await records('repository', 14, SHORT, api)).toEqual([]);
  });

  it('shows the components of the score, the drift, and the CI run', async () => {
    expect(
      (await records('repository', 8, SHORT, web)).map(({ time, secrets, permissions }) => [
        after(time),
        secrets,
        permissions,
      ]),
    ).toEqual([
      [0, 10, 60],
      [10 * MINUTE, 50, 60],
    ]);
    expect(await records('repository', 10, WEEK, web)).toEqual([{ time: at(0), appeared: 3, went_away: 1 }]);
    expect(await records('repository', 11, WEEK, web)).toMatchObject([
      { verdict: 'worse', score_delta: -25, score: 55, new_findings: 3, critical: 'yes' },
    ]);
    expect(await records('repository', 12, WEEK, api)).toMatchObject([
      {
        score: 95,
        policy: 'failed',
        baseline: 'regressed',
        exceptions: 1,
        provider: 'github-actions',
        ci_workflow: 'security',
        ci_run_id: '4711',
        commit: '0123456789',
      },
    ]);
  });
});

describe.each([
  ['facts', SHORT],
  ['hours', WEEK],
  ['days', DAYS],
] as const)('runtime, from %s', (_, range) => {
  const bucket = range === DAYS ? new Date(Math.floor(T / DAY) * DAY).toISOString() : at(0);

  it('shows numerator, denominator and rate', async () => {
    expect(await records('runtime', 1, range)).toEqual([{ rate: 6 / 35, decisions: 35 }]);
    expect(await records('runtime', 2, range)).toEqual([{ blocked_calls: 6 }]);
    expect(await records('runtime', 3, range)).toEqual([{ decisions: 35 }]);
    const bash = chosen('org_a').set('tool', ['Bash']);
    expect(await records('runtime', 1, range, bash)).toEqual([{ rate: 6 / 30, decisions: 30 }]);
    const codex = chosen('org_a').set('agent', ['codex']);
    expect(await records('runtime', 1, range, codex)).toEqual([{ rate: -1, decisions: 5 }]);
  });

  it('separates buckets with few decisions from the rate over time', async () => {
    expect((await records('runtime', 6, range)).map(({ kind, rate }) => [kind, rate])).toEqual([
      ['blocked rate', 6 / 35],
    ]);
    expect(
      (await records('runtime', 6, range, chosen('org_a', ['acme/api']))).map(({ kind, rate }) => [kind, rate]),
    ).toEqual([['fewer than 20 decisions', 0]]);
  });

  it('groups blocked calls by tool, agent and category', async () => {
    expect(await records('runtime', 8, range)).toEqual([
      { tool: 'Bash', blocked_calls: 6, total: 30, rate: 0.2 },
      { tool: 'Read', blocked_calls: 0, total: 5, rate: -1 },
    ]);
    expect((await records('runtime', 9, range)).map(({ agent, total }) => [agent, total])).toEqual([
      ['claude-code', 30],
      ['codex', 5],
    ]);
    expect(await records('runtime', 10, range)).toEqual([
      { category: 'egress', blocked_calls: 3 },
      { category: 'injection', blocked_calls: 3 },
    ]);
  });

  it('lists rules with a reason, injection attempts and decision latency', async () => {
    expect(
      (await records('runtime', 11, range)).map(({ rule, example, blocked_calls }) => [rule, example, blocked_calls]),
    ).toEqual([
      ['deny[0]:Bash', 'curl is not allowed', 3],
      ['inject[1]', 'ignore previous instructions', 3],
    ]);
    expect(await records('runtime', 4, range)).toEqual([{ injections: 3 }]);
    expect(await records('runtime', 12, range)).toEqual([{ time: bucket, by_rule: 3, by_text: 0 }]);
    const [latency] = await records('runtime', 13, range);
    expect(Number(latency?.['p50'])).toBeCloseTo(2, 1);
    expect(Number(latency?.['p99'])).toBeCloseTo(10, 0);
    expect(Number((await records('runtime', 5, range))[0]?.['p95_ms'])).toBeCloseTo(10, 0);
  });
});

describe('sessions, and what they used', () => {
  it('counts and lists sessions active in the range, those in which a call ran past a guard first', async () => {
    const mine = chosen('org_a').set('agent', ['ledger-agent']);
    expect(await records('sessions', 1, SHORT, mine)).toEqual([{ sessions: 1 }]);
    expect(await records('sessions', 2, SHORT, mine)).toEqual([{ passed: 1 }]);
    expect(await records('sessions', 3, SHORT, mine)).toEqual([{ blocked: 1 }]);
    expect((await records('sessions', 5, SHORT))[0]).toMatchObject({
      session: 'session-ledger',
      calls_made: 7,
      blocked: 1,
      ran_past: 2,
      cost: null,
    });
    expect(await records('sessions', 4, SHORT, chosen('org_c'))).toEqual([{ masked: 2 }]);
    const listed = await records('sessions', 5, SHORT, chosen('org_c'));
    expect(listed.map(({ session }) => session)).toEqual(['session-costly', 'session-silent']);
    expect(listed[0]).toEqual({
      started_at: at(0),
      lasted_ms: 60_000,
      agent: 'claude-code',
      repository: 'acme/api',
      calls_made: 1,
      blocked: 1,
      ran_past: 0,
      subagents: 1,
      errors: 1,
      masked: 2,
      tokens: 330,
      cost: 0.75,
      session: 'session-costly',
    });
    expect(await records('sessions', 5, BEFORE)).toEqual([]);
    expect(await records('sessions', 1, BEFORE)).toEqual([{ sessions: null }]);
  });

  it('shows a session in order, with verdict, masked values, cost and what never arrived', async () => {
    expect(
      (await records('sessions', 6, SHORT, chosen('org_c'))).map((row) => [
        after(row['at']),
        row['what'],
        row['detail'],
        row['result'],
        row['tokens'],
        row['cost'],
        row['masked_values'],
      ]),
    ).toEqual([
      [0, 'MCP connection', '', '', null, null, null],
      [1_000, 'gap', '2 events never arrived', '', null, null, null],
      [1_000, 'model call', '', '', 110, 0.25, null],
      [1_000, 'model call', '', '', 220, 0.5, 2],
      [2_000, 'judgement', 'block · deny[0]:Bash · curl is not allowed', 'enforced', null, null, null],
      [2_010, 'agent decides', 'block by hook', '', null, null, null],
      [3_000, 'drift', 'score 95 to 90', '', null, null, null],
      [30_000, 'subagent', '', '', null, null, null],
      [60_000, 'error', 'overloaded_error', '', null, null, null],
    ]);
    expect(await records('sessions', 6, SHORT, chosen('org_b'))).toEqual([]);
    expect(await records('sessions', 6, BEFORE, chosen('org_c'))).toEqual([]);
  });

  it.each([
    ['hours', SHORT, at(0)],
    ['days', DAYS, new Date(Math.floor(T / DAY) * DAY).toISOString()],
  ] as const)(
    'sums model calls, tokens, cost and errors by agent, model and repository, by %s',
    async (_, range, time) => {
      const mine = chosen('org_c', ['acme/api']);
      expect(await records('agents', 1, range, mine)).toEqual([{ cost: 0.75 }]);
      expect(await records('agents', 2, range, mine)).toEqual([{ tokens: 330 }]);
      expect(await records('agents', 3, range, mine)).toEqual([{ model_calls: 2 }]);
      expect(await records('agents', 4, range, mine)).toEqual([{ error_share: 1 / 3 }]);
      expect(await records('agents', 5, range, mine)).toEqual([{ time, agent: 'claude-code', cost: 0.75 }]);
      expect(await records('agents', 6, range, mine)).toEqual([
        { time, name: 'large', tokens: 220 },
        { time, name: 'small', tokens: 110 },
      ]);
      expect((await records('agents', 7, range, mine)).map((row) => Object.values(row))).toEqual([
        ['claude-code', 'acme/api', 2, 300, 30, 0.75, 1],
      ]);
      expect((await records('agents', 8, range, mine)).map((row) => Object.values(row))).toEqual([
        ['large', 'claude-code', 1, 200, 20, 0.5, 0.5 / 0.00022],
        ['small', 'claude-code', 1, 100, 10, 0.25, 0.25 / 0.00011],
      ]);
      expect(await records('agents', 9, range, mine)).toEqual([{ time, agent: 'claude-code', failures: 1 }]);
      expect(await records('agents', 1, BEFORE, mine)).toEqual([{ cost: null }]);
      // Codex's session has no model call: nothing, not 0.
      expect(await records('agents', 2, range, chosen('org_c').set('agent', ['codex']))).toEqual([{ tokens: null }]);
    },
  );
});

describe('MCP servers', () => {
  it('are shown three ways, those that nobody judges or lists first', async () => {
    const mine = chosen('org_m');
    expect(await records('mcp', 1, WEEK, mine)).toEqual([{ servers: 3 }]);
    expect(await records('mcp', 2, WEEK, mine)).toEqual([{ servers: 3 }]);
    expect(await records('mcp', 3, WEEK, mine)).toEqual([{ servers: 1 }]);
    expect(await records('mcp', 4, WEEK, mine)).toEqual([{ servers: 1 }]);
    expect((await records('mcp', 5, WEEK, mine)).map((row) => Object.values(row))).toEqual([
      ['past-guard', 'not judged', at(0), null, at(500), null, 1, 0, 0, at(0)],
      ['unlisted', 'not listed', null, null, null, at(1_000), 1, null, 1, at(1_000)],
      ['idle', 'dormant', at(0), null, null, null, null, null, 0, at(0)],
      ['tickets', 'in use', at(0), at(600), null, at(0), 1, null, 2, at(-20 * DAY)],
    ]);
    expect(await records('mcp', 5, WEEK, chosen('org_m', ['acme/web']))).toMatchObject([
      { server: 'tickets', repositories: 1 },
    ]);
    expect(await records('mcp', 1, BEFORE, mine)).toEqual([{ servers: null }]);
  });

  it('are counted by calls, and show when a repository sees one for the first time', async () => {
    const mine = chosen('org_m');
    expect((await records('mcp', 6, WEEK, mine)).map(({ name, tool_calls }) => [name, tool_calls])).toEqual([
      ['not named', 1],
      ['past-guard', 1],
      ['tickets', 1],
      ['unlisted', 1],
    ]);
    expect((await records('mcp', 7, WEEK, mine)).map((row) => Object.values(row))).toEqual([
      ['unlisted', 'acme/api', at(1_000), 'new', 'judged'],
      ['idle', 'not known', at(0), 'new', 'configured'],
      ['past-guard', 'not known', at(0), 'new', 'called, configured'],
      ['tickets', 'acme/api', at(0), 'known', 'judged'],
      ['tickets', 'not known', at(0), 'known', 'configured, connected'],
    ]);
  });

  it('have findings of scans beside them', async () => {
    expect((await records('mcp', 8, WEEK, chosen('org_m'))).map((row) => Object.values(row))).toEqual([
      ['acme/api', 'high', 'unpinned server', '.mcp.json', at(0)],
    ]);
  });

  it('are no longer known once the records that name them are deleted', async () => {
    await deleteFacts(database.client, { orgId: 'org_m', repo: 'acme/web' });
    expect(
      await selectRows(
        database.client,
        "SELECT repo, value FROM dimension WHERE org_id = 'org_m' AND dimension = 'mcp_judged' ORDER BY ALL",
      ),
    ).toEqual([
      { repo: 'acme/api', value: 'tickets' },
      { repo: 'acme/api', value: 'unlisted' },
    ]);
    expect(await records('mcp', 3, WEEK, chosen('org_m'))).toEqual([{ servers: 1 }]);
  });
});

describe.each([
  ['hours', SHORT],
  ['days', DAYS],
] as const)('enforcement, from %s', (_, range) => {
  const mine = chosen('org_a').set('agent', ['ledger-agent']);
  const bucket = range === DAYS ? new Date(Math.floor(T / DAY) * DAY).toISOString() : at(0);

  it('divides the calls judged in time by those that ran, and counts outcomes', async () => {
    expect(await records('enforcement', 1, range, mine)).toEqual([{ share: 3 / 5 }]);
    for (const id of [2, 3, 4, 5]) expect(await records('enforcement', id, range, mine)).toEqual([{ tool_calls: 1 }]);
    expect(
      (await records('enforcement', 6, range, mine)).map(({ time, result, tool_calls }) => [time, result, tool_calls]),
    ).toEqual(
      [
        ['allowed', 2],
        ['bypassed', 1],
        ['denied elsewhere', 1],
        ['enforced', 1],
        ['failed open', 1],
        ['unjudged', 1],
      ].map(([result, calls]) => [bucket, result, calls]),
    );
    expect(await records('enforcement', 7, range, mine)).toEqual([{ time: bucket, agent: 'ledger-agent', share: 0.6 }]);
  });

  it('says why calls were not judged in time, and where', async () => {
    expect(await records('enforcement', 8, range, mine)).toEqual([
      { why: 'no hook', agent: 'ledger-agent', tool_calls: 1, share: 0.2 },
      { why: 'timeout', agent: 'ledger-agent', tool_calls: 1, share: 0.2 },
    ]);
    expect((await records('enforcement', 9, range, mine)).map((row) => Object.values(row))).toEqual([
      ['ledger-agent', 'Bash', 6, 0.75, 1, 1, 1, 0],
      ['ledger-agent', 'Read', 1, 0, 0, 0, 0, 1],
    ]);
  });

  it('lists calls that passed the guard with their evidence, and denied calls with rule, category and reason', async () => {
    expect(
      (await records('enforcement', 10, range, mine)).map(
        ({ result, why, judged_as, judged_after_ms, joined, tool_call }) => [
          result,
          why,
          judged_as,
          judged_after_ms,
          joined,
          tool_call,
        ],
      ),
    ).toEqual([
      ['failed open', 'timeout', 'block by deny[0]:Bash', 1_500, 'by order', 'call-5'],
      ['bypassed', 'not known', 'block by deny[0]:Bash', -10, 'by id', 'call-4'],
    ]);
    expect((await records('enforcement', 11, range, mine)).map((row) => Object.values(row))).toEqual([
      ['egress', 3, 1, 0, 1, 1, 0],
      ['denied elsewhere', 1, 0, 0, 0, 0, 0],
    ]);
    expect(
      (await records('enforcement', 12, range, mine)).map(({ result, rule, rule_category, why }) => [
        result,
        rule,
        rule_category,
        why,
      ]),
    ).toEqual([
      ['denied elsewhere', 'not ours', '', 'denied by: other hook'],
      ['failed open', 'deny[0]:Bash', 'egress', 'curl is not allowed'],
      ['bypassed', 'deny[0]:Bash', 'egress', 'curl is not allowed'],
      ['enforced', 'deny[0]:Bash', 'egress', 'curl is not allowed'],
    ]);
  });

  it('shows a claim that contradicts the hook as a conflict', async () => {
    expect(
      (await records('enforcement', 13, range, mine)).map(({ source, contradicted }) => [source, contradicted]),
    ).toContainEqual(['hook', 1]);
    expect(await records('enforcement', 14, range, mine)).toEqual([
      {
        last_at: at(7_000),
        repository: 'acme/web',
        claimed: 'acme/api',
        agent: 'ledger-agent',
        session: 'session-ledger',
        calls_made: 7,
      },
    ]);
  });
});

describe('annotations of rule changes', () => {
  it("mark the first block of a rule, a policy that differs from the previous scan's, a baseline and a decided review", async () => {
    const seed = new Seed(database.client, 'org_rules');
    const policy = (name: string, minScore: number) =>
      ({ policy: { status: 'passed', name, violations: 0, minScore } }) as const;
    await seed.scans([
      scanOf('acme/app', at(-3 * HOUR)),
      scanOf('acme/app', at(-2 * HOUR), policy('house', 80)),
      scanOf('acme/app', at(-HOUR), policy('house', 80)),
      scanOf('acme/app', at(0), policy('house', 90)),
      scanOf('acme/other', at(-HOUR), policy('house', 50)),
    ]);
    const block = { decision: 'block', ruleName: 'deny[0]:Bash', ruleCategory: 'egress' } as const;
    await seed.decisions([
      decisionOf('acme/app', at(-30 * MINUTE), block),
      decisionOf('acme/app', at(-20 * MINUTE), block),
      decisionOf('acme/app', at(-40 * MINUTE)),
    ]);
    await seed.control([
      { at: at(MINUTE), repository: 'acme/app', kind: 'baseline', subject: 'b', state: 'set' },
      {
        at: at(2 * MINUTE),
        repository: 'acme/app',
        kind: 'review_item',
        subject: 'r',
        state: 'open',
        detail: { route: 'policy-review' },
      },
      {
        at: at(3 * MINUTE),
        repository: 'acme/app',
        kind: 'review_item',
        subject: 'r',
        state: 'approved',
        detail: { route: 'policy-review' },
      },
    ]);
    const sql = expandMacros(ruleChangeMarks(), { range: WEEK, intervalMs: 60_000, variables: chosen('org_rules') });
    const rows = await (
      await database.client.query({ query: sql, format: 'JSONEachRow' })
    ).json<{ text: string; tags: string }>();
    expect(rows.map(({ text, tags }) => [tags, text])).toEqual([
      ['policy', 'acme/app: policy none to house, at least 80'],
      ['rule', 'acme/app: rule deny[0]:Bash blocks for the first time'],
      ['policy', 'acme/app: policy house, at least 80 to house, at least 90'],
      ['baseline', 'acme/app: baseline set'],
      ['review_item', 'acme/app: review of policy-review approved'],
    ]);
  });
});

describe('secrets', () => {
  it('are exposed from the first scan that reports them to the first scan without them', async () => {
    expect(await records('secrets', 1, WEEK)).toEqual([{ exposed: 1 }]);
    expect(await records('secrets', 3, WEEK)).toEqual([{ came_back: 0 }]);
    expect(await records('secrets', 4, WEEK)).toEqual([{ masked_values: 4 }]);
    expect(
      (await records('secrets', 6, WEEK)).map(({ state, title, episode, first_seen_at, resolved_at }) => [
        state,
        title,
        episode,
        first_seen_at,
        resolved_at,
      ]),
    ).toEqual([
      ['exposed', 'Token in .mcp.json', 1, at(0), null],
      ['resolved', 'AWS key in a hook', 1, at(0), at(10 * MINUTE)],
    ]);
    const lanes = await records('secrets', 5, SHORT);
    const lane = (name: string): unknown[] =>
      lanes.filter((row) => row['lane'] === name).map(({ time, exposed }) => [after(time), exposed]);
    expect(lane('acme/web · Token in .mcp.json')).toEqual([
      [-HOUR, 0],
      [0, 1],
      [10 * MINUTE, 1],
      [HOUR, 1],
    ]);
    expect(lane('acme/web · AWS key in a hook')).toEqual([
      [-HOUR, 0],
      [0, 1],
      [10 * MINUTE, 0],
      [HOUR, 0],
    ]);
  });

  it('counts masked values by kind', async () => {
    expect(await records('secrets', 7, WEEK)).toEqual([
      { time: at(0), name: 'github-token', masked_values: 3 },
      { time: at(0), name: 'jwt', masked_values: 1 },
    ]);
    expect(await records('secrets', 8, WEEK)).toEqual([
      { repository: 'acme/web', kind: 'github-token', masked_values: 3, last_at: at(0) },
      { repository: 'acme/web', kind: 'jwt', masked_values: 1, last_at: at(0) },
    ]);
  });
});

describe('coverage', () => {
  it('counts sources that report and sources that never did', async () => {
    expect(await records('coverage', 1, WEEK)).toEqual([{ repositories: 2 }]);
    expect(await records('coverage', 3, WEEK)).toEqual([{ repositories: 1 }]);
    expect(await records('coverage', 4, WEEK)).toEqual([{ repositories: 0 }]);
    expect((await records('coverage', 6, WEEK)).map(({ repo, producer, state }) => [repo, producer, state])).toEqual([
      ['acme/quiet', 'scan', 'never'],
      ['acme/quiet', 'guard', 'silent'],
    ]);
    expect(await records('coverage', 6, WEEK, chosen('org_b'))).toMatchObject([
      { repo: 'other/theirs', producer: 'scan', state: 'never', last_heard: null },
    ]);
  });

  it('lists seats without a proof first, and leaves out those that have not drilled for 30 days', async () => {
    expect(await records('coverage', 12, WEEK)).toEqual([{ unproved: 2 }]);
    expect(
      (await records('coverage', 13, WEEK)).map(({ repository, seat_id, client, state, result }) => [
        repository,
        seat_id,
        client,
        state,
        result,
      ]),
    ).toEqual([
      ['acme/web', 'bbbbbbbb', 'codex', 'overdue', 'proved'],
      ['acme/web', 'cccccccc', 'gemini-cli', 'failed', 'failed open'],
      ['acme/web', 'aaaaaaaa', 'claude-code', 'proved', 'proved'],
    ]);
    expect(await records('coverage', 12, WEEK, chosen('org_b'))).toEqual([{ unproved: null }]);
  });

  it('lists a lane per source, hooks that failed open, sessions without a guard, and versions', async () => {
    const lanes = await records('coverage', 7, SHORT);
    expect(new Set(lanes.map(({ lane }) => lane))).toEqual(
      new Set(['acme/api · guard', 'acme/api · scan', 'acme/web · guard', 'acme/web · scan']),
    );
    expect(
      lanes.filter(({ lane }) => lane === 'acme/web · guard').map(({ time, heard }) => [after(time), heard]),
    ).toEqual([
      [0, 1],
      [HOUR, 0],
    ]);
    expect(await records('coverage', 9, WEEK)).toMatchObject([{ hook: 'PreToolUse:Bash', failures: 2, sessions: 1 }]);
    expect(await records('coverage', 8, SHORT)).toEqual([{ time: at(0), guarded: 1, unguarded: 1 }]);
    expect(await records('coverage', 8, WEEK)).toEqual([
      { time: new Date(Math.floor(T / DAY) * DAY).toISOString(), guarded: 1, unguarded: 1 },
    ]);
    expect(
      (await records('coverage', 10, WEEK)).map(({ what, program, version, repositories }) => [
        what,
        program,
        version,
        repositories,
      ]),
    ).toEqual([
      ['scanner', 'AgentShield', '1.6.0', 2],
      ['guard', 'shieldwatch', '0.1.0', 2],
      ['agent', 'claude-code', '2.1.0', null],
    ]);
  });
});

describe('ledger', () => {
  it('counts opened and fixed findings and the time to repair', async () => {
    expect(await records('ledger', 3, WEEK)).toEqual([{ findings: 3 }]);
    expect(await records('ledger', 5, WEEK)).toEqual([{ findings: 1 }]);
    expect(await records('ledger', 3, BEFORE)).toEqual([{ findings: null }]);
    expect(await records('ledger', 7, WEEK)).toEqual([{ time: at(0), appeared: 3, came_back: 0, fixed: 1 }]);
    expect(
      (await records('ledger', 8, WEEK)).map(({ severity, open_findings, fixed_findings, mttr }) => [
        severity,
        open_findings,
        fixed_findings,
        mttr,
      ]),
    ).toEqual([
      ['critical', 1, 1, -1],
      ['high', 1, 0, null],
      ['low', 1, 0, null],
    ]);
    expect((await records('ledger', 6, WEEK)).at(-1)).toEqual({
      time: at(HOUR),
      critical: 1,
      high: 1,
      medium: 0,
      low: 1,
      info: 0,
    });
    expect((await records('ledger', 9, WEEK)).map(({ severity, title }) => [severity, title])).toEqual([
      ['critical', 'Token in .mcp.json'],
      ['high', 'Bash(*) allowed'],
      ['low', 'Finding k-low'],
    ]);
    expect(
      (await records('ledger', 11, WEEK)).map(({ state, severity, repo, title, ends }) => [
        state,
        severity,
        repo,
        title,
        ends === null ? null : after(ends) > 0,
      ]),
    ).toEqual([
      ['run out', 'low', 'acme/web', 'Finding k-low', false],
      ['accepted', 'high', 'acme/web', 'Bash(*) allowed', true],
    ]);
    expect(await records('ledger', 10, WEEK)).toMatchObject([
      {
        repo: 'acme/api',
        policy: 'house rules (team)',
        exceptions_active: 1,
        exceptions_expiring_soon: 1,
        exceptions_expired: 0,
      },
    ]);
  });
});

describe('pipeline', () => {
  const now: TimeRange = { from: T - HOUR, to: Date.now() + MINUTE };

  it('shows facts received, backlog, and undelivered records', async () => {
    expect(await records('pipeline', 2, now)).toEqual([{ lag: 0 }]);
    expect(await records('pipeline', 3, now)).toEqual([{ waiting: 0 }]);
    expect(await records('pipeline', 4, now)).toEqual([{ quarantined: 1 }]);
    expect(
      (await records('pipeline', 6, WEEK)).map(({ time, producer, facts }) => [after(time), producer, facts]),
    ).toEqual([
      [0, 'claude-code', 4],
      [0, 'guard', 35],
      [0, 'scan', 4],
      [0, 'watch', 1],
    ]);
    // Totals 10, 10, 25, and 5 after a restart: 15 and then 5. Added 2, 0 and 4.
    expect(await records('pipeline', 8, now)).toEqual([
      { time: at(0), counter: 'exporter_send_failed_spans', records: 20 },
      { time: at(0), counter: 'receiver_refused_spans', records: 6 },
    ]);
    expect(await records('pipeline', 9, now)).toEqual([{ time: at(0), queue: 'clickhouse traces', fill: 70 / 200 }]);
    expect(await records('pipeline', 13, now)).toEqual([
      { time: at(0), name: 'attribute dropped: not allowed', values: 8 },
      { time: at(0), name: 'masked: github-token', values: 5 },
    ]);
    const kept = await records('pipeline', 12, now);
    expect(kept).toContainEqual({ kept: 'facts: decisions', row_count: 36, bytes: expect.any(Number) as number });
    // A decision is some 200 to 1,000 bytes.
    expect(Number(kept.find((row) => row['kept'] === 'facts: decisions')?.['bytes']) / 36).toSatisfy(
      (size: number) => size > 100 && size < 2_000,
    );
  });
});
