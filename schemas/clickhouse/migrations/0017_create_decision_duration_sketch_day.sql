-- The sketches of decision times by day, for folding over repositories, as decision_duration has them by hour.
CREATE VIEW IF NOT EXISTS decision_duration_sketch_day AS
SELECT org_id, repo, bucket_start, decisions, duration, duration_us_max
FROM decision_duration_day_v1 FINAL
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'decision_duration') AND decisions > 0;
