import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { CHANGES, type ComparedScans } from './baseline-comparison.js';

export interface FindingsQuestion {
  orgId: string;
  repository: string | undefined;
  severity: string | undefined;
  category: string | undefined;
  status: 'open' | 'resolved' | 'all';
  /** Findings that were resolved before this are left out. */
  resolvedSince: Date | undefined;
  /** The newest scan of the repository and its baseline, if they can be compared. */
  baseline: ComparedScans | undefined;
  /** Only findings that are new since the baseline. */
  isNewOnly: boolean;
  limit: number;
  cursor: string | undefined;
}

export interface FindingRow {
  repo: string;
  finding_key: string;
  finding_id: string;
  severity: string;
  category: string;
  title: string;
  file: string;
  line: number;
  runtime_confidence: string;
  occurrences: number;
  first_seen_at: string;
  last_seen_at: string;
  resolved_at: string | null;
  /** Null without a baseline. */
  is_new: boolean | null;
  scans: number;
}

/**
 * Lists findings with their state from `finding_transition`, which boards and alerts read too. Only scans that list all
 * findings they count are compared, and a scan with a minimum severity resolves nothing below it. A scan appears here
 * once the rollups have computed its hour. A finding that was re-keyed by another scheme is listed under its new key
 * only. A finding with a changed severity is a new row: the old one is fixed.
 */
export async function findings(
  clickhouse: ClickHouseClient,
  question: FindingsQuestion,
): Promise<{ rows: FindingRow[]; nextCursor: string | null }> {
  const after = decodeCursor(question.cursor, ['string', 'string', 'string', 'string']);
  const params: Record<string, unknown> = { orgId: question.orgId, limit: question.limit + 1 };
  const scope = ['org_id = {orgId:String}'];
  if (question.repository !== undefined) {
    scope.push('repo = {repository:String}');
    params['repository'] = question.repository;
  }
  const having: string[] = [];
  for (const column of ['severity', 'category'] as const) {
    if (question[column] === undefined) continue;
    having.push(`${column} = {${column}:String}`);
    params[column] = question[column];
  }
  if (question.status === 'open') having.push('isNull(resolved_at)');
  if (question.status === 'resolved') having.push('isNotNull(resolved_at)');
  if (question.resolvedSince !== undefined) {
    having.push("(isNull(resolved_at) OR resolved_at >= fromUnixTimestamp64Milli({resolvedSince:Int64}, 'UTC'))");
    params['resolvedSince'] = question.resolvedSince.getTime();
  }
  if (after !== undefined) {
    having.push(
      '(repo, finding_key, severity, category) > ({afterRepo:String}, {afterKey:String}, {afterSeverity:String}, {afterCategory:String})',
    );
    [params['afterRepo'], params['afterKey'], params['afterSeverity'], params['afterCategory']] = after;
  }
  Object.assign(params, question.baseline);
  const isNew =
    question.baseline === undefined
      ? 'NULL'
      : `toBool(f.finding_key IN (SELECT finding_key FROM (${CHANGES}) WHERE is_in AND NOT was_in) AND isNull(resolved_at))`;
  if (question.isNewOnly) having.push('is_new');
  const condition = scope.join(' AND ');
  const rows = await withStoreErrors(
    selectRows<FindingRow>(
      clickhouse,
      `SELECT f.repo AS repo, f.finding_key AS finding_key, toString(f.severity) AS severity, toString(f.category) AS category,
         argMax(f.finding_id, (f.occurred_at, f.event_id)) AS finding_id,
         argMax(f.title, (f.occurred_at, f.event_id)) AS title,
         argMax(f.file, (f.occurred_at, f.event_id)) AS file,
         argMax(f.line, (f.occurred_at, f.event_id)) AS line,
         argMax(f.runtime_confidence, (f.occurred_at, f.event_id)) AS runtime_confidence,
         any(l.resolved_at) AS resolved_at,
         toUInt32(if(isNull(resolved_at), any(l.open), argMax(f.occurrence, (f.occurred_at, f.occurrence)))) AS occurrences,
         min(f.occurred_at) AS first_seen_at, max(f.occurred_at) AS last_seen_at,
         uniqExact(f.scan_id) AS scans,
         ${isNew} AS is_new
       FROM finding AS f
       INNER JOIN (
         SELECT repo, finding_key, severity, category, sum(t.change) AS open, if(open > 0, NULL, max(t.scan_at)) AS resolved_at
         FROM finding_transition AS t WHERE ${condition} GROUP BY repo, finding_key, severity, category
         HAVING open > 0 OR NOT argMax(t.is_rekeyed, (t.scan_at, t.scan_id))
       ) AS l ON l.repo = f.repo AND l.finding_key = f.finding_key AND l.severity = f.severity AND l.category = f.category
       WHERE f.${condition.replaceAll(' AND ', ' AND f.')}
         AND (f.repo, f.scan_id) IN (SELECT repo, scan_id FROM scan_posture WHERE ${condition} AND is_detailed)
       GROUP BY f.repo, f.finding_key, f.severity, f.category
       ${having.length === 0 ? '' : `HAVING ${having.join(' AND ')}`}
       ORDER BY repo, finding_key, severity, category LIMIT {limit:UInt32}`,
      params,
    ),
  );
  return page(rows, question.limit, (last) => [last.repo, last.finding_key, last.severity, last.category]);
}
