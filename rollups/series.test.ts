import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { createRollupWorker } from './worker.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const at = (time: string): string => `2026-11-20 ${time}:00.000`;
const insert = (table: string, values: Record<string, unknown>[]) =>
  db.client.insert({ table, values, format: 'JSONEachRow' });
const tick = () => createRollupWorker({ clickhouse: db.client, settleMs: 0 }).tick();
const select = (sql: string) => selectRows(db.client, sql);

const scan = (org_id: string, repo: string, time: string, more: Record<string, unknown> = {}) => ({
  org_id,
  repo,
  event_id: `${repo}@${time}`,
  occurred_at: at(time),
  score: 80,
  grade: 'B',
  files_scanned: 3,
  ...more,
});
const finding = (
  org_id: string,
  repo: string,
  time: string,
  finding_key: string,
  more: Record<string, unknown> = {},
) => ({
  org_id,
  repo,
  event_id: `${repo}@${time}/${finding_key}`,
  occurred_at: at(time),
  scan_id: `${repo}@${time}`,
  finding_key,
  occurrence: 1,
  severity: 'critical',
  category: 'secrets',
  title: finding_key,
  file: 'CLAUDE.md',
  ...more,
});
const decision = (org_id: string, time: string, action: string, more: Record<string, unknown> = {}) => ({
  org_id,
  repo: 'app',
  event_id: time,
  occurred_at: at(time),
  tool: 'Bash',
  decision: action,
  ...more,
});

describe('decision_duration', () => {
  it('keeps quantiles within 1 % and the exact maximum, and folds sketches by day and organisation', async () => {
    // 100 decisions of 1 to 100 ms in two hours of two repositories.
    await insert(
      'runtime_event_v1',
      Array.from({ length: 100 }, (_, i) =>
        decision('duration', i % 2 === 0 ? '10:00' : '11:00', 'allow', {
          event_id: `d${i}`,
          repo: i % 4 < 2 ? 'app' : 'web',
          duration_us: (i + 1) * 1_000,
        }),
      ),
    );
    await tick();
    const columns = 'sum(decisions) AS n, max(duration_us_max) AS greatest';
    expect(
      await select(`SELECT count() AS buckets, ${columns} FROM decision_duration_hour WHERE org_id = 'duration'`),
    ).toEqual([{ buckets: 4, n: 100, greatest: 100_000 }]);
    const [day] = (await select(
      `SELECT decisions, duration_us_p50, duration_us_p95, duration_us_p99 FROM decision_duration_org_day WHERE org_id = 'duration'`,
    )) as Record<string, number>[];
    // The 50th, 95th and 99th of 1,000, 2,000 ... 100,000 microseconds.
    for (const [name, exact] of [
      ['duration_us_p50', 50_000],
      ['duration_us_p95', 95_000],
      ['duration_us_p99', 99_000],
    ] as const) {
      expect(Math.abs((day?.[name] ?? 0) / exact - 1), name).toBeLessThan(0.025);
    }
    expect(day?.['decisions']).toBe(100);
  });
});

describe('injection_attempt_rate', () => {
  it('divides blocked injections by all decisions; counts a finding once per bucket; counts attempts recognised by their reason separately', async () => {
    await insert('runtime_event_v1', [
      decision('inject', '10:01', 'allow'),
      decision('inject', '10:02', 'block', { rule_category: 'injection' }),
      decision('inject', '10:03', 'block', { rule_category: 'egress', reason: 'looks like an injection' }),
      decision('inject', '10:04', 'block', { reason: 'Prompt injection in a page' }),
      decision('inject', '11:01', 'allow', { reason: 'no injection' }),
    ]);
    const injection = { category: 'injection' };
    await insert('finding_v1', [
      finding('inject', 'app', '10:10', 'a', injection),
      finding('inject', 'app', '10:20', 'a', injection),
      finding('inject', 'app', '10:20', 'b', injection),
      finding('inject', 'app', '10:20', 'c'),
      finding('inject', 'app', '12:20', 'a', injection),
    ]);
    await tick();
    const rows = (view: string) =>
      select(
        `SELECT toString(bucket_start) AS bucket, attempts, decisions, findings, attempts_by_text FROM ${view} WHERE org_id = 'inject' ORDER BY bucket`,
      );
    expect(await rows('injection_attempt_rate_hour')).toEqual([
      { bucket: '2026-11-20 10:00:00', attempts: 2, decisions: 4, findings: 2, attempts_by_text: 1 },
      { bucket: '2026-11-20 11:00:00', attempts: 0, decisions: 1, findings: 0, attempts_by_text: 0 },
      { bucket: '2026-11-20 12:00:00', attempts: 0, decisions: 0, findings: 1, attempts_by_text: 0 },
    ]);
    // Finding a is in two hours and counts once in the day: 2, not 2 + 1.
    const day = { attempts: 2, decisions: 5, findings: 2, attempts_by_text: 1 };
    expect(await rows('injection_attempt_rate_day')).toEqual([{ bucket: '2026-11-20 00:00:00', ...day }]);
    // 20 November 2026 is a Friday; its ISO week began on Monday the 16th.
    expect(await rows('injection_attempt_rate_week')).toEqual([{ bucket: '2026-11-16 00:00:00', ...day }]);
  });
});

describe('finding_lifecycle', () => {
  it('distinguishes new from recurred, times the fix, and changes only what a late scan affects', async () => {
    // Key a: shown at 10, 11; not at 12; shown at 14. Key b: from 11 on.
    await insert(
      'scan_v1',
      ['10:00', '11:00', '12:00', '14:00'].map((time) => scan('life', 'app', time, { total_findings: 1 })),
    );
    await insert('finding_v1', [
      finding('life', 'app', '10:00', 'a'),
      finding('life', 'app', '11:00', 'a'),
      finding('life', 'app', '14:00', 'a'),
      ...['11:00', '12:00', '14:00'].map((time) => finding('life', 'app', time, 'b')),
    ]);
    await tick();
    const rows = () =>
      select(
        `SELECT toHour(bucket_start) AS hour, new, regressed, fixed, fix_seconds, open FROM finding_lifecycle_hour WHERE org_id = 'life' ORDER BY hour`,
      );
    expect(await rows()).toEqual([
      { hour: 10, new: 1, regressed: 0, fixed: 0, fix_seconds: 0, open: 1 },
      { hour: 11, new: 1, regressed: 0, fixed: 0, fix_seconds: 0, open: 2 },
      // Key a was open from 10:00 to 12:00.
      { hour: 12, new: 0, regressed: 0, fixed: 1, fix_seconds: 7_200, open: 1 },
      { hour: 14, new: 0, regressed: 1, fixed: 0, fix_seconds: 0, open: 2 },
    ]);
    const versions = () =>
      select(
        `SELECT toHour(bucket_start) AS hour, toString(max(version)) AS version FROM finding_lifecycle_v1 WHERE org_id = 'life' GROUP BY hour ORDER BY hour`,
      ) as Promise<{ hour: number; version: string }[]>;
    const before = new Map((await versions()).map(({ hour, version }) => [hour, version]));

    // Late: a scan at 10:30 without findings. Key a is fixed then, reappears at 11:00 and is fixed after one hour.
    await insert('scan_v1', [scan('life', 'app', '10:30')]);
    await tick();
    expect(await rows()).toEqual([
      { hour: 10, new: 1, regressed: 0, fixed: 1, fix_seconds: 1_800, open: 0 },
      { hour: 11, new: 1, regressed: 1, fixed: 0, fix_seconds: 0, open: 2 },
      { hour: 12, new: 0, regressed: 0, fixed: 1, fix_seconds: 3_600, open: 1 },
      { hour: 14, new: 0, regressed: 1, fixed: 0, fix_seconds: 0, open: 2 },
    ]);
    // The scan's hour; the next scan's; those of the next fix and the next appearance of the finding that it moved.
    expect(
      (await versions()).filter(({ hour, version }) => before.get(hour) !== version).map(({ hour }) => hour),
    ).toEqual([10, 11, 12, 14]);
    expect(
      await select(
        `SELECT finding_key, toString(opened_at) AS opened, recurrences FROM open_finding WHERE org_id = 'life' ORDER BY finding_key`,
      ),
    ).toEqual([
      { finding_key: 'a', opened: at('14:00'), recurrences: 2 },
      { finding_key: 'b', opened: at('11:00'), recurrences: 0 },
    ]);
  });

  it('ignores severities that a scan filters out, and summaries without rows', async () => {
    await insert('scan_v1', [
      scan('filter', 'app', '10:00', { total_findings: 2 }),
      // Reports critical findings only: does not affect the low one. The summary counts two and lists none.
      scan('filter', 'app', '11:00', { total_findings: 1, min_severity: 'critical' }),
      scan('filter', 'app', '12:00', { total_findings: 2 }),
    ]);
    await insert('finding_v1', [
      finding('filter', 'app', '10:00', 'secret'),
      finding('filter', 'app', '10:00', 'minor', { severity: 'low', category: 'hooks' }),
      finding('filter', 'app', '11:00', 'secret'),
    ]);
    await tick();
    expect(
      await select(
        `SELECT toHour(bucket_start) AS hour, severity, new, fixed, open FROM finding_lifecycle_hour WHERE org_id = 'filter' ORDER BY hour, severity`,
      ),
    ).toEqual([
      { hour: 10, severity: 'critical', new: 1, fixed: 0, open: 1 },
      { hour: 10, severity: 'low', new: 1, fixed: 0, open: 1 },
      { hour: 11, severity: 'critical', new: 0, fixed: 0, open: 1 },
    ]);
  });
});

describe('drift_history', () => {
  it('counts regressions, the range of score changes, and changes between scans', async () => {
    const drift = (time: string, score_delta: number, is_regression: boolean) => ({
      org_id: 'drift',
      repo: 'app',
      event_id: time,
      occurred_at: at(time),
      score_delta,
      is_regression,
      has_critical: score_delta < -20,
      new_findings: 2,
      resolved_findings: 1,
    });
    await insert('drift_event_v1', [drift('10:05', -25, true), drift('10:50', 5, false), drift('12:00', -5, true)]);
    await insert('drift_event_v1', [drift('10:05', -25, true)]);
    // The first scan's finding is no drift. At 13:00 the line of it moved (same key), and a high one came.
    await insert('scan_v1', [
      scan('drift', 'app', '09:00', { total_findings: 1 }),
      scan('drift', 'app', '13:00', { total_findings: 2 }),
    ]);
    await insert('finding_v1', [
      finding('drift', 'app', '09:00', 'a', { line: 3 }),
      finding('drift', 'app', '13:00', 'a', { line: 7 }),
      finding('drift', 'app', '13:00', 'h', { severity: 'high' }),
    ]);
    await tick();
    const columns =
      'drifts, regressions, improvements, critical_drifts, score_delta_min, score_delta_max, score_delta_sum, new_findings, resolved_findings, new_critical, new_high';
    const rows = (view: string) =>
      select(`SELECT toString(bucket_start) AS bucket, ${columns} FROM ${view} WHERE org_id = 'drift' ORDER BY bucket`);
    const scans = { new_critical: 0, new_high: 0 };
    // 10:00 has -25 and +5, sum -20; 12:00 has -5; the day sums to -25 between -25 and 5.
    expect(await rows('drift_history_hour')).toEqual([
      {
        bucket: '2026-11-20 10:00:00',
        drifts: 2,
        regressions: 1,
        improvements: 1,
        critical_drifts: 1,
        score_delta_min: -25,
        score_delta_max: 5,
        score_delta_sum: -20,
        new_findings: 4,
        resolved_findings: 2,
        ...scans,
      },
      {
        bucket: '2026-11-20 12:00:00',
        drifts: 1,
        regressions: 1,
        improvements: 0,
        critical_drifts: 0,
        score_delta_min: -5,
        score_delta_max: -5,
        score_delta_sum: -5,
        new_findings: 2,
        resolved_findings: 1,
        ...scans,
      },
      {
        bucket: '2026-11-20 13:00:00',
        drifts: 0,
        regressions: 0,
        improvements: 0,
        critical_drifts: 0,
        score_delta_min: null,
        score_delta_max: null,
        score_delta_sum: 0,
        new_findings: 0,
        resolved_findings: 0,
        new_critical: 0,
        new_high: 1,
      },
    ]);
    expect(await rows('drift_history_day')).toEqual([
      {
        bucket: '2026-11-20 00:00:00',
        drifts: 3,
        regressions: 2,
        improvements: 1,
        critical_drifts: 1,
        score_delta_min: -25,
        score_delta_max: 5,
        score_delta_sum: -25,
        new_findings: 6,
        resolved_findings: 3,
        new_critical: 0,
        new_high: 1,
      },
    ]);
  });
});

describe('secret_exposure_events', () => {
  it('is one row per episode, resolved by the next scan without the finding, with late and repeated data', async () => {
    const times = ['10:00', '11:00', '12:00', '13:00'];
    await insert(
      'scan_v1',
      times.map((time) => scan('secret', 'app', time)),
    );
    // A scan of 0 files resolves nothing, and neither does another organisation's scan.
    await insert('scan_v1', [scan('secret', 'app', '11:30', { files_scanned: 0 }), scan('other', 'app', '10:30')]);
    const shown: [string, string][] = [
      ['10:00', 'key'],
      ['11:00', 'key'],
      ['13:00', 'key'],
      ['11:00', 'brief'],
    ];
    await insert(
      'finding_v1',
      [...shown].reverse().map(([time, key]) => finding('secret', 'app', time, key)),
    );
    await insert('finding_v1', [
      finding('secret', 'app', '11:00', 'key'),
      finding('secret', 'app', '12:00', 'mild', { severity: 'high' }),
    ]);
    // A second copy of the same secret in its file is not a second secret.
    await insert('finding_v1', [finding('secret', 'app', '11:00', 'key', { occurrence: 2, event_id: 'copy' })]);
    await insert('masking_event_v1', [
      { org_id: 'secret', repo: 'app', event_id: 'm', occurred_at: at('12:10'), record: 'log', masked: 3 },
    ]);
    await tick();
    expect(
      await select(
        `SELECT finding_key, episode, toString(first_seen_at) AS first, toString(last_seen_at) AS last, toString(resolved_at) AS resolved, is_open,
           if(is_open, 0, exposure_hours) AS hours
         FROM secret_exposure_events WHERE org_id = 'secret' ORDER BY finding_key, episode`,
      ),
    ).toEqual([
      {
        finding_key: 'brief',
        episode: 1,
        first: at('11:00'),
        last: at('11:00'),
        resolved: at('12:00'),
        is_open: false,
        hours: 1,
      },
      {
        finding_key: 'key',
        episode: 1,
        first: at('10:00'),
        last: at('11:00'),
        resolved: at('12:00'),
        is_open: false,
        hours: 2,
      },
      {
        finding_key: 'key',
        episode: 2,
        first: at('13:00'),
        last: at('13:00'),
        resolved: null,
        is_open: true,
        hours: 0,
      },
    ]);
    // By the hour it is the same episodes: one comes at 11:00, and both go at 12:00.
    expect(
      await select(
        `SELECT toHour(bucket_start) AS hour, exposed, resolved, open, masked FROM secret_exposure_hour WHERE org_id = 'secret' ORDER BY hour`,
      ),
    ).toEqual([
      { hour: 10, exposed: 1, resolved: 0, open: 1, masked: 0 },
      { hour: 11, exposed: 1, resolved: 0, open: 2, masked: 0 },
      { hour: 12, exposed: 0, resolved: 2, open: 0, masked: 3 },
      { hour: 13, exposed: 1, resolved: 0, open: 1, masked: 0 },
    ]);
  });
});

describe('cross_repo_org_rollup', () => {
  it("aggregates the newest scans by AgentShield's fleet rules", async () => {
    const quiet = { critical: 0, high: 0 };
    await insert('scan_v1', [
      scan('fleet', 'blocked', '10:00', { ...quiet, score: 90 }),
      scan('fleet', 'blocked', '11:00', { critical: 1, high: 2, score: 40, policy_status: 'failed' }),
      scan('fleet', 'policy', '10:00', { ...quiet, score: 80, policy_status: 'failed', baseline_status: 'regressed' }),
      scan('fleet', 'regressed', '10:00', { ...quiet, score: 70, baseline_status: 'regressed' }),
      scan('fleet', 'packages', '10:00', { ...quiet, score: 100, packages_risky: 2 }),
      scan('fleet', 'vulnerable', '10:00', { ...quiet, score: 100, packages_risky: 1, packages_high: 1 }),
      scan('fleet', 'ready', '10:00', { ...quiet, score: 100, baseline_status: 'passed' }),
      scan('fleet', 'empty', '10:00', { files_scanned: 0, score: 100 }),
      scan('calm', 'ready', '10:00', quiet),
      scan('edited', 'ready', '10:00', { ...quiet, bundle_digest: 'a', expected_bundle_digest: 'b' }),
      scan('forged', 'ready', '10:00', { ...quiet, bundle_digest: 'a', integrity: 'suspect' }),
    ]);
    await tick();
    const routes = (await select(`SELECT repo, route FROM repo_route WHERE org_id = 'fleet' ORDER BY repo`)) as {
      repo: string;
      route: string;
    }[];
    expect(Object.fromEntries(routes.map(({ repo, route }) => [repo, route]))).toEqual({
      blocked: 'security-blocker',
      packages: 'supply-chain-review',
      policy: 'policy-review',
      ready: 'ready',
      regressed: 'baseline-regression',
      vulnerable: 'security-blocker',
    });
    const [fleet] = await select(`SELECT * FROM cross_repo_org_rollup WHERE org_id = 'fleet'`);
    // Scores 40, 80, 70, 100, 100, 100: mean 490 / 6.
    expect(fleet).toMatchObject({
      repos: 6,
      score_min: 40,
      critical: 1,
      high: 2,
      policy_failures: 2,
      baseline_regressions: 2,
      risky_packages: 3,
      invalid: 0,
      security_blocker: 2,
      policy_review: 1,
      baseline_regression: 1,
      supply_chain_review: 1,
      ready: 1,
      status: 'blocked',
    });
    expect((fleet as { score_mean: number }).score_mean).toBeCloseTo(490 / 6);
    expect(
      await select(
        `SELECT org_id, status FROM cross_repo_org_rollup WHERE org_id IN ('calm', 'edited', 'forged') ORDER BY org_id`,
      ),
    ).toEqual([
      { org_id: 'calm', status: 'ready' },
      { org_id: 'edited', status: 'invalid-evidence' },
      { org_id: 'forged', status: 'invalid-evidence' },
    ]);
  });

  it("has a trend in which a late scan changes the hours until the repository's next scan", async () => {
    await insert('scan_v1', [
      scan('trend', 'one', '10:00', { score: 50 }),
      scan('trend', 'one', '13:00', { score: 90 }),
      scan('trend', 'two', '11:00', { score: 70 }),
      scan('trend', 'two', '12:00', { score: 80 }),
      scan('trend', 'two', '14:00', { score: 100 }),
    ]);
    await tick();
    const rows = () =>
      select(
        `SELECT toHour(bucket_start) AS hour, repos, score_mean FROM cross_repo_org_rollup_hour WHERE org_id = 'trend' ORDER BY hour`,
      );
    expect(await rows()).toEqual([
      { hour: 10, repos: 1, score_mean: 50 },
      { hour: 11, repos: 2, score_mean: 60 },
      { hour: 12, repos: 2, score_mean: 65 },
      { hour: 13, repos: 2, score_mean: 85 },
      { hour: 14, repos: 2, score_mean: 95 },
    ]);
    const versions = async () =>
      new Map(
        (
          (await select(
            `SELECT toHour(bucket_start) AS hour, toString(max(version)) AS version FROM cross_repo_org_rollup_v1 WHERE org_id = 'trend' GROUP BY hour`,
          )) as { hour: number; version: string }[]
        ).map(({ hour, version }) => [hour, version]),
      );
    const before = await versions();
    await insert('scan_v1', [scan('trend', 'one', '11:30', { score: 10 })]);
    await tick();
    // Repository one stands at 10 from 11:30 to 13:00: (10 + 70) / 2 and (10 + 80) / 2.
    expect((await rows()).slice(0, 4)).toEqual([
      { hour: 10, repos: 1, score_mean: 50 },
      { hour: 11, repos: 2, score_mean: 40 },
      { hour: 12, repos: 2, score_mean: 45 },
      { hour: 13, repos: 2, score_mean: 85 },
    ]);
    const after = await versions();
    expect(
      [...after]
        .filter(([hour, version]) => before.get(hour) !== version)
        .map(([hour]) => hour)
        .sort(),
    ).toEqual([11, 12]);
    expect(
      await select(`SELECT repos, score_mean, status FROM cross_repo_org_rollup_day WHERE org_id = 'trend'`),
    ).toEqual([{ repos: 2, score_mean: 95, status: 'ready' }]);
  });
});

describe('decisions of people', () => {
  const control = (
    org_id: string,
    kind: string,
    subject: string,
    time: string,
    state: string,
    detail: Record<string, unknown>,
  ) => ({
    org_id,
    repo: 'app',
    event_id: `${subject}@${time}`,
    occurred_at: at(time),
    kind,
    subject,
    state,
    detail: JSON.stringify(detail),
  });

  it('open and close review items by route, in the organisation and in its trend', async () => {
    const item = (id: string, time: string, state: string, route: string, repo = 'app') => ({
      ...control('review', 'review_item', id, time, state, { route }),
      repo,
    });
    await insert('control_event_v1', [
      item('a', '10:10', 'open', 'security-blocker'),
      item('b', '10:20', 'open', 'policy-review'),
      item('a', '11:10', 'approved', 'security-blocker'),
      item('a', '12:10', 'open', 'security-blocker'),
      // Replaced by a newer scan's; its repository is not named.
      item('b', '12:20', 'superseded', 'policy-review', ''),
      // An assignment: nothing opens or closes.
      item('a', '12:30', 'open', 'security-blocker'),
    ]);
    await insert('scan_v1', [
      scan('review', 'app', '10:30'),
      scan('review', 'app', '11:30'),
      scan('review', 'app', '13:00'),
    ]);
    await tick();
    expect(
      await select(
        `SELECT toHour(bucket_start) AS hour, route, opened, closed, open FROM open_review_item_org_hour WHERE org_id = 'review' ORDER BY hour, route`,
      ),
    ).toEqual([
      { hour: 10, route: 'policy-review', opened: 1, closed: 0, open: 1 },
      { hour: 10, route: 'security-blocker', opened: 1, closed: 0, open: 1 },
      { hour: 11, route: 'security-blocker', opened: 0, closed: 1, open: 0 },
      { hour: 12, route: 'policy-review', opened: 0, closed: 1, open: 0 },
      { hour: 12, route: 'security-blocker', opened: 1, closed: 0, open: 1 },
    ]);
    const columns = 'open_review_items, open_security_blocker, open_policy_review';
    expect(
      await select(
        `SELECT toHour(bucket_start) AS hour, ${columns} FROM cross_repo_org_rollup_hour WHERE org_id = 'review' ORDER BY hour`,
      ),
    ).toEqual([
      { hour: 10, open_review_items: 2, open_security_blocker: 1, open_policy_review: 1 },
      { hour: 11, open_review_items: 1, open_security_blocker: 0, open_policy_review: 1 },
      { hour: 13, open_review_items: 1, open_security_blocker: 1, open_policy_review: 0 },
    ]);
    const now = { open_review_items: 1, open_security_blocker: 1, open_policy_review: 0 };
    expect(await select(`SELECT ${columns} FROM cross_repo_org_rollup_week WHERE org_id = 'review'`)).toEqual([now]);
    expect(await select(`SELECT ${columns} FROM cross_repo_org_rollup WHERE org_id = 'review'`)).toEqual([now]);
    expect(
      await select(
        `SELECT repo, review_item_id, status FROM review_item_state WHERE org_id = 'review' ORDER BY review_item_id`,
      ),
    ).toEqual([
      { repo: 'app', review_item_id: 'a', status: 'open' },
      { repo: 'app', review_item_id: 'b', status: 'superseded' },
    ]);
  });

  it('accept a finding until a date, after which it is open again, or mute it', async () => {
    const decide = (key: string, time: string, state: string, until = '') =>
      control('triage', 'finding_triage', key, time, state, { until });
    await insert('scan_v1', [
      scan('triage', 'app', '10:00', { total_findings: 2 }),
      scan('triage', 'app', '15:00', { total_findings: 1 }),
    ]);
    await insert('finding_v1', [
      finding('triage', 'app', '10:00', 'a'),
      finding('triage', 'app', '10:00', 'b'),
      finding('triage', 'app', '15:00', 'b'),
    ]);
    await insert('control_event_v1', [
      // Accepted before it was reported, until 12:30; b is muted from 11:00 on.
      decide('a', '09:00', 'accepted', '2026-11-20T12:30:00.000Z'),
      decide('b', '11:00', 'muted'),
      // No scan shows this one.
      decide('c', '11:00', 'accepted', '2026-11-20T12:30:00.000Z'),
    ]);
    await tick();
    const rows = (view: string) =>
      select(
        `SELECT toHour(bucket_start) AS hour, open, accepted, muted FROM ${view} WHERE org_id = 'triage' ORDER BY hour`,
      );
    const expected = [
      { hour: 10, open: 2, accepted: 1, muted: 0 },
      { hour: 11, open: 2, accepted: 1, muted: 1 },
      // The acceptance ended.
      { hour: 12, open: 2, accepted: 0, muted: 1 },
      // a is resolved.
      { hour: 15, open: 1, accepted: 0, muted: 1 },
    ];
    expect(await rows('open_finding_hour')).toEqual(expected);
    expect(await rows('open_finding_org_hour')).toEqual(expected);
    expect(await rows('open_finding_org_day')).toEqual([{ hour: 0, open: 1, accepted: 0, muted: 1 }]);
    expect(await select(`SELECT finding_key, triage, triage_until FROM open_finding WHERE org_id = 'triage'`)).toEqual([
      { finding_key: 'b', triage: 'muted', triage_until: null },
    ]);
  });

  it('leave as many open as the list shows, at any time', async () => {
    const counts = await select(
      `SELECT org_id, toUInt64(sum(last)) AS n FROM (SELECT org_id, argMax(open, bucket_start) AS last FROM open_finding_org_hour GROUP BY org_id, severity, category) GROUP BY org_id HAVING n > 0 ORDER BY org_id`,
    );
    expect(counts.length).toBeGreaterThan(3);
    expect(await select('SELECT org_id, count() AS n FROM open_finding GROUP BY org_id ORDER BY org_id')).toEqual(
      counts,
    );
    expect(
      await select(
        `SELECT org_id, toUInt64(sum(last)) AS n FROM (SELECT org_id, argMax(open, bucket_start) AS last FROM finding_lifecycle_org_day GROUP BY org_id, severity, category) GROUP BY org_id HAVING n > 0 ORDER BY org_id`,
      ),
    ).toEqual(counts);
  });
});

describe('coverage', () => {
  it('reports silence as its own state, neither zero nor missing', async () => {
    // All of it about the hour in which the test began: the next may begin while it runs.
    const now = Date.now();
    const untilNow = `bucket_start < toDateTime(${String(Math.floor(now / 3_600_000) * 3_600)}, 'UTC')`;
    const hoursAgo = (hours: number): number => now - hours * 3_600_000;
    const event = (fact: Record<string, unknown>, hours: number) => ({
      org_id: 'cover',
      event_id: `e${hours}`,
      occurred_at: hoursAgo(hours),
      ...fact,
    });
    await insert('runtime_event_v1', [
      event({ repo: 'app', tool: 'Bash', decision: 'allow', session_id: 's1' }, 1),
      event({ repo: 'web', tool: 'Bash', decision: 'allow', session_id: 's0' }, 73),
    ]);
    await insert('scan_v1', [event({ repo: 'app', files_scanned: 1 }, 2)]);
    await insert('agent_event_v1', [
      event({ repo: '', agent: 'claude-code', session_id: 's1' }, 1),
      event({ repo: '', agent: 'claude-code', session_id: 's2', event_id: 'other' }, 1),
    ]);
    await tick();
    expect(
      await select(`SELECT repo, producer, state FROM coverage WHERE org_id = 'cover' ORDER BY repo, producer`),
    ).toEqual([
      { repo: '', producer: 'claude-code', state: 'reporting' },
      { repo: 'app', producer: 'guard', state: 'reporting' },
      { repo: 'app', producer: 'scan', state: 'reporting' },
      { repo: 'web', producer: 'guard', state: 'silent' },
      { repo: 'web', producer: 'scan', state: 'never' },
    ]);
    // Reported 73 hours ago: that hour, and 72 silent ones before the current one.
    expect(
      await select(
        `SELECT state, count() AS hours, sum(events) AS events FROM coverage_hour WHERE org_id = 'cover' AND repo = 'web' AND ${untilNow} GROUP BY state ORDER BY state`,
      ),
    ).toEqual([
      { state: 'reporting', hours: 1, events: 1 },
      { state: 'silent', hours: 72, events: null },
    ]);
    // Of the organisation: two guards reported within the last four days, and one of them is silent now.
    expect(
      await select(
        `SELECT producer, argMax(reporting, bucket_start) AS reporting, argMax(silent, bucket_start) AS silent FROM coverage_org_hour WHERE org_id = 'cover' AND ${untilNow} GROUP BY producer ORDER BY producer`,
      ),
    ).toEqual([
      { producer: 'claude-code', reporting: 1, silent: 0 },
      { producer: 'guard', reporting: 1, silent: 1 },
      { producer: 'scan', reporting: 0, silent: 1 },
    ]);
    expect(
      await select(
        `SELECT sum(reporting) AS reporting, sum(silent) > 0 AS is_silent FROM coverage_org_day WHERE org_id = 'cover' AND producer = 'guard'`,
      ),
    ).toEqual([{ reporting: 2, is_silent: 1 }]);
    // Two sessions by the agent's own account; the guard saw one of them.
    expect(
      await select(
        `SELECT sum(agent_sessions) AS agent, sum(guarded_sessions) AS guarded, sum(unguarded_sessions) AS unguarded FROM session_coverage_hour WHERE org_id = 'cover' AND bucket_start > now() - toIntervalHour(3)`,
      ),
    ).toEqual([{ agent: 2, guarded: 1, unguarded: 1 }]);
  });
});
