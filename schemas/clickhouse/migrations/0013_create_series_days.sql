-- Days, stored. Most panels show days, and folding them from hours at every read was most of what a read cost: hundreds
-- of rows an hour and day, each looked at for whether it is of its bucket's head. A day is one row of one repository,
-- its groups as arrays, so it is replaced as a whole and needs no head. It is folded from the hours of the head
-- versions by a job of its own in the same pass that wrote those hours, and compared with them every night; weeks and
-- organisations are folded from days when they are read.
-- Writer: rollups/jobs/*_day.sql. Reader: the views below, which keep their names and columns.

-- Series are made of facts, and what a crash or a power cut takes of them is made again: a worker that starts goes over
-- the marks of the last minute, and the night over everything. So they need not wait for the disk as facts do.
ALTER TABLE blocked_command_rate_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE decision_duration_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE injection_attempt_rate_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE score_trend_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE coverage_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE masked_value_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE scan_posture_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE posture_interval_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE finding_transition_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE finding_lifecycle_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE drift_history_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

ALTER TABLE cross_repo_org_rollup_v1 MODIFY SETTING fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS blocked_command_rate_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    tools Array(LowCardinality(String)),
    agents Array(LowCardinality(String)),
    rule_categories Array(LowCardinality(String)),
    allowed Array(UInt64),
    blocked Array(UInt64),
    asked Array(UInt64),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS decision_duration_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    decisions UInt64,
    duration AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), UInt64),
    duration_us_max UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS injection_attempt_rate_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    attempts UInt64,
    attempts_by_text UInt64,
    decisions UInt64,
    finding_hashes Array(UInt64),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS finding_lifecycle_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    severities Array(LowCardinality(String)),
    categories Array(LowCardinality(String)),
    new Array(UInt64),
    regressed Array(UInt64),
    fixed Array(UInt64),
    fix_seconds Array(UInt64),
    open Array(UInt64),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE TABLE IF NOT EXISTS coverage_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    producers Array(LowCardinality(String)),
    events Array(UInt64),
    first_hours Array(DateTime('UTC')),
    last_ats Array(DateTime64(3, 'UTC')),
    sessions Array(Array(UInt64)),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

-- What is stored already, folded once, so that no board is empty until the jobs come by. Never newer than a job's own.
INSERT INTO blocked_command_rate_day_v1
    (org_id, repo, bucket_start, formula, tools, agents, rule_categories, allowed, blocked, asked, version)
SELECT org_id, repo, day AS bucket_start, 0 AS formula,
    groupArrayIf(tool, is_group) AS tools, groupArrayIf(agent, is_group) AS agents, groupArrayIf(rule_category, is_group) AS rule_categories,
    groupArrayIf(allows, is_group) AS allowed, groupArrayIf(blocks, is_group) AS blocked, groupArrayIf(asks, is_group) AS asked,
    toUInt64(1) AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, tool, agent, rule_category,
        sum(allowed) AS allows, sum(blocked) AS blocks, sum(asked) AS asks, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM blocked_command_rate_v1 FINAL
        WHERE formula = 0
    )
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, tool, agent, rule_category
)
GROUP BY org_id, repo, day
SETTINGS max_execution_time = 600;

INSERT INTO decision_duration_day_v1
    (org_id, repo, bucket_start, formula, decisions, duration, duration_us_max, version)
SELECT org_id, repo, day AS bucket_start, 0 AS formula,
    sum(n) AS decisions, quantilesDDMergeState(0.01, 0.5, 0.95, 0.99)(sketch) AS duration, max(greatest_us) AS duration_us_max,
    toUInt64(1) AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, decisions AS n, duration AS sketch, duration_us_max AS greatest_us
    FROM decision_duration_v1 FINAL
    WHERE formula = 0
)
GROUP BY org_id, repo, day
SETTINGS max_execution_time = 600;

INSERT INTO injection_attempt_rate_day_v1
    (org_id, repo, bucket_start, formula, attempts, attempts_by_text, decisions, finding_hashes, version)
SELECT org_id, repo, day AS bucket_start, 0 AS formula,
    sum(a) AS attempts, sum(t) AS attempts_by_text, sum(n) AS decisions, arraySort(groupUniqArrayArray(hashes)) AS finding_hashes,
    toUInt64(1) AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, attempts AS a, attempts_by_text AS t, decisions AS n, finding_hashes AS hashes
    FROM injection_attempt_rate_v1 FINAL
    WHERE formula = 0
)
GROUP BY org_id, repo, day
SETTINGS max_execution_time = 600;

INSERT INTO finding_lifecycle_day_v1
    (org_id, repo, bucket_start, formula, severities, categories, new, regressed, fixed, fix_seconds, open, version)
SELECT org_id, repo, day AS bucket_start, 0 AS formula,
    groupArrayIf(severity, is_group) AS severities, groupArrayIf(category, is_group) AS categories,
    groupArrayIf(n, is_group) AS new, groupArrayIf(r, is_group) AS regressed, groupArrayIf(f, is_group) AS fixed,
    groupArrayIf(s, is_group) AS fix_seconds, groupArrayIf(o, is_group) AS open,
    toUInt64(1) AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, severity, category,
        sum(new) AS n, sum(regressed) AS r, sum(fixed) AS f, sum(fix_seconds) AS s, argMax(open, h.bucket_start) AS o, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM finding_lifecycle_v1 FINAL
        WHERE formula = 0
    ) AS h
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, severity, category
)
GROUP BY org_id, repo, day
SETTINGS max_execution_time = 600;

INSERT INTO coverage_day_v1
    (org_id, repo, bucket_start, formula, producers, events, first_hours, last_ats, sessions, version)
SELECT org_id, repo, day AS bucket_start, 0 AS formula,
    groupArrayIf(producer, is_group) AS producers, groupArrayIf(n, is_group) AS events, groupArrayIf(first_hour, is_group) AS first_hours,
    groupArrayIf(last, is_group) AS last_ats, groupArrayIf(heard, is_group) AS sessions,
    toUInt64(1) AS version
FROM
(
    SELECT org_id, repo, toStartOfDay(h.bucket_start) AS day, producer, sum(events) AS n, min(h.bucket_start) AS first_hour,
        max(last_at) AS last, arraySort(groupUniqArrayArray(sessions)) AS heard, true AS is_group
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
        FROM coverage_v1 FINAL
        WHERE formula = 0
    ) AS h
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, producer
)
GROUP BY org_id, repo, day
SETTINGS max_execution_time = 600;

CREATE OR REPLACE VIEW blocked_command_rate_day AS
SELECT org_id, repo, bucket_start, tool, agent, rule_category, allows AS allowed, blocks AS blocked, asks AS asked, allows + blocks + asks AS total
FROM blocked_command_rate_day_v1 FINAL
ARRAY JOIN tools AS tool, agents AS agent, rule_categories AS rule_category, allowed AS allows, blocked AS blocks, asked AS asks
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'blocked_command_rate');

CREATE OR REPLACE VIEW blocked_command_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category;

CREATE OR REPLACE VIEW blocked_command_rate_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE OR REPLACE VIEW blocked_command_rate_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE OR REPLACE VIEW decision_duration_day AS
SELECT org_id, repo, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW decision_duration_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, bucket_start;

CREATE OR REPLACE VIEW decision_duration_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW decision_duration_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, sum(d.decisions) AS decisions,
    quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(d.duration) AS quantiles,
    quantiles[1] AS duration_us_p50, quantiles[2] AS duration_us_p95, quantiles[3] AS duration_us_p99, max(d.duration_us_max) AS duration_us_max
FROM decision_duration_day_v1 AS d FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND d.decisions > 0
GROUP BY org_id, bucket_start;

CREATE OR REPLACE VIEW injection_attempt_rate_day AS
SELECT org_id, repo, bucket_start, attempts, decisions, length(finding_hashes) AS findings, attempts_by_text
FROM injection_attempt_rate_day_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND decisions + length(finding_hashes) > 0;

CREATE OR REPLACE VIEW injection_attempt_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(i.bucket_start), 'UTC') AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_day_v1 AS i FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND i.decisions + length(i.finding_hashes) > 0
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW finding_lifecycle_day AS
SELECT org_id, repo, bucket_start, severity, category, news AS new, regressions AS regressed, fixes AS fixed, seconds AS fix_seconds, opens AS open
FROM finding_lifecycle_day_v1 FINAL
ARRAY JOIN severities AS severity, categories AS category, new AS news, regressed AS regressions, fixed AS fixes, fix_seconds AS seconds, open AS opens
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'finding_lifecycle');

CREATE OR REPLACE VIEW finding_lifecycle_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, severity, category,
    sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed, sum(d.fix_seconds) AS fix_seconds, argMax(d.open, d.bucket_start) AS open
FROM finding_lifecycle_day AS d
GROUP BY org_id, repo, bucket_start, severity, category;

-- Open findings of the organisation: what each repository has open changes from bucket to bucket, and the changes add
-- up. A repository that was not scanned in a bucket keeps what it had.

CREATE OR REPLACE VIEW finding_lifecycle_org_hour AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed, sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_hour) AS d
    GROUP BY org_id, bucket_start, severity, category
);

CREATE OR REPLACE VIEW finding_lifecycle_org_day AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed, sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_day) AS d
    GROUP BY org_id, bucket_start, severity, category
);

CREATE OR REPLACE VIEW finding_lifecycle_org_week AS
SELECT org_id, bucket_start, severity, category, new, regressed, fixed, fix_seconds,
    toUInt64(sum(change) OVER (PARTITION BY org_id, severity, category ORDER BY bucket_start)) AS open
FROM
(
    SELECT org_id, d.bucket_start AS bucket_start, severity, category, sum(d.new) AS new, sum(d.regressed) AS regressed, sum(d.fixed) AS fixed, sum(d.fix_seconds) AS fix_seconds, sum(d.step) AS change
    FROM (SELECT *, toInt64(open) - lagInFrame(toInt64(open)) OVER (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS step FROM finding_lifecycle_week) AS d
    GROUP BY org_id, bucket_start, severity, category
);

CREATE VIEW IF NOT EXISTS coverage_activity_day AS
SELECT org_id, repo, bucket_start, producer, heard AS events, first_hour, last_at, heard_sessions AS sessions
FROM coverage_day_v1 FINAL
ARRAY JOIN producers AS producer, events AS heard, first_hours AS first_hour, last_ats AS last_at, sessions AS heard_sessions
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage');

CREATE OR REPLACE VIEW coverage AS
SELECT org_id, repo, producer, minIf(first, first > toDateTime64(0, 3, 'UTC')) AS first_seen_at, max(last) AS last_seen_at,
    multiIf(last_seen_at = toDateTime64(0, 3, 'UTC'), 'never', last_seen_at >= now64(3, 'UTC') - toIntervalHour(24), 'reporting', 'silent') AS state,
    if(state = 'never', NULL, dateDiff('second', last_seen_at, now64(3, 'UTC'))) AS silent_seconds
FROM
(
    SELECT org_id, repo, producer, toDateTime64(a.first_hour, 3, 'UTC') AS first, a.last_at AS last
    FROM coverage_activity_day AS a
    UNION ALL
    SELECT DISTINCT org_id, repo, arrayJoin(['scan', 'guard']) AS producer, toDateTime64(0, 3, 'UTC'), toDateTime64(0, 3, 'UTC')
    FROM coverage_activity_day
    WHERE repo != ''
)
GROUP BY org_id, repo, producer;

CREATE OR REPLACE VIEW coverage_day AS
SELECT org_id, repo, producer, heard_at + toIntervalDay(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('day', heard_at, leadInFrame(heard_at, 1, toStartOfDay(now('UTC')) + toIntervalDay(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, a.bucket_start AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity_day AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE OR REPLACE VIEW session_coverage_day AS
SELECT org_id, a.bucket_start AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity_day AS a
GROUP BY org_id, bucket_start;

CREATE OR REPLACE VIEW coverage_week AS
SELECT org_id, repo, producer, heard_at + toIntervalWeek(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('week', heard_at, leadInFrame(heard_at, 1, toDateTime(toMonday(now('UTC')), 'UTC') + toIntervalWeek(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, toDateTime(toMonday(a.bucket_start), 'UTC') AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity_day AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE OR REPLACE VIEW session_coverage_week AS
SELECT org_id, toDateTime(toMonday(a.bucket_start), 'UTC') AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity_day AS a
GROUP BY org_id, bucket_start;

-- The same for the organisation, by producer: repositories that reported in the bucket, and those that did before and
-- were silent. Together they are what could have been expected.

CREATE VIEW IF NOT EXISTS coverage_org_hour AS
SELECT org_id, producer, c.bucket_start AS bucket_start, countIf(c.state = 'reporting') AS reporting, countIf(c.state = 'silent') AS silent,
    sum(c.events) AS events
FROM coverage_hour AS c
GROUP BY org_id, producer, bucket_start;

CREATE VIEW IF NOT EXISTS coverage_org_day AS
SELECT org_id, producer, c.bucket_start AS bucket_start, countIf(c.state = 'reporting') AS reporting, countIf(c.state = 'silent') AS silent,
    sum(c.events) AS events
FROM coverage_day AS c
GROUP BY org_id, producer, bucket_start;

CREATE VIEW IF NOT EXISTS coverage_org_week AS
SELECT org_id, producer, c.bucket_start AS bucket_start, countIf(c.state = 'reporting') AS reporting, countIf(c.state = 'silent') AS silent,
    sum(c.events) AS events
FROM coverage_week AS c
GROUP BY org_id, producer, bucket_start;
