-- Series: calls that were blocked as injections, out of judged calls; and injection findings of scans. Parts, key and replay as
-- in 0011.
--
--   attempts           calls blocked by a rule of category `injection`, or, where no category came, for a reason that reads
--                      like an injection (schemas/clickhouse/injection-attempt.ts)
--   attempts_by_text   those of the attempts that only the reason's text tells
--   finding_hashes     the set of injection findings that scans of the hour showed, so that each counts once in a bucket

-- Hours, and the same as a view for readers that join the sets further.
CREATE TABLE IF NOT EXISTS injection_attempt_rate_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    attempts UInt64,
    attempts_by_text UInt64,
    decisions UInt64,
    finding_hashes Array(UInt64),
    facts UInt64,
    facts_hash UInt64,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 2048, fsync_after_insert = 0, fsync_part_directory = 0;

CREATE VIEW IF NOT EXISTS injection_attempt_rate AS
SELECT org_id, repo, bucket_start, attempts, attempts_by_text, decisions, finding_hashes
FROM injection_attempt_rate_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND decisions + length(finding_hashes) > 0;

-- Days.
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

-- Views of a repository.
CREATE VIEW IF NOT EXISTS injection_attempt_rate_hour AS
SELECT org_id, repo, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate AS i
GROUP BY org_id, repo, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_day AS
SELECT org_id, repo, bucket_start, attempts, decisions, length(finding_hashes) AS findings, attempts_by_text
FROM injection_attempt_rate_day_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND decisions + length(finding_hashes) > 0;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_week AS
SELECT org_id, repo, toDateTime(toMonday(i.bucket_start), 'UTC') AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    uniqExactArray(i.finding_hashes) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_day_v1 AS i FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'injection_attempt_rate') AND i.decisions + length(i.finding_hashes) > 0
GROUP BY org_id, repo, bucket_start;

-- Views of the organisation.
CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_hour AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_hour AS i
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_day AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_day AS i
GROUP BY org_id, bucket_start;

CREATE VIEW IF NOT EXISTS injection_attempt_rate_org_week AS
SELECT org_id, i.bucket_start AS bucket_start, sum(i.attempts) AS attempts, sum(i.decisions) AS decisions,
    sum(i.findings) AS findings, sum(i.attempts_by_text) AS attempts_by_text
FROM injection_attempt_rate_week AS i
GROUP BY org_id, bucket_start;
