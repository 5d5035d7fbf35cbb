import { backfillMonth, monthsOf } from '#rollups/backfill.js';
import { rollupJobs } from '#rollups/jobs.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BenchReport } from '../figure.js';

/** Size of a fleet's history. */
export interface FleetSize {
  /** Decisions and findings together, approximately. */
  readonly events: number;
  readonly days: number;
  readonly organisations: number;
  readonly repositories: number;
}

/**
 * 90 days and 20 organisations. The floors require at least 10 million events, and a million for the organisation that
 * dashboards query over 30 days; they are checked at 16 million.
 */
export const FLEET: FleetSize = { events: 16_000_000, days: 90, organisations: 20, repositories: 2 };

/** Scans per day of one repository, and findings per scan. */
const SCANS_A_DAY = 12;
const FINDINGS = 20;

/** The last full hour of the fleet's history, in seconds since the epoch. */
export const lastHour = (): number => Math.floor(Date.now() / 3_600_000) * 3_600 - 3_600;

/**
 * Fleets are skewed: the first organisation is the largest, the second has half, the third a third of its size; in
 * each, the first repository has three quarters.
 */
function organisationSlots(organisations: number): number[] {
  return Array.from({ length: organisations }, (_, i) => i).flatMap((i) =>
    Array.from({ length: Math.ceil(60 / (i + 1)) }, () => i),
  );
}

/** Distribution of events over a day in an office: few at night, most around noon. 24 weights. */
const OFFICE = [1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 12, 12, 14, 14, 12, 10, 8, 6, 4, 3, 2, 1, 1];

/**
 * Fills the fact tables with SQL, the same in every run: decisions over office hours, scans every two hours with 20
 * findings each, of which one in ten appears or disappears. No hour is marked dirty; the series are backfilled.
 */
export async function fillFleet(client: ClickHouseClient, size: FleetSize, report: BenchReport): Promise<void> {
  for (const fact of ['scan', 'finding', 'runtime_event'])
    await client.command({ query: `DROP TABLE dirty_hour_${fact}_mv_v1` });
  const repos = size.organisations * size.repositories;
  const scans = repos * size.days * SCANS_A_DAY;
  const decisions = Math.max(1_000, size.events - scans * FINDINGS);
  const newest = lastHour() + 3_599;
  const slots = OFFICE.flatMap((weight, hour) => Array.from({ length: weight }, () => hour));
  const orgs = organisationSlots(size.organisations);
  const settings = { max_execution_time: 600, max_partitions_per_insert_block: '100' };

  for (let from = 0; from < decisions; from += 2_000_000) {
    await client.command({
      query: `INSERT INTO runtime_event_v1 (org_id, repo, event_id, occurred_at, session_id, agent, tool, decision, rule_category, duration_us, reason)
        WITH cityHash64(number) AS h, [${slots.join(', ')}] AS slots, [${orgs.join(', ')}] AS orgs, intDiv(h, 7) % ${size.days} AS day
        SELECT concat('org', toString(orgs[1 + intDiv(h, 31) % ${orgs.length}])), concat('acme/repo', toString(if(intDiv(h, 29) % 4 = 0, 1 % ${size.repositories}, 0))), hex(h),
          toDateTime64(intDiv(${newest}, 86400) * 86400 - day * 86400 + slots[1 + intDiv(h, 1000) % ${slots.length}] * 3600 + intDiv(h, 100000) % 3600, 3, 'UTC') AS at,
          concat('s', toString(intDiv(h, 13) % 500)), if(h % 5 = 0, 'codex', 'claude-code'),
          ['Bash', 'Read', 'Edit', 'Write', 'WebFetch', 'mcp__github__search'][1 + intDiv(h, 11) % 6],
          if(intDiv(h, 17) % 50 = 0, 'block', 'allow') AS d, if(d = 'block', ['injection', 'destructive', 'egress', ''][1 + intDiv(h, 19) % 4], ''),
          200 + intDiv(h, 23) % 40000, if(d = 'block', 'Input matches denied pattern', '')
        FROM numbers(${from}, ${Math.min(2_000_000, decisions - from)})
        WHERE at <= toDateTime64(${newest}, 3, 'UTC')`,
      clickhouse_settings: settings,
    });
  }
  // A scan every two hours; number / repos counts back from the newest.
  const scanRow = `concat('org', toString(r % ${size.organisations})) AS org_id, concat('acme/repo', toString(intDiv(r, ${size.organisations}))) AS repo,
    concat('scan', toString(n)) AS scan_id, toDateTime64(${newest} - intDiv(n, ${repos}) * ${86_400 / SCANS_A_DAY}, 3, 'UTC') AS at`;
  await client.command({
    query: `INSERT INTO scan_v1 (org_id, repo, event_id, occurred_at, score, grade, total_findings, critical, high, files_scanned, min_severity, producer_version)
      WITH number AS n, n % ${repos} AS r SELECT org_id, repo, scan_id, at, 40 + cityHash64(n) % 60, 'B', ${FINDINGS}, 1, 3, 12, 'info', '1.6.0' FROM (SELECT ${scanRow}, n FROM numbers(${scans}))`,
    clickhouse_settings: settings,
  });
  await client.command({
    query: `INSERT INTO finding_v1 (org_id, repo, event_id, occurred_at, scan_id, finding_key, occurrence, severity, category, title, file)
      WITH number AS n, n % ${repos} AS r
      SELECT org_id, repo, concat(scan_id, '/', toString(f)), at, scan_id,
        -- The last two of twenty change with every scan.
        concat('key', toString(f), if(f >= ${FINDINGS - 2}, toString(cityHash64(scan_id, f) % 30), '')), 1, ['critical', 'high', 'medium', 'low', 'info'][1 + f % 5] AS severity,
        ['secrets', 'permissions', 'hooks', 'mcp', 'injection'][1 + f % 5], 'a finding', 'CLAUDE.md'
      FROM (SELECT ${scanRow}, arrayJoin(range(${FINDINGS})) AS f FROM numbers(${scans}))`,
    clickhouse_settings: settings,
  });
  for (const table of ['runtime_event_v1', 'scan_v1', 'finding_v1']) {
    await client.command({ query: `OPTIMIZE TABLE ${table} FINAL`, clickhouse_settings: settings });
  }
  report.note(
    `${decisions} decisions, ${scans} scans, ${scans * FINDINGS} findings over ${size.days} days of ${repos} repositories`,
  );

  const startedAt = performance.now();
  let buckets = 0;
  for (const job of rollupJobs())
    for (const { month } of await monthsOf(client, job)) buckets += (await backfillMonth(client, job, month)).buckets;
  report.note(
    `backfill of all series: ${buckets} buckets in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`,
  );
}
