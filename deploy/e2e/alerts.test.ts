import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { alertFile, type ProvisionedRule } from '#grafana/alerts/provisioning.js';
import { decisionOf, findingOf, scanOf, Seed } from '#ingest/testing/board-seed.js';
import { insertToolCalls, type ToolCallSeed } from '#ingest/testing/tool-call-rows.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { packageRoot } from '#schemas/root.js';
import { DAY, foldSeries, HOUR, MINUTE } from '../testing/board-seed.js';

const NOW = Date.now();
const ago = (ms: number): string => new Date(NOW - ms).toISOString();
const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

let database: TestDatabase;

/**
 * What Grafana makes of a rule: its query (table to numbers with labels), the reducer, which leaves a number alone,
 * and the threshold. No row is no data.
 */
async function evaluate(rule: ProvisionedRule): Promise<Map<string, { value: number; fires: boolean }>> {
  const [query, reduce, threshold] = rule.data.map(({ model }) => model);
  expect([query?.['refId'], reduce?.['expression'], threshold?.['expression'], rule.condition]).toEqual([
    'A',
    'A',
    'B',
    'C',
  ]);
  const [condition] = threshold?.['conditions'] as { evaluator: { type: string; params: [number] } }[];
  expect(condition?.evaluator.type).toBe('gt');
  const answer = await database.client.query({ query: String(query?.['rawSql']), format: 'JSONCompact' });
  const { meta = [], data } = await answer.json<unknown[]>();
  const numbers = meta.flatMap(({ type }, index) => (/^(Nullable\()?(U?Int|Float)/.test(type) ? [index] : []));
  expect(numbers, rule.title).toHaveLength(1);
  for (const { type } of meta.filter((_, index) => !numbers.includes(index)))
    expect(type).toMatch(/^(LowCardinality\()?String/);
  return new Map(
    data.map((row) => {
      const value = Number(row[numbers[0] ?? 0]);
      const labels = meta.flatMap(({ name }, index) =>
        numbers.includes(index) ? [] : [`${name}=${String(row[index])}`],
      );
      return [labels.join(' '), { value, fires: value > (condition?.evaluator.params[0] ?? Number.NaN) }] as const;
    }),
  );
}

const rules = (org?: string): Map<string, ProvisionedRule> =>
  new Map((alertFile(org === undefined ? {} : { org }).groups[0]?.rules ?? []).map((rule) => [rule.uid, rule]));

async function outcome(uid: string, labels: string, org?: string): Promise<'fires' | 'quiet' | 'no data'> {
  const rule = rules(org).get(`shieldwatch-${uid}`);
  if (rule === undefined) throw new Error(`no rule ${uid}`);
  const found = (await evaluate(rule)).get(labels);
  return found === undefined ? 'no data' : found.fires ? 'fires' : 'quiet';
}

/** One organisation where everything happens that a rule watches for, one where it nearly does. */
async function seedHistories(): Promise<void> {
  const loud = new Seed(database.client, 'org_loud');
  const calm = new Seed(database.client, 'org_calm');
  const block = { decision: 'block', ruleName: 'deny[0]:Bash', ruleCategory: 'egress' } as const;

  // Fast: 12 of 30 in the hour, 4 of 6 in 5 minutes; 0.4 / 0.02 = 20. Calm: 2 of 30, and 1 of 6 now: 3.3.
  const hour = (seed: Seed, blockedThen: number, blockedNow: number): Promise<void> =>
    seed.decisions([
      ...times(24, (index) => decisionOf('acme/fast', ago(30 * MINUTE + index), index < blockedThen ? block : {})),
      ...times(6, (index) => decisionOf('acme/fast', ago(2 * MINUTE + index), index < blockedNow ? block : {})),
    ]);
  await hour(loud, 8, 4);
  await hour(calm, 1, 1);
  // It burned an hour ago and stopped: the short window ends the alert.
  await loud.decisions([
    ...times(30, (index) => decisionOf('acme/over', ago(30 * MINUTE + index), block)),
    ...times(10, (index) => decisionOf('acme/over', ago(MINUTE + index))),
  ]);
  // Everything blocked, of 19: too few for a rate.
  await loud.decisions(times(19, (index) => decisionOf('acme/few', ago(MINUTE + index), block)));
  // Slow: 16 of 100 over 6 hours, 4 of 20 in 30 minutes; 0.16 / 0.02 = 8. Fast stays under 14.4.
  await loud.decisions([
    ...times(80, (index) => decisionOf('acme/slow', ago(5 * HOUR + index), index < 12 ? block : {})),
    ...times(20, (index) => decisionOf('acme/slow', ago(10 * MINUTE + index), index < 4 ? block : {})),
  ]);
  await calm.decisions([
    ...times(80, (index) => decisionOf('acme/slow', ago(5 * HOUR + index), index < 4 ? block : {})),
    ...times(20, (index) => decisionOf('acme/slow', ago(10 * MINUTE + index), index < 1 ? block : {})),
  ]);

  // Injections: 6 now and none before; and where 2 an hour are usual, 6 now are 3 times that.
  const inject = { decision: 'block', ruleName: 'inject[0]', ruleCategory: 'injection' } as const;
  await loud.decisions(times(6, (index) => decisionOf('acme/inject', ago(20 * MINUTE + index), inject)));
  await calm.decisions([
    ...times(168 * 2, (index) =>
      decisionOf('acme/inject', ago(3 * HOUR + Math.floor(index / 2) * 58 * MINUTE), inject),
    ),
    ...times(6, (index) => decisionOf('acme/inject', ago(20 * MINUTE + index), inject)),
  ]);
  await calm.decisions(times(4, (index) => decisionOf('acme/inject-few', ago(20 * MINUTE + index), inject)));

  // Secrets: shown by a scan 2 hours ago; one that is older; one that was gone again.
  const secret = { severity: 'critical', category: 'secrets' } as const;
  const findings = { critical: 1, high: 0, medium: 0, low: 0, info: 0 };
  const clean = scanOf('acme/secret', ago(3 * DAY));
  const shown = scanOf('acme/secret', ago(2 * HOUR), { score: 100, findings });
  await loud.scans([clean, shown]);
  await loud.findings('acme/secret', [findingOf(shown, 'k', secret)]);
  const old = scanOf('acme/secret', ago(3 * DAY), { findings });
  await calm.scans([old, scanOf('acme/other', ago(HOUR))]);
  await calm.findings('acme/secret', [findingOf(old, 'k', secret)]);
  const came = scanOf('acme/repaired', ago(3 * HOUR), { findings });
  await calm.scans([came, scanOf('acme/repaired', ago(HOUR))]);
  await calm.findings('acme/repaired', [findingOf(came, 'k', secret)]);

  // Scores: 90 and then 80; 90 and then 81; one scan alone.
  await loud.scans([scanOf('acme/score', ago(2 * DAY), { score: 90 }), scanOf('acme/score', ago(HOUR), { score: 80 })]);
  await calm.scans([
    scanOf('acme/score', ago(2 * DAY), { score: 90 }),
    scanOf('acme/score', ago(HOUR), { score: 81 }),
    scanOf('acme/score-new', ago(HOUR), { score: 10 }),
  ]);

  // Silence: a guard for 25 hours, scans for 8 days; for 6 days; a retired one.
  await loud.decisions([decisionOf('acme/silent', ago(25 * HOUR))]);
  await loud.scans([scanOf('acme/silent', ago(8 * DAY))]);
  await calm.decisions([decisionOf('acme/silent', ago(23 * HOUR)), decisionOf('acme/retired', ago(40 * DAY))]);
  await calm.scans([scanOf('acme/silent', ago(6 * DAY))]);

  // Masked: 20 now and none before; 20 where 10 an hour are usual.
  const masked = (seed: Seed, repository: string, at: string, count: number): Promise<void> =>
    seed.logs([{ at, repository, body: 'x', attributes: { 'redaction.masked.count': count } }]);
  await masked(loud, 'acme/masked', ago(MINUTE), 20);
  await masked(calm, 'acme/masked', ago(MINUTE), 20);
  await masked(calm, 'acme/masked', ago(3 * DAY), 168 * 10);

  // Collectors: 7 more that failed; no more than before; a total that only began.
  await loud.collectorMetric('otelcol_exporter_send_failed_spans', [
    { at: ago(10 * MINUTE), value: 3 },
    { at: ago(MINUTE), value: 10 },
  ]);
  await calm.collectorMetric('otelcol_exporter_send_failed_spans', [
    { at: ago(10 * MINUTE), value: 10 },
    { at: ago(MINUTE), value: 10 },
  ]);
  await calm.collectorMetric('otelcol_receiver_refused_spans_total', [{ at: ago(MINUTE), value: 50 }]);

  await foldSeries(database.client);
  // The hour before the last counts no more.
  const passed = (org: string, index: number, outcome: string, ms: number, more: object = {}): ToolCallSeed => ({
    org_id: org,
    repo: 'acme/passed',
    session_id: `session-${org}`,
    tool_call_id: String(index),
    occurred_at: ago(ms),
    outcome,
    has_run: outcome !== 'enforced',
    ...more,
  });
  await insertToolCalls(database.client, [
    passed('org_loud', 1, 'bypassed', MINUTE),
    passed('org_loud', 2, 'failed_open', MINUTE),
    passed('org_calm', 1, 'enforced', MINUTE),
    passed('org_calm', 2, 'bypassed', 3 * HOUR),
    // Denied by a guard and allowed by the user; allowed by a guard and denied by another hook; denied and allowed by a mod.
    passed('org_calm', 3, 'overruled', MINUTE, { cause: 'user' }),
    passed('org_calm', 4, 'overruled', MINUTE, { cause: 'other_hook', has_run: false }),
    passed('org_loud', 3, 'overruled', MINUTE, { cause: 'mods', repo: 'acme/mod' }),
  ]);
  // A session that is too large and still grows, one that ended, and one of which old events still arrive.
  const large = (org: string, session: string, ms: number): ToolCallSeed => ({
    org_id: org,
    repo: '',
    session_id: session,
    tool_call_id: '',
    occurred_at: ago(ms),
    outcome: 'unknown',
    cause: 'session_too_large',
  });
  await insertToolCalls(database.client, [
    large('org_loud', 'large-grows', 10 * DAY),
    large('org_loud', 'large-late', 20 * DAY),
    large('org_loud', 'large-ended', 5 * HOUR),
    large('org_calm', 'large-ended', 5 * HOUR),
  ]);
  for (const [org, session, hour, marked] of [
    ['org_loud', 'large-grows', 0, 0],
    ['org_loud', 'large-late', 20 * 24, 0],
    ['org_loud', 'large-ended', 4, 4],
    ['org_calm', 'large-ended', 4, 4],
    ['org_calm', 'small', 0, 0],
  ] as const)
    await database.client.command({
      query: `INSERT INTO session_hour_v1 SELECT '${org}', '${session}', 'acme/app', toStartOfHour(now()) - toIntervalHour(${String(hour)}), now64(3, 'UTC') - toIntervalHour(${String(marked)})`,
    });
  // A mark that no job has worked off for 10 minutes, and one of 2.
  for (const [org, age] of [
    ['org_loud', 10],
    ['org_calm', 2],
  ] as const) {
    await database.client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT 'runtime_event', '${org}', 'acme/lag', toStartOfHour(now()) - toIntervalDay(2), now64(3, 'UTC') - toIntervalMinute(${String(age)})`,
    });
  }
}

beforeAll(async () => {
  database = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => database.drop());

it('returns no data for every rule without history, with the state that the rule declares', async () => {
  for (const rule of rules().values()) {
    expect((await evaluate(rule)).size, rule.title).toBe(0);
    expect(['OK', 'NoData', 'Alerting']).toContain(rule.noDataState);
    expect(['Error', 'Alerting']).toContain(rule.execErrState);
  }
});

describe('with histories', () => {
  beforeAll(seedHistories);

  it.each([
    ['blocked-fast', 'fires', 'org_loud', 'acme/fast'],
    ['blocked-fast', 'quiet', 'org_calm', 'acme/fast'],
    ['blocked-fast', 'quiet', 'org_loud', 'acme/over'],
    ['blocked-fast', 'no data', 'org_loud', 'acme/few'],
    ['blocked-slow', 'fires', 'org_loud', 'acme/slow'],
    ['blocked-slow', 'quiet', 'org_calm', 'acme/slow'],
    ['blocked-slow', 'no data', 'org_loud', 'acme/few'],
    ['injection-spike', 'fires', 'org_loud', 'acme/inject'],
    ['injection-spike', 'quiet', 'org_calm', 'acme/inject'],
    ['injection-spike', 'quiet', 'org_calm', 'acme/inject-few'],
    ['injection-spike', 'no data', 'org_calm', 'acme/silent'],
    ['new-secret', 'fires', 'org_loud', 'acme/secret'],
    ['new-secret', 'quiet', 'org_calm', 'acme/secret'],
    ['new-secret', 'quiet', 'org_calm', 'acme/repaired'],
    ['new-secret', 'no data', 'org_calm', 'acme/fast'],
    ['score-drop', 'fires', 'org_loud', 'acme/score'],
    ['score-drop', 'quiet', 'org_calm', 'acme/score'],
    ['score-drop', 'no data', 'org_calm', 'acme/score-new'],
    ['guard-passed', 'fires', 'org_loud', 'acme/passed'],
    ['guard-passed', 'fires', 'org_loud', 'acme/mod'],
    ['guard-passed', 'quiet', 'org_calm', 'acme/passed'],
    ['guard-passed', 'no data', 'org_calm', 'acme/score-new'],
    ['masked-spike', 'fires', 'org_loud', 'acme/masked'],
    ['masked-spike', 'quiet', 'org_calm', 'acme/masked'],
    ['masked-spike', 'no data', 'org_calm', 'acme/fast'],
  ] as const)('%s %s for %s %s', async (uid, expected, org, repo) => {
    expect(await outcome(uid, `org_id=${org} repo=${repo}`)).toBe(expected);
  });

  it.each([
    ['fires', 'org_loud', 'guard', 'acme/silent'],
    ['fires', 'org_loud', 'scan', 'acme/silent'],
    ['quiet', 'org_calm', 'guard', 'acme/silent'],
    ['quiet', 'org_calm', 'scan', 'acme/silent'],
    ['no data', 'org_calm', 'guard', 'acme/retired'],
    ['no data', 'org_loud', 'scan', 'acme/fast'],
  ] as const)('silent %s for %s: %s of %s', async (expected, org, producer, repo) => {
    expect(await outcome('silent', `org_id=${org} repo=${repo} producer=${producer}`)).toBe(expected);
  });

  it('rollup-lag fires for a wait of over 5 minutes, not for 2 minutes, and has no data without organisations', async () => {
    expect(await outcome('rollup-lag', 'org_id=org_loud')).toBe('fires');
    expect(await outcome('rollup-lag', 'org_id=org_calm')).toBe('quiet');
    expect(await outcome('rollup-lag', 'org_id=org_none')).toBe('no data');
  });

  it('session-too-large fires for sessions of which events arrive, of any age, and not for those that ended', async () => {
    expect(await outcome('session-too-large', 'org_id=org_loud')).toBe('fires');
    const rule = rules().get('shieldwatch-session-too-large');
    expect(rule === undefined ? [] : [...(await evaluate(rule))]).toEqual([
      ['org_id=org_loud', { value: 2, fires: true }],
      ['org_id=org_calm', { value: 0, fires: false }],
    ]);
    expect(await outcome('session-too-large', 'org_id=org_none')).toBe('no data');
  });

  it('rollup-lag fires for a bucket that could not be computed for over 5 minutes', async () => {
    await database.client.insert({
      table: 'rollup_failure_v1',
      format: 'JSONEachRow',
      values: [10, 2].map((minutes) => ({
        ...{ org_id: minutes === 10 ? 'org_calm' : 'org_b', series: 'score_trend', is_open: true },
        ...{ bucket_start: 0, since: NOW - minutes * MINUTE, retry_at: NOW, version: 1 },
      })),
    });
    expect(await outcome('rollup-lag', 'org_id=org_calm')).toBe('fires');
  });

  it('dropping fires for an increase, not for a constant or first total, and has no data without telemetry', async () => {
    expect(await outcome('dropping', 'org_id=org_loud counter=exporter_send_failed_spans')).toBe('fires');
    expect(await outcome('dropping', 'org_id=org_calm counter=exporter_send_failed_spans')).toBe('quiet');
    expect(await outcome('dropping', 'org_id=org_calm counter=receiver_refused_spans')).toBe('quiet');
    expect(await outcome('dropping', 'org_id=org_none counter=receiver_refused_spans')).toBe('no data');
  });

  it('rules of one organisation raise alerts of that organisation only', async () => {
    for (const rule of rules('org_calm').values()) {
      const found = await evaluate(rule);
      expect(
        [...found.keys()].filter((labels) => !labels.startsWith('org_id=org_calm ') && labels !== 'org_id=org_calm'),
        rule.title,
      ).toEqual([]);
    }
  });
});

describe('the alert file', () => {
  it('has the fields of Grafana 12, links that Grafana expands, and no `$` that provisioning would expand', async () => {
    const text = await readFile(join(packageRoot(), 'grafana/provisioning/alerting/rules.json'), 'utf8');
    expect(text).not.toContain('$');
    for (const rule of rules().values()) {
      expect(Object.keys(rule)).toEqual([
        'uid',
        'title',
        'condition',
        'data',
        'dashboardUid',
        'panelId',
        'noDataState',
        'execErrState',
        'for',
        'annotations',
        'labels',
        'isPaused',
      ]);
      expect(rule.uid).toMatch(/^[a-z-]{1,40}$/);
      expect(rule.annotations['runbook_url']).toMatch(
        /^\{\{ externalURL \}\}d\/shieldwatch-runbooks\?viewPanel=panel-\d+$/,
      );
      expect(rule.annotations).toMatchObject({
        __dashboardUid__: rule.dashboardUid,
        __panelId__: String(rule.panelId),
      });
      expect(rule.execErrState, 'a query that fails is no alert of the rule').toBe('Error');
      const [query] = rule.data;
      expect(query).toMatchObject({
        refId: 'A',
        datasourceUid: 'shieldwatch-clickhouse',
        model: { editorType: 'sql', format: 1, queryType: 'table' },
      });
      expect(String(query?.model['rawSql'])).not.toMatch(/\$|__from/);
      const board = JSON.parse(
        await readFile(
          join(packageRoot(), 'grafana/generated', `${rule.dashboardUid.replace('shieldwatch-', '')}.json`),
          'utf8',
        ),
      ) as { panels: { id: number; targets?: unknown[] }[] };
      expect(board.panels.find(({ id }) => id === rule.panelId)?.targets).toHaveLength(1);
    }
  });
});
