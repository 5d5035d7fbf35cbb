import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { ExplainedSeries } from '#schemas/clickhouse/explain.js';
import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { VIEWS } from '#schemas/records/rows.js';
import { decodeCursor, page } from '../api/cursor.js';
import { fromStore } from '../errors/from-store.js';
import { fieldOf, type Value } from './read-series.js';

/** How the points of one series are made of facts. */
export interface Formula {
  /** View of the facts that are listed in pages; each is there once however often it was delivered. */
  fact: 'scan' | 'drift_event' | 'runtime_event' | 'finding';
  /** Which facts count, beside those of the bucket. */
  where?: string;
  /** Dimensions of a point that are columns of its facts. */
  dimensions: readonly string[];
  text: string;
  version: number;
}

/**
 * The formulas, by series. The one place that says which facts stand behind a point: where the rollups bring a
 * definition of their own, its SQL takes the place of `fact` and `where` here.
 */
export const FORMULAS: Readonly<Record<ExplainedSeries, Formula>> = {
  score_trend: {
    fact: 'scan',
    dimensions: ['min_severity', 'producer_version'],
    text: 'The last, least, greatest and mean score of the scans that looked at a file; scans of no file are counted apart.',
    version: 1,
  },
  drift_history: { fact: 'drift_event', dimensions: [], text: 'Drifts counted, and the band of their score changes.', version: 1 },
  blocked_command_rate: {
    fact: 'runtime_event',
    dimensions: ['tool', 'agent', 'rule_category'],
    text: 'Calls that were blocked, over all calls that were judged. A call that was judged more than once counts once, by its strictest judgement.',
    version: 2,
  },
  injection_attempt_rate: {
    fact: 'runtime_event',
    dimensions: [],
    text: 'Calls blocked as injections (by a rule of that category or, where no category came, for a reason that reads like one), over all calls that were judged, each once and by its strictest judgement; injection findings of scans are counted beside them.',
    version: 2,
  },
  secret_exposure_events: {
    fact: 'finding',
    where: "category = 'secrets' AND severity = 'critical'",
    dimensions: ['finding_key'],
    text: 'A critical secret is exposed from the first scan that shows it to the next scan that does not.',
    version: 1,
  },
  decision_duration: { fact: 'runtime_event', dimensions: [], text: 'Quantiles of how long the judgements took that count for their calls, off sketches with an error of 1 percent.', version: 2 },
  finding_lifecycle: {
    fact: 'finding',
    dimensions: ['severity', 'category'],
    text: 'Findings that a scan shows and the one before it did not are new, or back; those that it no longer shows are fixed.',
    version: 1,
  },
  coverage: { fact: 'scan', dimensions: [], text: 'Each producer that was heard, and in how many sessions; silence is what lies between.', version: 1 },
  cross_repo_org_rollup: { fact: 'scan', dimensions: [], text: 'The newest posture of every repository of the organisation, folded.', version: 1 },
};

export interface ExplainQuestion {
  orgId: string;
  /** Undefined: every repository of the organisation. */
  repository: string | undefined;
  /** Seconds since 1970; `until` is not in it. */
  since: number;
  until: number;
  filters: ReadonlyMap<string, string>;
  limit: number;
  cursor: string | undefined;
}

/** A page of the facts behind a point, oldest first, and how many there are. */
export async function explainPoint(
  clickhouse: ClickHouseClient,
  formula: Formula,
  question: ExplainQuestion,
): Promise<{ total: number; facts: Record<string, Value>[]; nextCursor: string | null }> {
  const { fact, where } = formula;
  const columns = Object.keys(VIEWS[fact]).filter((column) => column !== 'org_id' && column !== 'ingested_at');
  const params: Record<string, unknown> = {
    orgId: question.orgId, ...(question.repository === undefined ? {} : { repository: question.repository }), since: question.since, until: question.until, limit: question.limit + 1,
  };
  const conditions = [
    `org_id = {orgId:String}${question.repository === undefined ? '' : ' AND repo = {repository:String}'}`,
    "occurred_at >= toDateTime64({since:UInt32}, 3, 'UTC') AND occurred_at < toDateTime64({until:UInt32}, 3, 'UTC')",
    ...(where === undefined ? [] : [where]),
    ...[...question.filters.keys()].map((column) => `toString(${column}) = {filter_${column}:String}`),
  ];
  for (const [column, value] of question.filters) params[`filter_${column}`] = value;
  const after = decodeCursor(question.cursor, ['number', 'string']);
  const rest = after === undefined ? '' : 'AND (toUnixTimestamp64Milli(occurred_at), event_id) > ({afterTime:Int64}, {afterId:String})';
  if (after !== undefined) [params['afterTime'], params['afterId']] = after;
  const condition = conditions.join(' AND ');
  // Every judgement of a call is listed; the one that counts says so.
  const selected = fact === 'runtime_event' ? [...columns, `${isCounted(condition)} AS is_counted`] : columns;
  const [counted, rows] = await fromStore(
    Promise.all([
      selectRows<{ total: number }>(clickhouse, `SELECT count() AS total FROM ${fact} WHERE ${condition}`, params),
      selectRows<Record<string, Value>>(
        clickhouse,
        `SELECT ${selected.join(', ')}, toUnixTimestamp64Milli(occurred_at) AS key_time FROM ${fact}
         WHERE ${condition} ${rest} ORDER BY occurred_at, event_id LIMIT {limit:UInt32}`,
        params,
      ),
    ]),
  );
  const { rows: shown, nextCursor } = page(rows, question.limit, (last) => [Number(last['key_time']), String(last['event_id'])]);
  return {
    total: counted[0]?.total ?? 0,
    facts: shown.map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => column !== 'key_time').map(([column, value]) => [fieldOf(column), value]))),
    nextCursor,
  };
}
