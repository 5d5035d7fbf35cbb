import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { EVIDENCE_KINDS, pagedCondition, pagedKind, type ExplainedSeries } from '#schemas/clickhouse/explain.js';
import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { decodeCursor, page } from '../api/cursor.js';
import { fromStore } from '../errors/from-store.js';
import { fieldOf, type Value } from './read-series.js';

/** How the points of one series are made of the rows behind them. */
export interface Formula {
  /** Which of the rows count, beside those of the point. */
  where?: string;
  /** Dimensions of a point that are columns of its rows. */
  dimensions: readonly string[];
  text: string;
  version: number;
}

const DECISIONS = ['tool', 'agent', 'rule_category'];
const SCORE: Formula = {
  dimensions: ['min_severity', 'producer_version'],
  text: 'The last, least, greatest and mean score of the scans that looked at a file; scans of no file are counted apart.',
  version: 1,
};
const DRIFT: Formula = { dimensions: [], text: 'Drifts counted, and the band of their score changes.', version: 1 };
const BLOCKED: Formula = {
  dimensions: DECISIONS,
  text: 'Calls that were blocked, over all calls that were judged. A call that was judged more than once counts once, by its strictest judgement.',
  version: 2,
};
const DURATION: Formula = {
  dimensions: [],
  text: 'Quantiles of how long the judgements took that count for their calls, off sketches with an error of 1 percent.',
  version: 2,
};
const INJECTION: Formula = {
  dimensions: [],
  text: 'Calls blocked as injections (by a rule of that category or, where no category came, for a reason that reads like one), over all calls that were judged, each once and by its strictest judgement; injection findings of scans are counted beside them.',
  version: 2,
};
const LIFECYCLE: Formula = {
  dimensions: ['severity', 'category'],
  text: 'Findings that a scan shows and the one before it did not are new, or back; those that it no longer shows are fixed.',
  version: 1,
};
const OPEN: Formula = {
  dimensions: ['severity', 'category'],
  text: 'Findings that stand open at the end of the bucket: the scans in which they came and went, and what was decided about them (accepted, muted).',
  version: 1,
};
const MASKED: Formula = {
  dimensions: [],
  text: 'Values that were masked on the way in, by the record that held them.',
  version: 1,
};
const COVERAGE: Formula = {
  dimensions: [],
  text: 'Each producer that was heard, and in how many sessions; silence is what lies between.',
  version: 1,
};

/** The formulas, by series. Which rows stand behind a point is `schemas/clickhouse/explain.ts`; a series without a line here does not compile. */
export const FORMULAS: Readonly<Record<ExplainedSeries, Formula>> = {
  score_trend: SCORE,
  score_trend_org: {
    ...SCORE,
    dimensions: [],
    text: `${SCORE.text} Of the whole organisation: of all its repositories.`,
  },
  drift_history: DRIFT,
  drift_history_org: DRIFT,
  blocked_command_rate: BLOCKED,
  blocked_command_rate_org: BLOCKED,
  decision_duration: DURATION,
  decision_duration_org: DURATION,
  injection_attempt_rate: INJECTION,
  injection_attempt_rate_org: INJECTION,
  secret_exposure_events: {
    where: "category = 'secrets' AND severity = 'critical'",
    dimensions: ['finding_key'],
    text: 'A critical secret is exposed from the first scan that shows it to the next scan that does not.',
    version: 1,
  },
  finding_lifecycle: LIFECYCLE,
  finding_lifecycle_org: LIFECYCLE,
  open_finding: OPEN,
  open_finding_org: OPEN,
  open_review_item_org: {
    dimensions: [],
    text: 'Review items that stand open at the end of the bucket: what happened last to each.',
    version: 1,
  },
  masked_value: MASKED,
  masked_value_org: MASKED,
  cross_repo_org_rollup: {
    dimensions: [],
    text: 'The newest posture of every repository of the organisation, folded, and the review items that stand open.',
    version: 1,
  },
  repo_route: {
    dimensions: [],
    text: 'The route of the newest scan by the fleet rules; what is accepted does not block. It is how things stand now: the rows are those before the end of the bucket.',
    version: 1,
  },
  coverage: COVERAGE,
  coverage_org: COVERAGE,
  session_coverage: { ...COVERAGE, text: 'Sessions that an agent told of, and those in which a guard was heard.' },
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

/** Columns that an answer does not show. */
const HIDDEN = ['org_id', 'ingested_at', 'key_time', 'key_id'];

/** A page of the rows behind a point, oldest first, and how many there are. */
export async function explainPoint(
  clickhouse: ClickHouseClient,
  series: ExplainedSeries,
  question: ExplainQuestion,
): Promise<{ total: number; facts: Record<string, Value>[]; nextCursor: string | null }> {
  const { where } = FORMULAS[series];
  const kind = pagedKind(series);
  const { from, time, id } = EVIDENCE_KINDS[kind];
  const params: Record<string, unknown> = {
    orgId: question.orgId,
    ...(question.repository === undefined ? {} : { repo: question.repository }),
    start: question.since,
    end: question.until,
    limit: question.limit + 1,
  };
  const conditions = [
    pagedCondition(series),
    ...(where === undefined ? [] : [where]),
    ...[...question.filters.keys()].map((column) => `toString(${column}) = {filter_${column}:String}`),
  ];
  for (const [column, value] of question.filters) params[`filter_${column}`] = value;
  const after = decodeCursor(question.cursor, ['number', 'string']);
  const rest =
    after === undefined ? '' : `AND (toUnixTimestamp64Milli(${time}), ${id}) > ({afterTime:Int64}, {afterId:String})`;
  if (after !== undefined) [params['afterTime'], params['afterId']] = after;
  const condition = conditions.join(' AND ');
  // Every judgement of a call is listed; the one that counts says so.
  const selected = kind === 'runtime_event' ? `*, ${isCounted(condition)} AS is_counted` : '*';
  const [counted, rows] = await fromStore(
    Promise.all([
      selectRows<{ total: number }>(clickhouse, `SELECT count() AS total FROM ${from} WHERE ${condition}`, params),
      selectRows<Record<string, Value>>(
        clickhouse,
        `SELECT ${selected}, toUnixTimestamp64Milli(${time}) AS key_time, ${id} AS key_id FROM ${from}
         WHERE ${condition} ${rest} ORDER BY ${time}, ${id} LIMIT {limit:UInt32}`,
        params,
      ),
    ]),
  );
  const { rows: shown, nextCursor } = page(rows, question.limit, (last) => [
    Number(last['key_time']),
    String(last['key_id']),
  ]);
  return {
    total: counted[0]?.total ?? 0,
    facts: shown.map((row) =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([column]) => !HIDDEN.includes(column))
          .map(([column, value]) => [fieldOf(column), value]),
      ),
    ),
    nextCursor,
  };
}
