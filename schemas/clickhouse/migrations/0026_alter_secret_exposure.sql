-- Critical secrets by bucket: how many began to be exposed, how many no longer are, how many are exposed at its end (NULL in a
-- bucket in which nothing began or ended), and values masked. The episodes of secret_exposure_events, so that a secret that a
-- file repeats is one here too; before, each of its occurrences counted. Writer: nobody. Reader: the API.

CREATE OR REPLACE VIEW secret_exposure_hour AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open, toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toStartOfHour(moment.1) AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))], [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_hour AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW secret_exposure_day AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open, toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toStartOfDay(moment.1) AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))], [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_day AS m
)
GROUP BY org_id, repo, bucket_start;

CREATE OR REPLACE VIEW secret_exposure_week AS
SELECT org_id, repo, bucket_start, sum(exposed) AS exposed, sum(resolved) AS resolved, max(open) AS open, sum(masked) AS masked
FROM
(
    SELECT org_id, repo, bucket_start, began AS exposed, ended AS resolved,
        toNullable(toUInt64(sum(toInt64(began) - toInt64(ended)) OVER (PARTITION BY org_id, repo ORDER BY bucket_start))) AS open, toUInt64(0) AS masked
    FROM
    (
        SELECT org_id, repo, toDateTime(toMonday(moment.1), 'UTC') AS bucket_start, countIf(moment.2 = 1) AS began, countIf(moment.2 = -1) AS ended
        FROM
        (
            SELECT org_id, repo, arrayJoin(if(e.is_open, [(e.first_seen_at, toInt8(1))], [(e.first_seen_at, toInt8(1)), (assumeNotNull(e.resolved_at), toInt8(-1))])) AS moment
            FROM secret_exposure_events AS e
        )
        GROUP BY org_id, repo, bucket_start
    )
    UNION ALL
    SELECT org_id, repo, bucket_start, toUInt64(0), toUInt64(0), NULL, m.masked
    FROM masked_value_week AS m
)
GROUP BY org_id, repo, bucket_start;
