import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BlockedCommandPoint, DecisionCounts, Posture } from '#schemas/http/posture.js';
import type { Row } from '#schemas/records/rows.js';
import type { Window } from './window.js';

/** Returns the points of `blocked_command_rate` of one repository, oldest first, and their sum. */
export async function blockedCommandRate(
  clickhouse: ClickHouseClient,
  orgId: string,
  repository: string,
  window: Window,
): Promise<Posture['runtime']> {
  const rows = await selectRows<Row<'blocked_command_rate_hour'>>(
    clickhouse,
    `SELECT bucket_start, tool, agent, rule_category, allowed, blocked, asked, total
     FROM blocked_command_rate_${window.bucket}
     WHERE org_id = {orgId:String} AND repo = {repository:String}
       AND bucket_start >= toDateTime({start:UInt32}, 'UTC') AND bucket_start < toDateTime({end:UInt32}, 'UTC')
     ORDER BY bucket_start, tool, agent, rule_category`,
    { orgId, repository, start: window.start, end: window.end },
  );
  const points = rows.map(
    ({ bucket_start, tool, agent, rule_category, allowed, blocked, asked, total }): BlockedCommandPoint => ({
      bucketStart: bucket_start,
      tool,
      agent,
      ruleCategory: rule_category,
      allowed,
      blocked,
      asked,
      total,
    }),
  );
  const sum = (key: keyof DecisionCounts): number => points.reduce((total, point) => total + point[key], 0);
  const totals = { allowed: sum('allowed'), blocked: sum('blocked'), asked: sum('asked'), total: sum('total') };
  return {
    blockedCommandRate: points,
    totals: { ...totals, rate: totals.total === 0 ? null : totals.blocked / totals.total },
  };
}
