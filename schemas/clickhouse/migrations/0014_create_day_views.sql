-- Days of what had hours alone, for boards over long ranges: folded from hours when they are read.
CREATE VIEW IF NOT EXISTS coverage_activity_day AS
SELECT org_id, repo, toStartOfDay(h.bucket_start) AS bucket_start, producer, sum(h.events) AS events, min(h.bucket_start) AS first_hour,
    max(h.last_at) AS last_at, groupUniqArrayArray(h.sessions) AS sessions
FROM coverage_activity AS h
GROUP BY org_id, repo, bucket_start, producer;

CREATE VIEW IF NOT EXISTS decision_duration_sketch_day AS
SELECT org_id, repo, toStartOfDay(d.bucket_start) AS bucket_start, d.decisions AS decisions, d.duration AS duration, d.duration_us_max AS duration_us_max
FROM decision_duration AS d;
