import { expect } from 'vitest';
import type { ProvisionedRule } from '#grafana/alerts/provisioning.js';
import { decisionOf, findingOf, scanOf, Seed } from '#ingest/testing/board-seed.js';
import { insertToolCalls, type ToolCallSeed } from '#ingest/testing/tool-call-rows.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { DrillRecord, DrillResult } from '#schemas/records/drill.js';
import { DAY, foldSeries, HOUR, MINUTE } from './board-seed.js';

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

/**
 * Evaluates a rule as Grafana does: its query (table to numbers with labels), the reducer, which leaves a number alone, and
 * the threshold. No row is no data. Keys are `name=value` of every label, separated by blanks.
 */
export async function evaluateInGrafana(
  client: ClickHouseClient,
  rule: ProvisionedRule,
): Promise<Map<string, { value: number; fires: boolean }>> {
  const [query, reduce, threshold] = rule.data.map(({ model }) => model);
  expect([query?.['refId'], reduce?.['expression'], threshold?.['expression'], rule.condition]).toEqual([
    'A',
    'A',
    'B',
    'C',
  ]);
  const [condition] = threshold?.['conditions'] as { evaluator: { type: string; params: [number] } }[];
  expect(condition?.evaluator.type).toBe('gt');
  const answer = await client.query({ query: String(query?.['rawSql']), format: 'JSONCompact' });
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

/** Rules that fire in no history of this file, with the reason. */
export const WITHOUT_HISTORY: Readonly<Record<string, string>> = {};

/** Fills one organisation where everything happens that a rule watches for, and one where it nearly does. */
export async function seedAlertHistories(
  client: ClickHouseClient,
  orgs = { loud: 'org_loud', calm: 'org_calm' },
): Promise<void> {
  const now = Date.now();
  const ago = (ms: number): string => new Date(now - ms).toISOString();
  const loud = new Seed(client, orgs.loud);
  const calm = new Seed(client, orgs.calm);
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

  // A drill alone is no activity; without any, Prometheus folds a repository.
  await loud.decisions(['acme/overdue', 'acme/failed'].map((repository) => decisionOf(repository, ago(MINUTE))));

  await foldSeries(client);
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
  await insertToolCalls(client, [
    passed(orgs.loud, 1, 'bypassed', MINUTE),
    passed(orgs.loud, 2, 'failed_open', MINUTE),
    passed(orgs.calm, 1, 'enforced', MINUTE),
    passed(orgs.calm, 2, 'bypassed', 3 * HOUR),
    // Denied by a guard and allowed by the user; allowed by a guard and denied by another hook; denied and allowed by a mod.
    passed(orgs.calm, 3, 'overruled', MINUTE, { cause: 'user' }),
    passed(orgs.calm, 4, 'overruled', MINUTE, { cause: 'other_hook', has_run: false }),
    passed(orgs.loud, 3, 'overruled', MINUTE, { cause: 'mods', repo: 'acme/mod' }),
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
  await insertToolCalls(client, [
    large(orgs.loud, 'large-grows', 10 * DAY),
    large(orgs.loud, 'large-late', 20 * DAY),
    large(orgs.loud, 'large-ended', 5 * HOUR),
    large(orgs.calm, 'large-ended', 5 * HOUR),
  ]);
  for (const [org, session, hour, marked] of [
    [orgs.loud, 'large-grows', 0, 0],
    [orgs.loud, 'large-late', 20 * 24, 0],
    [orgs.loud, 'large-ended', 4, 4],
    [orgs.calm, 'large-ended', 4, 4],
    [orgs.calm, 'small', 0, 0],
  ] as const)
    await client.command({
      query: `INSERT INTO session_hour_v1 SELECT '${org}', '${session}', 'acme/app', toStartOfHour(now()) - toIntervalHour(${String(hour)}), now64(3, 'UTC') - toIntervalHour(${String(marked)})`,
    });
  const drill = (repository: string, ms: number, result: DrillResult): DrillRecord => ({
    seat: 'a'.repeat(32),
    client: 'codex',
    repository,
    timestamp: ago(ms),
    durationMs: 1,
    result,
  });
  await loud.drills([
    drill('acme/overdue', 30 * HOUR, 'proved'),
    drill('acme/failed', 3 * HOUR, 'proved'),
    drill('acme/failed', HOUR, 'failed_open'),
  ]);
  await calm.drills([
    drill('acme/overdue', 20 * HOUR, 'proved'),
    drill('acme/failed', HOUR, 'no_hook'),
    drill('acme/retired', 31 * DAY, 'proved'),
  ]);
  // A mark that no job has worked off for 10 minutes, and one of 2.
  for (const [org, age] of [
    [orgs.loud, 10],
    [orgs.calm, 2],
  ] as const) {
    await client.command({
      query: `INSERT INTO dirty_hour_v1 SELECT 'runtime_event', '${org}', 'acme/lag', toStartOfHour(now()) - toIntervalDay(2), now64(3, 'UTC') - toIntervalMinute(${String(age)})`,
    });
  }
}
