import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BaselineComparison, ComparedFinding } from '#schemas/http/control.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { scanIdOf } from '#schemas/records/ids.js';

/** Maximum findings of each kind that an answer lists. All are counted. */
const MAX_LISTED = 500;

interface ComparedScan {
  scan_id: string;
  scan_at: string;
  severity_from: number;
  score: number;
  /** Key scheme of the scan's findings; empty when it lists none, which is comparable with every scheme. */
  scheme: string;
}

interface ChangedFinding {
  finding_key: string;
  occurrence: number;
  severity: string;
  category: string;
  finding_id: string;
  title: string;
  file: string;
}

/** The two compared scans, as parameters of {@link CHANGES}. */
export interface ComparedScans extends Record<string, unknown> {
  newest: string;
  newestAt: string;
  base: string;
  baseAt: string;
  /** Rank of the lowest severity that both scans report. */
  from: number;
}

interface Question {
  orgId: string;
  repository: string;
  /** Event id of the baseline's scan; null when it was not stored. */
  eventId: string | null;
}

/** The newest scan and the baseline, and the reason why they cannot be compared, if any. */
interface Pair {
  compared: Pick<BaselineComparison, 'scanId' | 'generatedAt' | 'scoreDelta'>;
  scans: ComparedScans | undefined;
  why: string;
}

const SCOPE = 'org_id = {orgId:String} AND repo = {repository:String}';

/**
 * Selects each finding of either scan once, by (severity, category, finding key, occurrence), for severities that both
 * report. `finding_transition` compares consecutive scans in the same way.
 */
export const CHANGES = `SELECT severity, category, finding_key, occurrence, max(scan_id = {newest:String}) AS is_in, max(scan_id = {base:String}) AS was_in,
    any(finding_id) AS finding_id, any(title) AS title, any(file) AS file
  FROM finding WHERE ${SCOPE} AND scan_id IN ({newest:String}, {base:String}) AND occurred_at IN ({newestAt:DateTime64(3, 'UTC')}, {baseAt:DateTime64(3, 'UTC')})
    AND indexOf(['info', 'low', 'medium', 'high', 'critical'], severity) > {from:UInt8}
  GROUP BY severity, category, finding_key, occurrence`;

/** Returns both scans if each lists all findings that it counts and their keys use the same scheme. */
export async function comparedScans(
  clickhouse: ClickHouseClient,
  { orgId, repository, eventId }: Question,
): Promise<Pair> {
  const scan = async (condition: string, order: string): Promise<ComparedScan | undefined> =>
    (
      await withStoreErrors(
        selectRows<ComparedScan>(
          clickhouse,
          `SELECT scan_id, scan_at, severity_from, score, if(critical + high + medium + low + info = 0, '', toString(key_scheme)) AS scheme
       FROM scan_posture WHERE ${SCOPE} AND is_detailed AND ${condition} ORDER BY ${order} LIMIT 1`,
          { orgId, repository, eventId: eventId ?? '' },
        ),
      )
    )[0];
  const none = (why: string): Pair => ({
    compared: { scanId: null, generatedAt: null, scoreDelta: null },
    scans: undefined,
    why,
  });
  if (eventId === null) return none('the baseline was set by an older version; set it again');
  const [base, newest] = await Promise.all([
    scan('scan_id = {eventId:String}', 'scan_at'),
    scan('true', 'scan_at DESC, scan_id DESC'),
  ]);
  if (base === undefined || newest === undefined)
    return none('the findings of the baseline are not listed individually, or are not stored yet');
  const compared = {
    scanId: scanIdOf(orgId, repository, newest.scan_id),
    generatedAt: newest.scan_at,
    scoreDelta: base.severity_from === newest.severity_from ? newest.score - base.score : null,
  };
  if (base.scheme !== '' && newest.scheme !== '' && base.scheme !== newest.scheme) {
    return {
      compared,
      scans: undefined,
      why: 'the finding keys use another scheme than those of the baseline',
    };
  }
  const from = Math.max(base.severity_from, newest.severity_from);
  return {
    compared,
    scans: {
      newest: newest.scan_id,
      newestAt: clock(newest.scan_at),
      base: base.scan_id,
      baseAt: clock(base.scan_at),
      from,
    },
    why: '',
  };
}

/**
 * Compares a repository's newest scan with its baseline. By AgentShield's rule it is a regression if any finding is new
 * or the score is lower.
 */
export async function compareWithBaseline(
  clickhouse: ClickHouseClient,
  question: Question,
): Promise<BaselineComparison> {
  const { compared, scans, why } = await comparedScans(clickhouse, question);
  const isLower = compared.scoreDelta !== null && compared.scoreDelta < 0;
  if (scans === undefined) {
    return {
      ...compared,
      notCompared: why,
      isRegression: isLower ? true : null,
      newFindingsCount: null,
      resolvedFindingsCount: null,
      unchangedCount: null,
      newCriticalCount: null,
      newHighCount: null,
      newFindings: [],
      resolvedFindings: [],
    };
  }
  const params = { orgId: question.orgId, repository: question.repository, ...scans };
  const list = (condition: string): Promise<ChangedFinding[]> =>
    selectRows<ChangedFinding>(
      clickhouse,
      `SELECT finding_key, occurrence, severity, category, finding_id, title, file FROM (${CHANGES}) WHERE ${condition}
       ORDER BY indexOf(['critical', 'high', 'medium', 'low', 'info'], severity), finding_key, occurrence LIMIT ${String(MAX_LISTED)}`,
      params,
    );
  const [[counts], added, resolved] = await withStoreErrors(
    Promise.all([
      selectRows<Record<'added' | 'resolved' | 'unchanged' | 'critical' | 'high', number>>(
        clickhouse,
        `SELECT countIf(is_in AND NOT was_in) AS added, countIf(was_in AND NOT is_in) AS resolved, countIf(is_in AND was_in) AS unchanged,
         countIf(is_in AND NOT was_in AND severity = 'critical') AS critical, countIf(is_in AND NOT was_in AND severity = 'high') AS high FROM (${CHANGES})`,
        params,
      ),
      list('is_in AND NOT was_in'),
      list('was_in AND NOT is_in'),
    ]),
  );
  if (counts === undefined) throw new Error('the store returned no count');
  return {
    ...compared,
    notCompared: null,
    isRegression: counts.added > 0 || isLower,
    newFindingsCount: counts.added,
    resolvedFindingsCount: counts.resolved,
    unchangedCount: counts.unchanged,
    newCriticalCount: counts.critical,
    newHighCount: counts.high,
    newFindings: added.map(toFinding),
    resolvedFindings: resolved.map(toFinding),
  };
}

/** Formats a time for a query parameter. */
const clock = (time: string): string => time.replace('T', ' ').replace('Z', '');

function toFinding({
  finding_key: findingKey,
  occurrence,
  severity,
  category,
  finding_id: id,
  title,
  file,
}: ChangedFinding): ComparedFinding {
  return { findingKey, occurrence, id, severity, category, title, file };
}
