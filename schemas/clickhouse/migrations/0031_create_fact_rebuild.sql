-- Which days of landing were read again, and when (`shieldwatch facts rebuild`). After a migration that changes how a fact is
-- derived, days that arrived before it and were not read again since are named by `shieldwatch rollup status` and at the start.
--   fact   name of the fact's table without `_v1`
--   day    day of arrival
-- Writer: rebuildFacts. Reader: outdatedDays. Key: a day of a fact. Replay: the newest remains. Retention: as facts.
CREATE TABLE IF NOT EXISTS fact_rebuild_v1
(
    fact LowCardinality(String),
    day Date,
    rebuilt_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(rebuilt_at)
ORDER BY (fact, day)
TTL day + toIntervalDay(730);
