import { selectInParts, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Row } from '#schemas/records/rows.js';
import { withStoreErrors } from '../errors/with-store-errors.js';

/** Columns that the fleet rules read. */
const COLUMNS = [
  'repo',
  'event_id',
  'occurred_at',
  'score',
  'grade',
  'total_findings',
  'critical',
  'high',
  'medium',
  'low',
  'info',
  'provider',
  'bundle_digest',
  'integrity',
  'policy_status',
  'baseline_status',
  'packages_risky',
  'packages_critical',
  'packages_high',
  'auto_fixable',
  'manual_review',
] as const satisfies readonly (keyof Row<'scan'>)[];
/** A scan, with the number of its critical and high findings that are accepted now. */
export type FleetScan = Pick<Row<'scan'>, (typeof COLUMNS)[number]> & {
  accepted_critical: number;
  accepted_high: number;
};

/** Maximum repositories of a fleet that are checked. */
export const MAX_FLEET = 10_000;

/**
 * Returns the newest scan of each repository (or of some) that scanned at least one file, by name. `isCut` is true when
 * there are more than {@link MAX_FLEET}.
 */
export async function latestScans(
  clickhouse: ClickHouseClient,
  orgId: string,
  repositories?: readonly string[],
): Promise<{ scans: FleetScan[]; isCut: boolean }> {
  const scope = `org_id = {orgId:String}${repositories === undefined ? '' : ' AND repo IN {repositories:Array(String)}'}`;
  const scans: FleetScan[] = [];
  const read = async (): Promise<void> => {
    for await (const some of selectInParts<FleetScan>(
      clickhouse,
      `SELECT ${COLUMNS.map((column) => `s.${column} AS ${column}`).join(', ')}, a.critical AS accepted_critical, a.high AS accepted_high
       FROM (
         SELECT ${COLUMNS.join(', ')} FROM scan WHERE ${scope} AND files_scanned > 0
         ORDER BY repo, occurred_at DESC, event_id DESC LIMIT 1 BY repo LIMIT {limit:UInt32}
       ) AS s
       LEFT JOIN (SELECT * FROM accepted_finding WHERE ${scope}) AS a ON a.repo = s.repo AND a.scan_id = s.event_id
       ORDER BY repo`,
      { orgId, limit: MAX_FLEET + 1, ...(repositories === undefined ? {} : { repositories }) },
    ))
      scans.push(...some);
  };
  await withStoreErrors(read());
  return { scans: scans.slice(0, MAX_FLEET), isCut: scans.length > MAX_FLEET };
}
