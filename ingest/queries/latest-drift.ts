import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { DriftListFinding, LatestDrift } from '#schemas/http/posture.js';
import type { Row } from '#schemas/records/rows.js';
import type { Window } from './window.js';

/** Returns the newest drift before `to`; null when there is none. */
export async function latestDrift(
  clickhouse: ClickHouseClient,
  orgId: string,
  repository: string,
  window: Window,
): Promise<LatestDrift | null> {
  const [row] = await selectRows<Row<'drift_event'>>(
    clickhouse,
    `SELECT event_id, occurred_at, score_delta, score_previous, score_current, is_regression, has_critical, new_findings,
       resolved_findings, new_list, resolved_list
     FROM drift_event
     WHERE org_id = {orgId:String} AND repo = {repository:String} AND occurred_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
     ORDER BY occurred_at DESC, event_id DESC LIMIT 1`,
    { orgId, repository, before: window.before },
  );
  if (row === undefined) return null;
  return {
    driftEventId: row.event_id,
    timestamp: row.occurred_at,
    scoreDelta: row.score_delta,
    previousScore: row.score_previous,
    currentScore: row.score_current,
    isRegression: row.is_regression,
    hasCritical: row.has_critical,
    newFindingCount: row.new_findings,
    resolvedFindingCount: row.resolved_findings,
    newFindings: row.new_list.map(toFinding),
    resolvedFindings: row.resolved_list.map(toFinding),
  };
}

function toFinding({
  finding_key: findingKey = '',
  id = '',
  severity = '',
  category = '',
  title = '',
  file = '',
}: Record<string, string>): DriftListFinding {
  return {
    findingKey: findingKey === '' ? null : findingKey,
    id,
    severity,
    category: category === '' ? null : category,
    title,
    file,
  };
}
