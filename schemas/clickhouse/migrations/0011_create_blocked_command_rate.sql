-- Series: judged calls by tool, agent and rule category: allowed, blocked, asked.
--
-- Every series has the same parts:
--   <series>_v1           hours, written by rollups/jobs/<series>.sql
--   <series>_day_v1       days, where folding hours at every read costs too much; written by rollups/jobs/<series>_day.sql in
--                         the same pass. One row is one day of one repository, its groups as arrays
--   <series>_hour, _day, _week           what boards, the API and people read; days and ISO weeks (from Monday) are UTC
--   <series>_org_hour, _org_day, _org_week   the same for the whole organisation
--
-- Bucket: (organisation, repository, hour). A job recomputes a whole bucket from facts and writes it in one block under one
-- `version`, the server's clock in microseconds before it read the facts. Views show the rows of a bucket's greatest version
-- only, so a later computation wins even if it is written first, and groups that are gone vanish with the old version.
-- Head: where a bucket may have several rows, one more with is_head = true stands for the bucket itself and is written even
-- when nothing is left. A table with one row a bucket needs none.
--   formula      which formula made the row. A changed formula fills the table beside the old one; views show the formula that
--                rollup_formula_v1 names
--   facts, facts_hash   number of facts behind the bucket, and the wrapping sum of their hashes in any order,
--                which the nightly reconcile compares with the facts
-- Key: the bucket, then its groups, then the formula.
-- Replay: a job may run again at any time and leaves the same rows. Only aggregates that neither order nor partition of the
-- input can change are stored: integer sums, extremes with a total order, sets as sorted arrays, quantilesDD.
-- Durability: no fsync. A worker that starts repeats the marks of the last minute, and the nightly comparison finds the rest.
-- Retention: 731 days. Hours whose facts have expired stay as they are.
-- A rate is formed by its reader: sum of numerators over sum of denominators.

-- Hours.
CREATE TABLE IF NOT EXISTS blocked_command_rate_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    is_head Bool,
    tool LowCardinality(String),
    agent LowCardinality(String),
    rule_category LowCardinality(String),
    allowed UInt64,
    blocked UInt64,
    asked UInt64,
    version UInt64,
    formula UInt16,
    facts UInt64,
    facts_hash UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
PRIMARY KEY (org_id, repo, bucket_start, is_head, tool, agent, rule_category)
ORDER BY (org_id, repo, bucket_start, is_head, tool, agent, rule_category, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

-- Days.
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

-- Views of a repository.
CREATE VIEW IF NOT EXISTS blocked_command_rate_hour AS
SELECT org_id, repo, bucket_start, tool, agent, rule_category, allowed, blocked, asked, allowed + blocked + asked AS total
FROM
(
    SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start) AS head_version
    FROM blocked_command_rate_v1 FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'blocked_command_rate')
)
WHERE version = head_version AND NOT is_head;

CREATE VIEW IF NOT EXISTS blocked_command_rate_day AS
SELECT org_id, repo, bucket_start, tool, agent, rule_category, allows AS allowed, blocks AS blocked, asks AS asked, allows + blocks + asks AS total
FROM blocked_command_rate_day_v1 FINAL
ARRAY JOIN tools AS tool, agents AS agent, rule_categories AS rule_category, allowed AS allows, blocked AS blocks, asked AS asks
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'blocked_command_rate');

CREATE VIEW IF NOT EXISTS blocked_command_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, repo, bucket_start, tool, agent, rule_category;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS blocked_command_rate_org_hour AS
SELECT org_id, h.bucket_start AS bucket_start, tool, agent, rule_category,
    sum(h.allowed) AS allowed, sum(h.blocked) AS blocked, sum(h.asked) AS asked, sum(h.total) AS total
FROM blocked_command_rate_hour AS h
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, bucket_start, tool, agent, rule_category;

CREATE VIEW IF NOT EXISTS blocked_command_rate_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, tool, agent, rule_category,
    sum(d.allowed) AS allowed, sum(d.blocked) AS blocked, sum(d.asked) AS asked, sum(d.total) AS total
FROM blocked_command_rate_day AS d
GROUP BY org_id, bucket_start, tool, agent, rule_category;
