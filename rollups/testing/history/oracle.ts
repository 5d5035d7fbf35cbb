import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';

/**
 * The oracle: each series as a naive query over all deduplicated facts. It shares nothing with the jobs: no keys, no
 * intermediate tables, no carried state. Its only bound is `startsWith(org_id, {orgs:String})`, so that a test can
 * select its own organisations.
 */
const OF = 'startsWith(org_id, {orgs:String})';
const RANK = (severity: string): string => `indexOf(['info', 'low', 'medium', 'high', 'critical'], ${severity})`;

/** Scans of at least one file whose findings are all known, with their findings. */
const DETAILED = `SELECT s.org_id AS org_id, s.repo AS repo, s.event_id AS scan_id, s.occurred_at AS at, greatest(${RANK('s.min_severity')}, 1) AS rank_from, f.findings AS findings,
    if(s.critical + s.high + s.medium + s.low + s.info = 0, [], [toString(s.key_scheme)]) AS scheme
  FROM (SELECT * FROM scan WHERE ${OF} AND files_scanned > 0) AS s
  LEFT JOIN (
    SELECT org_id, repo, scan_id, toStartOfHour(occurred_at) AS hour, count() AS n, arrayDistinct(groupArray((toString(severity), toString(category), finding_key, occurrence))) AS findings
    FROM finding WHERE ${OF} GROUP BY org_id, repo, scan_id, hour
  ) AS f ON f.org_id = s.org_id AND f.repo = s.repo AND f.scan_id = s.event_id AND f.hour = toStartOfHour(s.occurred_at)
  WHERE f.n >= s.total_findings AND f.n >= s.critical + s.high + s.medium + s.low + s.info`;

/** For each severity, the scans that report it, in order, with their findings of that severity. */
const CHAINS = `SELECT org_id, repo, rank, arraySort(groupArray((at, scan_id, arrayFilter(f -> ${RANK('f.1')} = rank, findings), scheme))) AS chain
  FROM (${DETAILED}) ARRAY JOIN range(1, 6) AS rank WHERE rank >= rank_from GROUP BY org_id, repo, rank`;

/** Findings that appeared and were resolved, scan by scan. */
const CHANGES = `SELECT org_id, repo, step.1.1 AS at, step.1.2 AS scan_id, step.2.1 AS previous_at, c.1 AS change, c.2.1 AS severity, c.2.2 AS category, c.2.3 AS finding_key, c.2.4 AS occurrence,
    notEmpty(step.1.4) AND notEmpty(step.2.4) AND step.1.4 != step.2.4 AS is_rekeyed
  FROM (
    SELECT org_id, repo, step, arrayConcat(
        arrayMap(f -> (toInt8(1), f), arrayFilter(f -> NOT has(step.2.3, f), step.1.3)),
        arrayMap(f -> (toInt8(-1), f), arrayFilter(f -> NOT has(step.1.3, f), step.2.3))) AS changes
    FROM (SELECT org_id, repo, arrayZip(chain, arrayPushFront(arrayPopBack(chain), defaultValueOfTypeName(replaceRegexpOne(toTypeName(chain), '^Array\\\\((.*)\\\\)$', '\\\\1')))) AS steps FROM (${CHAINS}))
    ARRAY JOIN steps AS step
  ) ARRAY JOIN changes AS c`;

/** The lifecycle of each finding, change by change. */
const LIVES = `SELECT org_id, repo, severity, category, life[i].1 AS at, life[i].2 AS change, life[i].4 AS is_rekeyed, if(i = 1, toDateTime64(0, 3, 'UTC'), life[i - 1].1) AS before_at
  FROM (
    SELECT org_id, repo, severity, category, arraySort(groupArray((at, change, scan_id, is_rekeyed))) AS unsorted,
      arraySort(x -> (x.1, x.3), unsorted) AS life
    FROM (${CHANGES}) GROUP BY org_id, repo, severity, category, finding_key, occurrence
  ) ARRAY JOIN arrayEnumerate(life) AS i`;

const COUNTED = `SELECT org_id, repo, event_id, occurred_at, score, critical, high, medium, low, info, packages_risky, policy_status = 'failed' AS is_failed, baseline_status = 'regressed' AS is_regressed,
    packages_critical + packages_high AS packages, multiIf(is_failed, 'policy-review', is_regressed, 'baseline-regression', packages_risky > 0, 'supply-chain-review', 'ready') AS milder,
    multiIf(integrity IN ('mismatch', 'suspect'), 'invalid', critical + high + packages > 0, 'security-blocker', milder) AS route
  FROM scan WHERE ${OF} AND files_scanned > 0`;

/**
 * Each judged call once, by its strictest judgement, or the earliest of equally strict ones; a judgement without call
 * id counts as a separate call.
 */
const CALLS = `SELECT * FROM (
    SELECT *, if(session_id = '' OR tool_call_id = '', (event_id, toString(occurred_at)), (session_id, concat('call ', tool_call_id))) AS call FROM runtime_event WHERE ${OF}
  ) ORDER BY indexOf(['block', 'ask', 'allow'], decision), occurred_at, event_id LIMIT 1 BY org_id, repo, call`;

/** Producers that reported. */
const heard = (
  bucket: string,
): string => `SELECT org_id, repo, ${bucket} AS bucket_start, producer, count() AS events, toStartOfHour(min(occurred_at)) AS first_hour, max(occurred_at) AS last_at,
    arraySort(arrayMap(s -> cityHash64(s), arrayFilter(s -> s != '', groupUniqArray(session_id)))) AS sessions
  FROM (
    SELECT org_id, repo, occurred_at, 'guard' AS producer, session_id FROM runtime_event WHERE ${OF}
    UNION ALL SELECT org_id, repo, occurred_at, 'scan', '' FROM scan WHERE ${OF}
    UNION ALL SELECT org_id, repo, occurred_at, 'watch', '' FROM drift_event WHERE ${OF}
    UNION ALL SELECT org_id, repo, occurred_at, agent, session_id FROM agent_event WHERE ${OF}
  ) GROUP BY ALL`;

/** Scores, and the components of the last one: none if that scan did not report them. */
const scores = (
  bucket: string,
  more = '',
): string => `SELECT org_id, repo, ${bucket} AS bucket_start, min_severity, producer_version, countIf(files_scanned > 0) AS scans, countIf(files_scanned = 0) AS empty_scans,
    sumIf(score, files_scanned > 0) AS score_sum, minOrNullIf(score, files_scanned > 0) AS score_min, maxOrNullIf(score, files_scanned > 0) AS score_max,
    argMaxOrNullIf(score, (occurred_at, event_id), files_scanned > 0) AS score_last, maxOrNullIf(occurred_at, files_scanned > 0) AS last_at,
    argMaxIf(tuple(score_secrets, score_agents), (occurred_at, event_id), files_scanned > 0) AS parts, parts.1 AS score_secrets_last, parts.2 AS score_agents_last${more}
  FROM scan WHERE ${OF} GROUP BY ALL`;

/** The lifecycle of findings by severity and category; open is the number in the bucket's last scan. */
const life = (
  bucket: (time: string) => string,
): string => `SELECT org_id, repo, bucket_start, severity, category, sum(n) AS new, sum(r) AS regressed, sum(x) AS fixed, sum(s) AS fix_seconds, sum(o) AS open
  FROM (
    SELECT org_id, repo, ${bucket('at')} AS bucket_start, severity, category, toUInt64(change = 1 AND NOT is_rekeyed AND before_at = toDateTime64(0, 3, 'UTC')) AS n, toUInt64(change = 1 AND NOT is_rekeyed) - n AS r, toUInt64(change = -1 AND NOT is_rekeyed) AS x,
      if(x = 1, toUInt64(dateDiff('second', before_at, at)), 0) AS s, toUInt64(0) AS o FROM (${LIVES})
    UNION ALL
    SELECT org_id, repo, bucket, shown.1, shown.2, 0, 0, 0, 0, 1
    FROM (SELECT org_id, repo, ${bucket('step.1')} AS bucket, rank, argMax(step.3, (step.1, step.2)) AS last FROM (${CHAINS}) ARRAY JOIN chain AS step GROUP BY org_id, repo, bucket, rank)
    ARRAY JOIN last AS shown
  ) GROUP BY ALL`;

/** Each review item's events in order, and each repository's decisions about findings with their ends. */
const ITEMS = `SELECT org_id, subject, arraySort(groupArray((occurred_at, event_id, state, JSONExtractString(detail, 'route')))) AS life FROM control_event WHERE ${OF} AND kind = 'review_item' GROUP BY ALL`;
const DECISIONS = `SELECT org_id, repo, arraySort(groupArray((occurred_at, event_id, state, parseDateTime64BestEffortOrNull(JSONExtractString(detail, 'until'), 3, 'UTC'), subject))) AS decisions
  FROM control_event WHERE ${OF} AND kind = 'finding_triage' GROUP BY ALL`;

/** Items of a route that are open before `end`, a time of the row. */
const openItems = (end: string, isOfRoute: string): string =>
  `toUInt64(countIf(arrayLast(e -> e.1 < ${end}, i.life).3 = 'open' AND ${isOfRoute}))`;

const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'];

interface Expectation {
  /** Columns that are compared, of the view and of the naive query. */
  readonly columns: string;
  readonly naive: string;
}

/** View of a series and its expected content. */
export const ORACLE: Readonly<Record<string, Expectation>> = {
  blocked_command_rate_hour: {
    columns: 'org_id, repo, bucket_start, tool, agent, rule_category, allowed, blocked, asked, total',
    naive: `SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, tool, agent, rule_category, countIf(decision = 'allow') AS allowed,
      countIf(decision = 'block') AS blocked, countIf(decision = 'ask') AS asked, count() AS total FROM (${CALLS}) GROUP BY ALL`,
  },
  blocked_command_rate_day: {
    columns: 'org_id, repo, bucket_start, tool, agent, rule_category, allowed, blocked, asked, total',
    naive: `SELECT org_id, repo, toStartOfDay(occurred_at) AS bucket_start, tool, agent, rule_category, countIf(decision = 'allow') AS allowed,
      countIf(decision = 'block') AS blocked, countIf(decision = 'ask') AS asked, count() AS total FROM (${CALLS}) GROUP BY ALL`,
  },
  blocked_command_rate_org_week: {
    columns: 'org_id, bucket_start, tool, agent, rule_category, blocked, total',
    naive: `SELECT org_id, toDateTime(toMonday(occurred_at), 'UTC') AS bucket_start, tool, agent, rule_category, countIf(decision = 'block') AS blocked, count() AS total
      FROM (${CALLS}) GROUP BY ALL`,
  },
  decision_duration_day: {
    columns: 'org_id, repo, bucket_start, decisions, quantiles, duration_us_max',
    naive: `SELECT org_id, repo, toStartOfDay(occurred_at) AS bucket_start, count() AS decisions, quantilesDD(0.01, 0.5, 0.95, 0.99)(duration_us) AS quantiles,
      max(duration_us) AS duration_us_max FROM (${CALLS}) GROUP BY ALL`,
  },
  ...Object.fromEntries(
    [
      ['hour', 'toStartOfHour(occurred_at)'],
      ['day', 'toStartOfDay(occurred_at)'],
      ['week', "toDateTime(toMonday(occurred_at), 'UTC')"],
    ].map(([grain, bucket]) => [
      `injection_attempt_rate_${grain ?? ''}`,
      {
        columns: 'org_id, repo, bucket_start, attempts, decisions, findings, attempts_by_text',
        naive: `SELECT org_id, repo, bucket_start, countIf(blocked AND (category = 'injection' OR category = '' AND positionCaseInsensitive(reason, 'injection') > 0)) AS attempts, countIf(is_decision) AS decisions, uniqExactIf(finding, NOT is_decision) AS findings,
          countIf(blocked AND category = '' AND positionCaseInsensitive(reason, 'injection') > 0) AS attempts_by_text
        FROM (
          SELECT org_id, repo, ${bucket ?? ''} AS bucket_start, true AS is_decision, decision = 'block' AS blocked, rule_category AS category, reason, ('', toUInt32(0)) AS finding FROM (${CALLS})
          UNION ALL SELECT org_id, repo, ${bucket ?? ''}, false, false, '', '', (finding_key, occurrence) FROM finding WHERE ${OF} AND category = 'injection'
        ) GROUP BY ALL`,
      },
    ]),
  ),
  score_trend_hour: {
    columns:
      'org_id, repo, bucket_start, min_severity, producer_version, scans, empty_scans, score_sum, score_min, score_max, score_last, last_at, critical_last, score_secrets_last, score_agents_last',
    naive: scores(
      'toStartOfHour(occurred_at)',
      ', argMaxIf(critical, (occurred_at, event_id), files_scanned > 0) AS critical_last',
    ),
  },
  score_trend_day: {
    columns:
      'org_id, repo, bucket_start, min_severity, producer_version, scans, empty_scans, score_sum, score_min, score_max, score_last, last_at, score_secrets_last, score_agents_last',
    naive: scores('toStartOfDay(occurred_at)'),
  },
  coverage_activity: {
    columns: 'org_id, repo, bucket_start, producer, events, last_at, sessions',
    naive: heard('toStartOfHour(occurred_at)'),
  },
  coverage_activity_day: {
    columns: 'org_id, repo, bucket_start, producer, events, first_hour, last_at, sessions',
    naive: heard('toStartOfDay(occurred_at)'),
  },
  masked_value_org_day: {
    columns: 'org_id, bucket_start, records, masked',
    naive: `SELECT org_id, toStartOfDay(occurred_at) AS bucket_start, count() AS records, sum(masked) AS masked FROM (SELECT * FROM masking_event_v1 FINAL WHERE ${OF}) GROUP BY ALL`,
  },
  finding_transition: {
    columns:
      'org_id, repo, bucket_start, severity, category, finding_key, occurrence, scan_at, scan_id, change, is_rekeyed, previous_at',
    naive: `SELECT org_id, repo, toStartOfHour(at) AS bucket_start, severity, category, finding_key, occurrence, at AS scan_at, scan_id, change, CAST(is_rekeyed, 'Bool') AS is_rekeyed, previous_at FROM (${CHANGES})`,
  },
  finding_lifecycle_hour: {
    columns: 'org_id, repo, bucket_start, severity, category, new, regressed, fixed, fix_seconds, open',
    naive: life((time) => `toStartOfHour(${time})`),
  },
  finding_lifecycle_day: {
    columns: 'org_id, repo, bucket_start, severity, category, new, regressed, fixed, fix_seconds, open',
    naive: life((time) => `toStartOfDay(${time})`),
  },
  finding_lifecycle_org_hour: {
    columns: 'org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds, open',
    // Open findings of the organisation at the end of the hour: of each repository the newest scan until then that
    // reports the severity.
    naive: `SELECT l.org_id AS org_id, l.bucket_start AS bucket_start, l.severity AS severity, l.category AS category, any(l.new) AS new, any(l.regressed) AS regressed, any(l.fixed) AS fixed,
        any(l.fix_seconds) AS fix_seconds, toUInt64(sum(length(arrayFilter(f -> f.2 = l.category, arrayLast(s -> s.1 < l.bucket_start + toIntervalHour(1), c.chain).3)))) AS open
      FROM (SELECT org_id, bucket_start, severity, category, sum(h.new) AS new, sum(h.regressed) AS regressed, sum(h.fixed) AS fixed, sum(h.fix_seconds) AS fix_seconds,
          ${RANK('severity')} AS rank FROM (${life((time) => `toStartOfHour(${time})`)}) AS h GROUP BY ALL) AS l
      INNER JOIN (${CHAINS}) AS c ON c.org_id = l.org_id AND c.rank = l.rank
      GROUP BY org_id, bucket_start, severity, category`,
  },
  open_finding: {
    columns: 'org_id, repo, severity, category, finding_key, occurrence',
    naive: `SELECT org_id, repo, shown.1 AS severity, shown.2 AS category, shown.3 AS finding_key, shown.4 AS occurrence FROM (${CHAINS}) ARRAY JOIN chain[-1].3 AS shown`,
  },
  // The series determines which buckets have a row; their content is computed independently.
  open_finding_org_hour: {
    columns: 'org_id, bucket_start, severity, category, open, accepted, muted',
    naive: `SELECT org_id, bucket_start, severity, category, sum(length(last)) AS open,
        sum(arrayCount(d -> d.3 = 'accepted' AND ifNull(d.4 >= ends_at, true), last)) AS accepted, sum(arrayCount(d -> d.3 = 'muted', last)) AS muted
      FROM (
        SELECT b.org_id AS org_id, b.bucket_start AS bucket_start, b.severity AS severity, b.category AS category, b.ends_at AS ends_at,
          arrayMap(f -> arrayLast(d -> d.5 = f.3 AND d.1 < b.ends_at, t.decisions), arrayFilter(f -> f.2 = b.category, arrayLast(s -> s.1 < b.ends_at, c.chain).3)) AS last
        FROM (SELECT org_id, o.bucket_start AS bucket_start, severity, category, ${RANK('severity')} AS rank, toDateTime64(o.bucket_start + toIntervalHour(1), 3, 'UTC') AS ends_at FROM open_finding_org_hour AS o WHERE ${OF}) AS b
        INNER JOIN (${CHAINS}) AS c ON c.org_id = b.org_id AND c.rank = b.rank
        LEFT JOIN (${DECISIONS}) AS t ON t.org_id = c.org_id AND t.repo = c.repo
      ) GROUP BY ALL`,
  },
  open_review_item_org_hour: {
    columns: 'org_id, bucket_start, route, open',
    naive: `SELECT b.org_id AS org_id, b.bucket_start AS bucket_start, b.route AS route, ${openItems("toDateTime64(b.bucket_start + toIntervalHour(1), 3, 'UTC')", 'i.life[1].4 = b.route')} AS open
      FROM (SELECT org_id, bucket_start, route FROM open_review_item_org_hour WHERE ${OF}) AS b INNER JOIN (${ITEMS}) AS i ON i.org_id = b.org_id GROUP BY ALL`,
  },
  drift_history_hour: {
    columns: `org_id, repo, bucket_start, drifts, regressions, improvements, critical_drifts, score_delta_min, score_delta_max, score_delta_sum, new_findings, ${SEVERITIES.map((s) => `new_${s}, resolved_${s}`).join(', ')}`,
    naive: `SELECT org_id, repo, bucket_start, countIf(d) AS drifts, countIf(d AND regression) AS regressions, countIf(d AND NOT regression AND delta > 0) AS improvements, countIf(d AND crit) AS critical_drifts, minOrNullIf(delta, d) AS score_delta_min,
        maxOrNullIf(delta, d) AS score_delta_max, sumIf(delta, d) AS score_delta_sum, sum(new) AS new_findings,
        ${SEVERITIES.map((s) => `countIf(change = 1 AND severity = '${s}') AS new_${s}, countIf(change = -1 AND severity = '${s}') AS resolved_${s}`).join(', ')}
      FROM (
        SELECT org_id, repo, toStartOfHour(occurred_at) AS bucket_start, true AS d, is_regression AS regression, has_critical AS crit, score_delta AS delta, new_findings AS new, toInt8(0) AS change, '' AS severity
        FROM drift_event WHERE ${OF}
        UNION ALL
        SELECT org_id, repo, toStartOfHour(at), false, false, false, 0, 0, change, severity FROM (${CHANGES}) WHERE previous_at > toDateTime64(0, 3, 'UTC') AND NOT is_rekeyed
      ) GROUP BY ALL`,
  },
  repo_route: {
    columns: 'org_id, repo, scan_id, scanned_at, score, route',
    naive: `SELECT c.org_id AS org_id, c.repo AS repo, c.event_id AS scan_id, c.occurred_at AS scanned_at, c.score AS score,
      if(c.route = 'security-blocker' AND c.packages = 0 AND c.critical + c.high <= a.accepted, c.milder, c.route) AS route
      FROM (SELECT * FROM (${COUNTED}) ORDER BY occurred_at DESC, event_id DESC LIMIT 1 BY org_id, repo) AS c
      LEFT JOIN (
        SELECT f.org_id AS org_id, f.repo AS repo, f.scan_id AS scan_id, count() AS accepted
        FROM (SELECT * FROM finding WHERE ${OF} AND severity IN ('critical', 'high')) AS f INNER JOIN (${DECISIONS}) AS d ON d.org_id = f.org_id AND d.repo = f.repo
        WHERE arrayLast(e -> e.5 = f.finding_key, d.decisions).3 = 'accepted' AND arrayLast(e -> e.5 = f.finding_key, d.decisions).1 <= now64(3)
          AND ifNull(arrayLast(e -> e.5 = f.finding_key, d.decisions).4 > now64(3), true)
        GROUP BY org_id, repo, scan_id
      ) AS a ON a.org_id = c.org_id AND a.repo = c.repo AND a.scan_id = c.event_id`,
  },
  cross_repo_org_rollup_hour: {
    columns:
      'org_id, bucket_start, repos, score_mean, score_min, critical, high, medium, info, policy_failures, baseline_regressions, risky_packages, security_blocker, policy_review, baseline_regression, supply_chain_review, ready, status, open_review_items, open_security_blocker, open_policy_review',
    naive: `SELECT r.* EXCEPT (org_id), r.org_id AS org_id, arrayFilter(e -> e.3 = 'open', arrayMap(life -> arrayLast(e -> e.1 < r.bucket_start + toIntervalHour(1), life), i.lives)) AS items,
        length(items) AS open_review_items, arrayCount(e -> e.4 = 'security-blocker', items) AS open_security_blocker, arrayCount(e -> e.4 = 'policy-review', items) AS open_policy_review
      FROM (SELECT org_id, bucket_start, count() AS repos, sum(last.1) / repos AS score_mean, min(last.1) AS score_min, sum(last.2) AS critical, sum(last.3) AS high, sum(last.4) AS medium, sum(last.5) AS info,
        countIf(last.6) AS policy_failures, countIf(last.7) AS baseline_regressions, sum(last.8) AS risky_packages, countIf(last.9 = 'security-blocker') AS security_blocker,
        countIf(last.9 = 'policy-review') AS policy_review, countIf(last.9 = 'baseline-regression') AS baseline_regression, countIf(last.9 = 'supply-chain-review') AS supply_chain_review,
        countIf(last.9 = 'ready') AS ready, multiIf(countIf(last.9 = 'invalid') > 0, 'invalid-evidence', ready < repos, 'blocked', 'ready') AS status
      FROM (
        SELECT h.org_id AS org_id, h.bucket_start AS bucket_start, c.repo AS repo,
          argMax((c.score, c.critical, c.high, c.medium, c.info, c.is_failed, c.is_regressed, c.packages_risky, c.route), (c.occurred_at, c.event_id)) AS last
        FROM (SELECT DISTINCT org_id, toStartOfHour(occurred_at) AS bucket_start FROM (${COUNTED})) AS h
        INNER JOIN (${COUNTED}) AS c ON c.org_id = h.org_id
        WHERE c.occurred_at < h.bucket_start + toIntervalHour(1)
        GROUP BY org_id, bucket_start, repo
      ) GROUP BY org_id, bucket_start) AS r
      LEFT JOIN (SELECT org_id, groupArray(life) AS lives FROM (${ITEMS}) GROUP BY org_id) AS i ON i.org_id = r.org_id`,
  },
  secret_exposure_events: {
    columns: 'org_id, repo, finding_key, episode, first_seen_at, last_seen_at, resolved_at, is_open',
    // Islands of consecutive scans that show the secret.
    naive: `SELECT org_id, repo, finding_key, row_number() OVER (PARTITION BY org_id, repo, finding_key ORDER BY min(n)) AS episode, min(at) AS first_seen_at, max(at) AS last_seen_at,
        nullIf(argMax(next_at, n), toDateTime64(0, 3, 'UTC')) AS resolved_at, CAST(isNull(resolved_at), 'Bool') AS is_open
      FROM (
        SELECT *, n - row_number() OVER (PARTITION BY org_id, repo, finding_key ORDER BY n) AS island
        FROM (
          SELECT DISTINCT org_id, repo, shown.3 AS finding_key, toInt64(n) AS n, at, next_at
          FROM (
            SELECT org_id, repo, findings, at, row_number() OVER w AS n, leadInFrame(at, 1, toDateTime64(0, 3, 'UTC')) OVER w AS next_at
            FROM (${DETAILED}) WINDOW w AS (PARTITION BY org_id, repo ORDER BY at, scan_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
          ) ARRAY JOIN findings AS shown
          WHERE shown.1 = 'critical' AND shown.2 = 'secrets'
        )
      ) GROUP BY org_id, repo, finding_key, island`,
  },
};

/** A row that only one of the two has. */
export interface Difference {
  series: string;
  row: string;
  /** `missing`: the naive query has it and the series does not; `surplus`: the reverse. */
  is: 'missing' | 'surplus';
}

/**
 * Compares the series (all unless named) of the organisations whose names begin with `orgs` with the oracle, row by
 * row.
 */
export async function differences(
  client: ClickHouseClient,
  orgs: string,
  only?: readonly string[],
): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const [series, { columns, naive }] of Object.entries(ORACLE)) {
    if (only !== undefined && !only.includes(series)) continue;
    const rows = await selectRows<{ row: string; count: number }>(
      client,
      `SELECT toString(tuple(${columns})) AS row, sum(side) AS count
       FROM (
         SELECT ${columns}, 1 AS side FROM (${naive})
         UNION ALL
         SELECT ${columns}, -1 AS side FROM ${series} WHERE ${OF}
       )
       GROUP BY row HAVING count != 0 ORDER BY row LIMIT 20`,
      { orgs },
    );
    found.push(...rows.map(({ row, count }): Difference => ({ series, row, is: count > 0 ? 'missing' : 'surplus' })));
  }
  return found;
}
