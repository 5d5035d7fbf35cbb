import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from './client.js';
import { freshDatabase, type TestDatabase } from './testing.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

const at = (time: string): string => `2026-11-20 ${time}:00.000`;
const insert = (table: string, values: Record<string, unknown>[]) => db.client.insert({ table, values, format: 'JSONEachRow' });
const scan = (org_id: string, repo: string, time: string, more: Record<string, unknown> = {}) => ({
  org_id, repo, event_id: `${repo}@${time}`, occurred_at: at(time), score: 80, grade: 'B', files_scanned: 3, ...more,
});
const finding = (org_id: string, repo: string, time: string, finding_key: string, more: Record<string, unknown> = {}) => ({
  org_id, repo, event_id: `${repo}@${time}/${finding_key}`, occurred_at: at(time), scan_id: `${repo}@${time}`, finding_key, occurrence: 1,
  severity: 'critical', category: 'secrets', title: finding_key, file: 'CLAUDE.md', ...more,
});

describe('drift_history', () => {
  it('counts regressions and the band of score changes, by hour and day', async () => {
    const drift = (time: string, score_delta: number, is_regression: boolean) => ({
      org_id: 'drift', repo: 'app', event_id: time, occurred_at: at(time), score_delta, is_regression, has_critical: score_delta < -20, new_findings: 2, resolved_findings: 1,
    });
    await insert('drift_event_v1', [drift('10:05', -25, true), drift('10:50', 5, false), drift('12:00', -5, true)]);
    await insert('drift_event_v1', [drift('10:05', -25, true)]);
    const columns = 'drifts, regressions, improvements, critical_drifts, score_delta_min, score_delta_max, score_delta_sum, new_findings, resolved_findings';
    const rows = (view: string) =>
      selectRows(db.client, `SELECT toString(bucket_start) AS bucket, ${columns} FROM ${view} WHERE org_id = 'drift' ORDER BY bucket`);
    // 10:00 has -25 and +5, sum -20; 12:00 has -5; the day sums to -25 between -25 and 5.
    expect(await rows('drift_history_hour')).toEqual([
      { bucket: '2026-11-20 10:00:00', drifts: 2, regressions: 1, improvements: 1, critical_drifts: 1, score_delta_min: -25, score_delta_max: 5, score_delta_sum: -20, new_findings: 4, resolved_findings: 2 },
      { bucket: '2026-11-20 12:00:00', drifts: 1, regressions: 1, improvements: 0, critical_drifts: 0, score_delta_min: -5, score_delta_max: -5, score_delta_sum: -5, new_findings: 2, resolved_findings: 1 },
    ]);
    expect(await rows('drift_history_day')).toEqual([
      { bucket: '2026-11-20 00:00:00', drifts: 3, regressions: 2, improvements: 1, critical_drifts: 1, score_delta_min: -25, score_delta_max: 5, score_delta_sum: -25, new_findings: 6, resolved_findings: 3 },
    ]);
  });
});

describe('injection_attempt_rate', () => {
  it('sets blocked injections against all decisions, and a finding seen by two scans of an hour counts once', async () => {
    const decision = (time: string, action: string, rule_category: string) => ({
      org_id: 'inject', repo: 'app', event_id: time, occurred_at: at(time), tool: 'Bash', decision: action, rule_category,
    });
    await insert('runtime_event_v1', [decision('10:01', 'allow', ''), decision('10:02', 'block', 'injection'), decision('10:03', 'block', 'egress'), decision('11:01', 'allow', '')]);
    const injection = { category: 'injection' };
    await insert('finding_v1', [
      finding('inject', 'app', '10:10', 'a', injection),
      finding('inject', 'app', '10:20', 'a', injection),
      finding('inject', 'app', '10:20', 'b', injection),
      finding('inject', 'app', '10:20', 'c'),
    ]);
    const rows = (view: string) =>
      selectRows(db.client, `SELECT toString(bucket_start) AS bucket, attempts, decisions, findings FROM ${view} WHERE org_id = 'inject' ORDER BY bucket`);
    expect(await rows('injection_attempt_rate_hour')).toEqual([
      { bucket: '2026-11-20 10:00:00', attempts: 1, decisions: 3, findings: 2 },
      { bucket: '2026-11-20 11:00:00', attempts: 0, decisions: 1, findings: 0 },
    ]);
    expect(await rows('injection_attempt_rate_day')).toEqual([{ bucket: '2026-11-20 00:00:00', attempts: 1, decisions: 4, findings: 2 }]);
  });
});

describe('secret_exposure_events', () => {
  it('is one row an episode, resolved by the next scan that does not show it, whatever comes late or twice', async () => {
    const times = ['10:00', '11:00', '12:00', '13:00'];
    await insert('scan_v1', times.map((time) => scan('secret', 'app', time)));
    // A scan of nothing resolves nothing, and another organisation's scan is not ours.
    await insert('scan_v1', [scan('secret', 'app', '11:30', { files_scanned: 0 }), scan('other', 'app', '10:30')]);
    const shown: [string, string][] = [['10:00', 'key'], ['11:00', 'key'], ['13:00', 'key'], ['11:00', 'brief']];
    await insert('finding_v1', [...shown].reverse().map(([time, key]) => finding('secret', 'app', time, key)));
    await insert('finding_v1', [finding('secret', 'app', '11:00', 'key'), finding('secret', 'app', '12:00', 'mild', { severity: 'high' })]);
    expect(
      await selectRows(
        db.client,
        `SELECT finding_key, episode, toString(first_seen_at) AS first, toString(last_seen_at) AS last, toString(resolved_at) AS resolved, is_open
         FROM secret_exposure_events WHERE org_id = 'secret' ORDER BY finding_key, episode`,
      ),
    ).toEqual([
      { finding_key: 'brief', episode: 1, first: at('11:00'), last: at('11:00'), resolved: at('12:00'), is_open: false },
      { finding_key: 'key', episode: 1, first: at('10:00'), last: at('11:00'), resolved: at('12:00'), is_open: false },
      { finding_key: 'key', episode: 2, first: at('13:00'), last: at('13:00'), resolved: null, is_open: true },
    ]);
  });
});

describe('cross_repo_org_rollup', () => {
  it('folds the newest scans by AgentShield\'s fleet rules', async () => {
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
      scan('forged', 'ready', '10:00', { ...quiet, bundle_digest: 'a', expected_bundle_digest: 'b' }),
    ]);
    const routes = await selectRows<{ repo: string; route: string }>(db.client, `SELECT repo, route FROM repo_route WHERE org_id = 'fleet' ORDER BY repo`);
    expect(Object.fromEntries(routes.map(({ repo, route }) => [repo, route]))).toEqual({
      blocked: 'security-blocker', packages: 'supply-chain-review', policy: 'policy-review', ready: 'ready', regressed: 'baseline-regression', vulnerable: 'security-blocker',
    });
    const [fleet] = await selectRows(db.client, `SELECT * FROM cross_repo_org_rollup WHERE org_id = 'fleet'`);
    // Scores 40, 80, 70, 100, 100, 100: mean 490 / 6.
    expect(fleet).toMatchObject({
      repos: 6, score_min: 40, critical: 1, high: 2, policy_failures: 2, baseline_regressions: 2, risky_packages: 3,
      invalid: 0, security_blocker: 2, policy_review: 1, baseline_regression: 1, supply_chain_review: 1, ready: 1, status: 'blocked',
    });
    expect((fleet as { score_mean: number }).score_mean).toBeCloseTo(490 / 6);
    expect(await selectRows(db.client, `SELECT org_id, status FROM cross_repo_org_rollup WHERE org_id IN ('calm', 'forged') ORDER BY org_id`)).toEqual([
      { org_id: 'calm', status: 'ready' },
      { org_id: 'forged', status: 'invalid-evidence' },
    ]);
  });
});
