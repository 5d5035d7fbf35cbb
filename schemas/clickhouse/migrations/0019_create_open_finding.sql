-- Series without a table: findings that are open, and those of them that people accepted or muted. Folded at each read from
-- finding_transition (0018) and control_event (0009): decisions are few, and an acceptance ends by the clock.
-- Reader: boards, the API.

-- Intervals in which a decision about a finding holds: until the next decision about it, or its own end.
CREATE VIEW IF NOT EXISTS finding_triage_interval AS
SELECT org_id, repo, finding_key, state, decided_at AS since, least(next_at, ends_at) AS until
FROM
(
    SELECT org_id, repo, subject AS finding_key, state, c.occurred_at AS decided_at,
        leadInFrame(c.occurred_at, 1, toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) OVER life AS next_at,
        coalesce(parseDateTime64BestEffortOrNull(JSONExtractString(detail, 'until'), 3, 'UTC'),
            toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) AS ends_at
    FROM control_event AS c
    WHERE kind = 'finding_triage'
    WINDOW life AS (PARTITION BY org_id, repo, subject ORDER BY c.occurred_at, c.event_id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
)
WHERE state IN ('accepted', 'muted') AND since < until;

-- Intervals in which a finding was open and accepted or muted.
CREATE VIEW IF NOT EXISTS triaged_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
    t.state AS state, greatest(f.since, t.since) AS since, least(f.until, t.until) AS until
FROM
(
    SELECT org_id, repo, severity, category, finding_key, occurrence, change, p.scan_at AS since,
        leadInFrame(p.scan_at, 1, toDateTime64('2106-02-07 06:00:00', 3, 'UTC')) OVER life AS until
    FROM finding_transition AS p
    WHERE (org_id, repo, finding_key) IN (SELECT org_id, repo, finding_key FROM finding_triage_interval)
    WINDOW life AS (PARTITION BY org_id, repo, severity, category, finding_key, occurrence ORDER BY p.scan_at,
        p.scan_id ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING)
) AS f
INNER JOIN finding_triage_interval AS t ON t.org_id = f.org_id AND t.repo = f.repo AND t.finding_key = f.finding_key
WHERE f.change = 1 AND greatest(f.since, t.since) < least(f.until, t.until);

-- Moments at which a finding appeared, disappeared, or began or ceased to be accepted or muted.
CREATE VIEW IF NOT EXISTS open_finding_step AS
SELECT org_id, repo, severity, category, p.scan_at AS at, toInt64(p.change) AS open, toInt64(0) AS accepted, toInt64(0) AS muted
FROM finding_transition AS p
UNION ALL
SELECT org_id, repo, severity, category, (arrayJoin([(since, 1), (until, -1)]) AS moment).1 AS at, toInt64(0),
    if(state = 'accepted', toInt64(moment.2), 0), if(state = 'muted', toInt64(moment.2), 0)
FROM triaged_finding
WHERE at <= now64(3, 'UTC');

-- Findings open at the end of each bucket in which that changed, and how many of them were accepted or muted. Holds until the
-- next row of the same severity and category. Undecided are open - accepted - muted.
CREATE VIEW IF NOT EXISTS open_finding_hour AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toStartOfHour(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts,
        sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_day AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toStartOfDay(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts,
        sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_week AS
SELECT org_id, repo, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, repo, toDateTime(toMonday(s.at), 'UTC') AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts,
        sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, repo, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, repo, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_hour AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toStartOfHour(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_day AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toStartOfDay(s.at) AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts, sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

CREATE VIEW IF NOT EXISTS open_finding_org_week AS
SELECT org_id, bucket_start, severity, category,
    toUInt64(sum(opens) OVER steps) AS open, toUInt64(sum(accepts) OVER steps) AS accepted, toUInt64(sum(mutes) OVER steps) AS muted
FROM
(
    SELECT org_id, toDateTime(toMonday(s.at), 'UTC') AS bucket_start, severity, category, sum(s.open) AS opens, sum(s.accepted) AS accepts,
        sum(s.muted) AS mutes
    FROM open_finding_step AS s
    GROUP BY org_id, bucket_start, severity, category
)
WINDOW steps AS (PARTITION BY org_id, severity, category ORDER BY bucket_start);

-- One row for each finding that is open now: since when, how often it had been fixed before, and its triage.
CREATE VIEW IF NOT EXISTS open_finding AS
SELECT f.org_id AS org_id, f.repo AS repo, f.severity AS severity, f.category AS category, f.finding_key AS finding_key, f.occurrence AS occurrence,
    f.title AS title, f.file AS file, f.opened_at AS opened_at, f.recurrences AS recurrences,
    if(t.state = '', 'open', t.state) AS triage, if(t.state = '' OR t.until = toDateTime64('2106-02-07 06:00:00', 3, 'UTC'), NULL,
        t.until) AS triage_until
FROM
(
    SELECT org_id, repo, severity, category, finding_key, occurrence,
        argMax(t.title, (t.scan_at, t.scan_id)) AS title, argMax(t.file, (t.scan_at, t.scan_id)) AS file,
        max(t.scan_at) AS opened_at, countIf(t.change = -1 AND NOT t.is_rekeyed) AS recurrences
    FROM finding_transition AS t
    GROUP BY org_id, repo, severity, category, finding_key, occurrence
    HAVING argMax(t.change, (t.scan_at, t.scan_id)) = 1
) AS f
LEFT JOIN (SELECT * FROM finding_triage_interval WHERE since <= now64(3, 'UTC') AND until > now64(3, 'UTC')) AS t
    ON t.org_id = f.org_id AND t.repo = f.repo AND t.finding_key = f.finding_key;
