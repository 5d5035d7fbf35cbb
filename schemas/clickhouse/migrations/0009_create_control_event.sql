-- Fact: one thing that people decided: review items opened and decided, findings accepted and muted, baselines set, evidence
-- that does not hold, tokens, members and repositories created and removed.
--
-- Writer: the gateway's outbox (ingest/control/outbox.ts), at-least-once. Reader: people, boards, the views of 0019 and 0021.
-- Identity: event_id is made with the change, in its Postgres transaction. Key and retention as in 0003.
-- Replay: rows of equal identity are equal, and one remains.

-- The fact.
CREATE TABLE IF NOT EXISTS control_event_v1
(
    org_id LowCardinality(String),
    repo String,
    event_id String,
    occurred_at DateTime64(3, 'UTC'),
    kind LowCardinality(String),
    subject String,
    state LowCardinality(String),
    actor String,
    detail String,
    ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY (org_id, repo, toStartOfHour(occurred_at), event_id, occurred_at)
TTL toDateTime(occurred_at) + toIntervalDay(730)
SETTINGS index_granularity = 2048;

CREATE VIEW IF NOT EXISTS control_event AS SELECT * FROM control_event_v1 FINAL;

-- State of each review item now; `superseded`: a newer scan's item replaced it. An item is known by its id within the
-- organisation: the event that closes it may not name the repository.
CREATE VIEW IF NOT EXISTS review_item_state AS
SELECT org_id, argMaxIf(c.repo, (c.occurred_at, c.event_id), c.repo != '') AS repo, subject AS review_item_id,
    argMax(state, (c.occurred_at, c.event_id)) AS status,
    argMax(JSONExtractString(detail, 'route'), (c.occurred_at, c.event_id)) AS route,
    min(c.occurred_at) AS opened_at, max(c.occurred_at) AS changed_at
FROM control_event AS c
WHERE kind = 'review_item'
GROUP BY org_id, subject;

-- The last decision about each finding; `until` is empty where it has no end.
CREATE VIEW IF NOT EXISTS finding_triage AS
SELECT org_id, repo, subject AS finding_key,
    argMax(state, (c.occurred_at, c.event_id)) AS status,
    argMax(JSONExtractString(detail, 'until'), (c.occurred_at, c.event_id)) AS until,
    max(c.occurred_at) AS changed_at
FROM control_event AS c
WHERE kind = 'finding_triage'
GROUP BY org_id, repo, subject;

-- Register (0002).
CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_control_event_mv_v1 TO dirty_hour_v1 AS
SELECT 'control_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM control_event_v1);
