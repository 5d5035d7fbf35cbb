import { ORACLE } from '#rollups/testing/history/oracle.js';
import { IS_INJECTION_ATTEMPT } from '#schemas/clickhouse/injection-attempt.js';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BenchReport } from '../figure.js';
import { alternate, quantile } from '../measure.js';

/** One query on the series and on the facts; both return the same rows. */
interface Panel {
  readonly series: string;
  readonly raw: string;
}

/** Whole days, so that both queries cover the same days. */
const SINCE = (days: number, column: string): string =>
  `org_id = 'org0' AND ${column} >= toStartOfDay(now('UTC') - toIntervalDay(${days}))`;

/**
 * The boards' queries, on the series and on the facts, each for the largest organisation. Which finding is new and
 * which reappears depends on all scans before, so the panel on facts is the oracle's query, restricted to that
 * organisation.
 */
export const PANELS: Readonly<Record<string, Panel>> = {
  'blocked rate by tool and day, 30 days': {
    series: `SELECT bucket_start AS time, tool, sum(d.blocked) / sum(d.total) AS rate FROM blocked_command_rate_day AS d WHERE ${SINCE(30, 'bucket_start')} GROUP BY time, tool ORDER BY time, tool`,
    raw: `SELECT toStartOfDay(r.occurred_at) AS time, tool, countIf(r.decision = 'block') / count() AS rate FROM runtime_event AS r WHERE ${SINCE(30, 'occurred_at')} GROUP BY time, tool ORDER BY time, tool`,
  },
  'decisions of the organisation by day, 90 days': {
    series: `SELECT bucket_start AS time, sum(d.total) AS total FROM blocked_command_rate_org_day AS d WHERE ${SINCE(90, 'bucket_start')} GROUP BY time ORDER BY time`,
    raw: `SELECT toStartOfDay(occurred_at) AS time, count() AS total FROM runtime_event WHERE ${SINCE(90, 'occurred_at')} GROUP BY time ORDER BY time`,
  },
  'injection attempts by day, 30 days': {
    series: `SELECT bucket_start AS time, attempts, decisions, findings FROM injection_attempt_rate_org_day WHERE ${SINCE(30, 'bucket_start')} ORDER BY time`,
    raw: `SELECT time, sum(attempts) AS attempts, sum(decisions) AS decisions, sum(findings) AS findings FROM (
        SELECT toStartOfDay(occurred_at) AS time, countIf(${IS_INJECTION_ATTEMPT}) AS attempts, count() AS decisions, 0 AS findings FROM runtime_event WHERE ${SINCE(30, 'occurred_at')} GROUP BY time
        UNION ALL SELECT toStartOfDay(occurred_at) AS time, 0, 0, uniqExact(repo, finding_key, occurrence) FROM finding WHERE ${SINCE(30, 'occurred_at')} AND category = 'injection' GROUP BY time
      ) GROUP BY time ORDER BY time`,
  },
  'decision time p95 by day, 30 days': {
    series: `SELECT bucket_start AS time, duration_us_p95 AS p95 FROM decision_duration_org_day WHERE ${SINCE(30, 'bucket_start')} ORDER BY time`,
    raw: `SELECT toStartOfDay(occurred_at) AS time, quantilesDD(0.01, 0.95)(duration_us)[1] AS p95 FROM runtime_event WHERE ${SINCE(30, 'occurred_at')} GROUP BY time ORDER BY time`,
  },
  'findings new and fixed by day, 30 days': {
    series: `SELECT bucket_start AS time, severity, sum(f.new) AS new, sum(f.fixed) AS fixed FROM finding_lifecycle_org_day AS f WHERE ${SINCE(30, 'bucket_start')} GROUP BY time, severity ORDER BY time, severity`,
    raw: `SELECT bucket_start AS time, severity, sum(f.new) AS new, sum(f.fixed) AS fixed FROM (${ORACLE['finding_lifecycle_day']?.naive ?? ''}) AS f WHERE ${SINCE(30, 'bucket_start')} GROUP BY time, severity ORDER BY time, severity`,
  },
};

/** Measures the boards' queries on the series against the same on the facts, alternating. */
export async function dashboards(report: BenchReport, client: ClickHouseClient, repeats: number): Promise<void> {
  const raw: number[] = [];
  const series: number[] = [];
  let slowest = 0;
  const [held] = await selectRows<{ month: number; quarter: number }>(
    client,
    `SELECT countIf(${SINCE(30, 'occurred_at')}) AS month, count() AS quarter FROM runtime_event WHERE ${SINCE(90, 'occurred_at')}`,
  );
  report.note(`org0 has ${held?.month ?? 0} decisions in 30 days and ${held?.quarter ?? 0} in 90`);
  for (const [name, panel] of Object.entries(PANELS)) {
    await haveSameRows(client, name, panel);
    const timed = (sql: string) => async (): Promise<number> => {
      const startedAt = performance.now();
      await selectRows(client, sql, { orgs: 'org0' });
      return performance.now() - startedAt;
    };
    const pairs = await alternate(repeats, timed(panel.raw), timed(panel.series));
    const p95 = {
      raw: quantile(
        pairs.map(({ a }) => a),
        0.95,
      ),
      series: quantile(
        pairs.map(({ b }) => b),
        0.95,
      ),
    };
    raw.push(p95.raw);
    series.push(p95.series);
    slowest = Math.max(slowest, p95.series);
    report.note(`${name}: p95 ${p95.raw.toFixed(0)} ms on facts, ${p95.series.toFixed(0)} ms on the series`);
  }
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  report.figure({ metric: 'dashboard_p95_ratio', value: sum(raw) / sum(series), better: 'higher', floor: 5, goal: 20 });
  report.figure({ metric: 'dashboard_slowest_panel_p95_ms', value: slowest, better: 'lower', floor: 100, goal: 100 });
}

/** Checks that both queries return the same rows, without which a comparison of their speed means nothing. */
async function haveSameRows(client: ClickHouseClient, name: string, { raw, series }: Panel): Promise<void> {
  const [onFacts, onSeries] = [
    await selectRows(client, raw, { orgs: 'org0' }),
    await selectRows(client, series, { orgs: 'org0' }),
  ];
  if (onFacts.length === 0 || JSON.stringify(onFacts) !== JSON.stringify(onSeries))
    throw new Error(`${name}: ${onFacts.length} rows on facts, ${onSeries.length} on the series, and they differ`);
}
