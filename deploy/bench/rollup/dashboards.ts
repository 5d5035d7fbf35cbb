import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BenchReport } from '../figure.js';
import { alternate, quantile } from '../measure.js';

interface Panel {
  readonly series: string;
  readonly raw: string;
}

const SINCE = (days: number, column: string): string => `org_id = 'org0' AND ${column} >= now() - toIntervalDay(${days})`;

/** What boards ask, on the series and on the facts; each answers for one organisation, the largest. */
export const PANELS: Readonly<Record<string, Panel>> = {
  'blocked rate by tool and day, 30 days': {
    series: `SELECT toStartOfDay(h.bucket_start) AS time, tool, sum(h.blocked) / sum(h.total) AS rate FROM blocked_command_rate_hour AS h WHERE ${SINCE(30, 'bucket_start')} GROUP BY time, tool ORDER BY time, tool`,
    raw: `SELECT toStartOfDay(r.occurred_at) AS time, tool, countIf(r.decision = 'block') / count() AS rate FROM runtime_event AS r WHERE ${SINCE(30, 'occurred_at')} GROUP BY time, tool ORDER BY time, tool`,
  },
  'decisions of the organisation by day, 90 days': {
    series: `SELECT bucket_start, sum(d.total) AS total FROM blocked_command_rate_org_day AS d WHERE ${SINCE(90, 'bucket_start')} GROUP BY bucket_start ORDER BY bucket_start`,
    raw: `SELECT toStartOfDay(occurred_at) AS time, count() AS total FROM runtime_event WHERE ${SINCE(90, 'occurred_at')} GROUP BY time ORDER BY time`,
  },
  'injection attempts by day, 30 days': {
    series: `SELECT bucket_start, attempts, decisions, findings FROM injection_attempt_rate_org_day WHERE ${SINCE(30, 'bucket_start')} ORDER BY bucket_start`,
    raw: `SELECT time, sum(attempts), sum(decisions), sum(findings) FROM (
        SELECT toStartOfDay(occurred_at) AS time, countIf(decision = 'block' AND rule_category = 'injection') AS attempts, count() AS decisions, 0 AS findings FROM runtime_event WHERE ${SINCE(30, 'occurred_at')} GROUP BY time
        UNION ALL SELECT toStartOfDay(occurred_at) AS time, 0, 0, uniqExact(repo, finding_key, occurrence) FROM finding WHERE ${SINCE(30, 'occurred_at')} AND category = 'injection' GROUP BY time
      ) GROUP BY time ORDER BY time`,
  },
  'decision time p95 by day, 30 days': {
    series: `SELECT bucket_start, duration_us_p95 FROM decision_duration_org_day WHERE ${SINCE(30, 'bucket_start')} ORDER BY bucket_start`,
    raw: `SELECT toStartOfDay(occurred_at) AS time, quantileDD(0.01, 0.95)(duration_us) FROM runtime_event WHERE ${SINCE(30, 'occurred_at')} GROUP BY time ORDER BY time`,
  },
  'findings new and fixed by day, 30 days': {
    series: `SELECT bucket_start, severity, sum(f.new), sum(f.fixed) FROM finding_lifecycle_org_day AS f WHERE ${SINCE(30, 'bucket_start')} GROUP BY bucket_start, severity ORDER BY bucket_start, severity`,
    raw: `SELECT toStartOfDay(at) AS time, severity, count() FROM (
        SELECT f.severity AS severity, f.repo, f.finding_key, f.occurred_at AS at, n - lagInFrame(n, 1, 0) OVER (PARTITION BY f.repo, f.finding_key ORDER BY n) AS step
        FROM (SELECT * FROM finding WHERE ${SINCE(30, 'occurred_at')}) AS f
        INNER JOIN (SELECT repo, event_id, row_number() OVER (PARTITION BY repo ORDER BY occurred_at, event_id) AS n FROM scan WHERE ${SINCE(30, 'occurred_at')}) AS s ON s.repo = f.repo AND s.event_id = f.scan_id
      ) WHERE step > 1 GROUP BY time, severity ORDER BY time, severity`,
  },
};

/** The boards' queries on the series against the same on the facts, in turns. */
export async function dashboards(report: BenchReport, client: ClickHouseClient, repeats: number): Promise<void> {
  const raw: number[] = [];
  const series: number[] = [];
  let slowest = 0;
  for (const [name, panel] of Object.entries(PANELS)) {
    const timed = (sql: string) => async (): Promise<number> => {
      const startedAt = performance.now();
      await selectRows(client, sql);
      return performance.now() - startedAt;
    };
    const pairs = await alternate(repeats, timed(panel.raw), timed(panel.series));
    const p95 = { raw: quantile(pairs.map(({ a }) => a), 0.95), series: quantile(pairs.map(({ b }) => b), 0.95) };
    raw.push(p95.raw);
    series.push(p95.series);
    slowest = Math.max(slowest, p95.series);
    report.note(`${name}: p95 ${p95.raw.toFixed(0)} ms on facts, ${p95.series.toFixed(0)} ms on the series`);
  }
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  report.figure({ metric: 'dashboard_p95_ratio', value: sum(raw) / sum(series), better: 'higher', floor: 5, goal: 20 });
  report.figure({ metric: 'dashboard_slowest_panel_p95_ms', value: slowest, better: 'lower', floor: 100, goal: 100 });
}
