import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { EVIDENCE_KINDS, pagedCondition, pagedKind, type ExplainedSeries } from '#schemas/clickhouse/explain.js';
import { isCounted } from '#schemas/clickhouse/judged-call.js';
import { decodeCursor, page } from '../api/cursor.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { fieldOf } from './read-series.js';

/** Value of a column of a fact. */
type Value = string | number | boolean | null | unknown[];

/** How the points of a series are computed from the rows behind them. */
export interface Formula {
  /** Additional SQL condition for the rows that count. */
  where?: string;
  /** Dimensions of a point that are also columns of its rows. */
  dimensions: readonly string[];
  text: string;
  version: number;
}

const DECISIONS = ['tool', 'agent', 'rule_category'];
const SCORE: Formula = {
  dimensions: ['min_severity', 'producer_version'],
  text: 'Last, minimum, maximum and mean score of scans that scanned at least one file. Scans of 0 files are counted separately.',
  version: 1,
};
const DRIFT: Formula = { dimensions: [], text: 'Number of drifts, and the range of their score changes.', version: 1 };
const BLOCKED: Formula = {
  dimensions: DECISIONS,
  text: 'Blocked calls divided by all judged calls. A call with several judgements counts once, by the strictest.',
  version: 2,
};
const DURATION: Formula = {
  dimensions: [],
  text: 'Duration quantiles of the judgements that count for their calls, from sketches with a relative error of 1 percent.',
  version: 2,
};
const INJECTION: Formula = {
  dimensions: [],
  text: 'Calls blocked as injections (by a rule of that category or, without a category, by the text of the reason) divided by all judged calls. Each call counts once, by its strictest judgement. Injection findings of scans are counted separately.',
  version: 2,
};
const LIFECYCLE: Formula = {
  dimensions: ['severity', 'category'],
  text: 'A finding that a scan reports and the previous scan did not is new, or back if it existed before. A finding that it no longer reports is fixed.',
  version: 1,
};
const OPEN: Formula = {
  dimensions: ['severity', 'category'],
  text: 'Findings open at the end of the bucket: the scans in which they appeared and disappeared, and decisions about them (accepted, muted).',
  version: 1,
};
const MASKED: Formula = {
  dimensions: [],
  text: 'Masked values, by the record that contained them.',
  version: 1,
};
const COVERAGE: Formula = {
  dimensions: [],
  text: 'Each reporting producer with its number of sessions. Time without a report is silence.',
  version: 1,
};

const OUTCOMES: Formula = {
  dimensions: ['outcome', 'cause', 'agent', 'tool', 'rule_id', 'rule_category'],
  text: 'Tool calls by what became of them, each once, in the hour of its earliest evidence: the judgements of guards joined with what the agent itself reports.',
  version: 1,
};
const JUDGED: Formula = {
  where: 'has_run',
  dimensions: ['agent'],
  text: "Calls that a guard judged in time, divided by the calls that ran by the agents' own telemetry. `cause` tells why a call was not judged in time.",
  version: 1,
};

const USAGE: Formula = {
  dimensions: ['agent', 'model'],
  text: 'Model calls that agents report, with their tokens and US dollars, and failed requests. The repository is that of the session, which its hook names.',
  version: 1,
};

/**
 * Formulas by series. `schemas/clickhouse/explain.ts` defines which rows are behind a point. A series without a formula
 * does not compile.
 */
export const FORMULAS: Readonly<Record<ExplainedSeries, Formula>> = {
  score_trend: SCORE,
  score_trend_org: {
    ...SCORE,
    dimensions: [],
    text: `${SCORE.text} Covers all repositories of the organisation.`,
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
    text: 'A critical secret is exposed from the first scan that reports it to the next scan that does not.',
    version: 1,
  },
  finding_lifecycle: LIFECYCLE,
  finding_lifecycle_org: LIFECYCLE,
  open_finding: OPEN,
  open_finding_org: OPEN,
  open_review_item_org: {
    dimensions: [],
    text: 'Review items open at the end of the bucket, by their latest change.',
    version: 1,
  },
  masked_value: MASKED,
  masked_value_org: MASKED,
  cross_repo_org_rollup: {
    dimensions: [],
    text: 'The newest posture of every repository of the organisation, aggregated, and the open review items.',
    version: 1,
  },
  tool_call_outcomes: OUTCOMES,
  tool_call_outcomes_org: OUTCOMES,
  judged_share: JUDGED,
  judged_share_org: JUDGED,
  agent_usage: USAGE,
  agent_usage_org: USAGE,
  repo_route: {
    dimensions: [],
    text: 'The route of the newest scan by the fleet rules; accepted findings do not block. This is the current state: the rows are those before the end of the bucket.',
    version: 1,
  },
  coverage: COVERAGE,
  coverage_org: COVERAGE,
  session_coverage: { ...COVERAGE, text: 'Sessions that an agent reported, and those in which a guard reported.' },
};

export interface ExplainQuestion {
  orgId: string;
  /** Undefined for every repository of the organisation. */
  repository: string | undefined;
  /** Seconds since 1970, from `since` (inclusive) to `until` (exclusive). */
  since: number;
  until: number;
  filters: ReadonlyMap<string, string>;
  limit: number;
  cursor: string | undefined;
}

/** Columns that an answer omits. */
const HIDDEN = ['org_id', 'ingested_at', 'key_time', 'key_id'];

/** Returns a page of the rows behind a point, oldest first, and their total number. */
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
  // Every judgement of a call is listed; `is_counted` marks the one that counts.
  const selected = kind === 'runtime_event' ? `*, ${isCounted(condition)} AS is_counted` : '*';
  const [counted, rows] = await withStoreErrors(
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
