-- Days of the series tool_call_outcomes. Folding hours at every read of a long range cost seconds at ten million calls.
-- Parts, key and replay as in 0011. Writer: rollups/jobs/tool_call_outcomes_day.sql, in the pass that writes the hours.

CREATE TABLE IF NOT EXISTS tool_call_outcomes_day_v1
(
    org_id LowCardinality(String),
    repo String,
    bucket_start DateTime('UTC'),
    formula UInt16,
    outcomes Array(LowCardinality(String)),
    causes Array(LowCardinality(String)),
    agents Array(LowCardinality(String)),
    tools Array(LowCardinality(String)),
    rule_ids Array(LowCardinality(String)),
    rule_categories Array(LowCardinality(String)),
    calls Array(UInt64),
    ran Array(UInt64),
    judged Array(UInt64),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYear(bucket_start)
ORDER BY (org_id, repo, bucket_start, formula)
TTL bucket_start + toIntervalDay(731)
SETTINGS index_granularity = 256, fsync_after_insert = 0, fsync_part_directory = 0;

-- Days that are there already: the views below read no hours. The job writes each again under a greater version.
INSERT INTO tool_call_outcomes_day_v1
    (org_id, repo, bucket_start, formula, outcomes, causes, agents, tools, rule_ids, rule_categories, calls, ran, judged, version)
SELECT org_id, repo, day, formula, groupArray(outcome), groupArray(cause), groupArray(agent), groupArray(tool), groupArray(rule_id),
    groupArray(rule_category), groupArray(n), groupArray(r), groupArray(j), max(newest)
FROM
(
    SELECT org_id, repo, toStartOfDay(bucket_start) AS day, formula, outcome, cause, agent, tool, rule_id, rule_category,
        sum(calls) AS n, sum(ran) AS r, sum(judged) AS j, max(version) AS newest
    FROM
    (
        SELECT *, max(version) OVER (PARTITION BY org_id, repo, bucket_start, formula) AS head_version
        FROM tool_call_outcomes_v1 FINAL
    )
    WHERE version = head_version AND NOT is_head
    GROUP BY org_id, repo, day, formula, outcome, cause, agent, tool, rule_id, rule_category
)
GROUP BY org_id, repo, day, formula;

-- Views of a repository.
CREATE OR REPLACE VIEW tool_call_outcomes_day AS
SELECT org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category, n AS calls, r AS ran, j AS judged
FROM tool_call_outcomes_day_v1 FINAL
ARRAY JOIN outcomes AS outcome, causes AS cause, agents AS agent, tools AS tool, rule_ids AS rule_id, rule_categories AS rule_category,
    calls AS n, ran AS r, judged AS j
WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'tool_call_outcomes');

CREATE OR REPLACE VIEW tool_call_outcomes_week AS
SELECT org_id, repo, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(d.calls) AS calls, sum(d.ran) AS ran, sum(d.judged) AS judged
FROM tool_call_outcomes_day AS d
GROUP BY org_id, repo, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

-- Views of the organisation.
CREATE OR REPLACE VIEW tool_call_outcomes_org_day AS
SELECT org_id, d.bucket_start AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(d.calls) AS calls, sum(d.ran) AS ran, sum(d.judged) AS judged
FROM tool_call_outcomes_day AS d
GROUP BY org_id, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;

CREATE OR REPLACE VIEW tool_call_outcomes_org_week AS
SELECT org_id, toDateTime(toMonday(d.bucket_start), 'UTC') AS bucket_start, outcome, cause, agent, tool, rule_id, rule_category,
    sum(d.calls) AS calls, sum(d.ran) AS ran, sum(d.judged) AS judged
FROM tool_call_outcomes_day AS d
GROUP BY org_id, bucket_start, outcome, cause, agent, tool, rule_id, rule_category;
