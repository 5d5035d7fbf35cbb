import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { ScorePoint } from '#schemas/http/posture.js';
import type { Grade } from '#schemas/records/enums.js';
import type { Row } from '#schemas/records/rows.js';
import type { Window } from './window.js';

/** Returns the points of `score_trend` of one repository, oldest first. */
export async function scoreTrend(
  clickhouse: ClickHouseClient,
  orgId: string,
  repository: string,
  window: Window,
): Promise<ScorePoint[]> {
  const rows = await selectRows<Row<'score_trend_hour'>>(
    clickhouse,
    `SELECT bucket_start, min_severity, producer_version, scans, empty_scans, score_last, score_min, score_max,
       score_mean, grade_last, score_secrets_last, score_permissions_last, score_hooks_last, score_mcp_last,
       score_agents_last
     FROM score_trend_${window.bucket}
     WHERE org_id = {orgId:String} AND repo = {repository:String}
       AND bucket_start >= toDateTime({start:UInt32}, 'UTC') AND bucket_start < toDateTime({end:UInt32}, 'UTC')
     ORDER BY bucket_start, min_severity, producer_version`,
    { orgId, repository, start: window.start, end: window.end },
  );
  return rows.map((row) => ({
    bucketStart: row.bucket_start,
    minSeverity: row.min_severity,
    producerVersion: row.producer_version,
    last: row.score_last,
    min: row.score_min,
    max: row.score_max,
    mean: row.score_mean,
    grade: row.grade_last === '' || row.scans === 0 ? null : (row.grade_last as Grade),
    scans: row.scans,
    emptyScans: row.empty_scans,
    breakdown: {
      secrets: row.score_secrets_last,
      permissions: row.score_permissions_last,
      hooks: row.score_hooks_last,
      mcp: row.score_mcp_last,
      agents: row.score_agents_last,
    },
  }));
}
