-- Series: which producer reported, and when. One row for each producer with events in the hour. Parts, key and replay as in
-- 0011.
--
--   producer   `scan`, `guard` (decisions), `watch` (drifts), or an agent by its name
--   sessions   sorted hashes of session ids, to compare the sessions that agents report with those their guard judged
-- Silence has no rows: it is what lies between two rows of a producer and after its last one.

-- Hours and days.
CREATE TABLE IF NOT EXISTS coverage_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    producer LowCardinality(String),
    formula UInt16,
    events UInt64,
    last_at DateTime64(3, 'UTC'),
    sessions Array(UInt64),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, is_head, producer, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

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

-- The same, one row for each producer.
CREATE VIEW IF NOT EXISTS coverage_activity AS
SELECT org_id, repo, bucket_start, producer, events, last_at, sessions
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM coverage_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage')
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS coverage_activity_day AS
SELECT org_id, repo, bucket_start, producer, heard AS events, first_hour, last_at, heard_sessions AS sessions
FROM coverage_day_v1 FINAL
ARRAY JOIN producers AS producer, events AS heard, first_hours AS first_hour, last_ats AS last_at, sessions AS heard_sessions
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage');

-- Every repository and producer now: `reporting` within 24 hours, `silent` since, or `never`: the repository is known by
-- another producer, and should be scanned and guarded.
CREATE VIEW IF NOT EXISTS coverage AS
SELECT org_id, repo, producer, minIf(first, first > toDateTime64(0, 3, 'UTC')) AS first_seen_at, max(last) AS last_seen_at,
    multiIf(last_seen_at = toDateTime64(0, 3, 'UTC'), 'never', last_seen_at >= now64(3, 'UTC') - toIntervalHour(24), 'reporting', 'silent') AS state,
    if(state = 'never', NULL, dateDiff('second', last_seen_at, now64(3, 'UTC'))) AS silent_seconds
FROM
(
    SELECT org_id, repo, heard.1 AS producer, toDateTime64(heard.2, 3, 'UTC') AS first, heard.3 AS last
    FROM
    (
        SELECT org_id, repo, arrayJoin(arrayConcat(arrayMap((name, hour, at) -> (toString(name), hour, at), producers, first_hours, last_ats),
            if(repo = '' OR empty(producers), [], [('scan', toDateTime(0, 'UTC'), toDateTime64(0, 3, 'UTC')),
                ('guard', toDateTime(0, 'UTC'), toDateTime64(0, 3, 'UTC'))]))) AS heard
        FROM coverage_day_v1 FINAL
        WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'coverage')
    )
)
GROUP BY org_id, repo, producer;

-- The same over time: every bucket since a producer's first event, silent ones too. Their events are NULL, not 0.
CREATE VIEW IF NOT EXISTS coverage_hour AS
SELECT org_id, repo, producer, heard_at + toIntervalHour(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('hour', heard_at,
            leadInFrame(heard_at, 1, toStartOfHour(now('UTC')) + toIntervalHour(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, a.bucket_start AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE VIEW IF NOT EXISTS coverage_day AS
SELECT org_id, repo, producer, heard_at + toIntervalDay(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('day', heard_at,
            leadInFrame(heard_at, 1, toStartOfDay(now('UTC')) + toIntervalDay(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, a.bucket_start AS heard_at, sum(a.events) AS heard_events, max(a.last_at) AS last_at
        FROM coverage_activity_day AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

CREATE VIEW IF NOT EXISTS coverage_week AS
SELECT org_id, repo, producer, heard_at + toIntervalWeek(step) AS bucket_start, if(step = 0, 'reporting', 'silent') AS state,
    if(step = 0, toNullable(heard_events), NULL) AS events, last_at AS last_seen_at
FROM
(
    SELECT org_id, repo, producer, heard_at, heard_events, last_at,
        arrayJoin(range(toUInt32(greatest(dateDiff('week', heard_at,
            leadInFrame(heard_at, 1, toDateTime(toMonday(now('UTC')), 'UTC') + toIntervalWeek(1)) OVER next), 1)))) AS step
    FROM
    (
        SELECT org_id, repo, producer, toDateTime(toMonday(a.bucket_start), 'UTC') AS heard_at, sum(a.events) AS heard_events,
            max(a.last_at) AS last_at
        FROM coverage_activity_day AS a
        GROUP BY org_id, repo, producer, heard_at
    )
    WINDOW next AS (PARTITION BY org_id, repo, producer ORDER BY heard_at ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
);

-- The organisation, by producer: repositories that reported in the bucket, and those that had reported before and were silent.
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

-- Sessions that agents reported and sessions that their guard judged; unguarded_sessions should be 0.
CREATE VIEW IF NOT EXISTS session_coverage_hour AS
SELECT org_id, a.bucket_start AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity AS a
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS session_coverage_day AS
SELECT org_id, a.bucket_start AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity_day AS a
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS session_coverage_week AS
SELECT org_id, toDateTime(toMonday(a.bucket_start), 'UTC') AS bucket_start,
    groupUniqArrayArrayIf(a.sessions, a.producer NOT IN ('guard', 'scan', 'watch')) AS by_agent,
    groupUniqArrayArrayIf(a.sessions, a.producer = 'guard') AS by_guard,
    length(by_agent) AS agent_sessions, length(by_guard) AS guarded_sessions,
    length(by_agent) - length(arrayIntersect(by_agent, by_guard)) AS unguarded_sessions
FROM coverage_activity_day AS a
GROUP BY org_id, bucket_start;
