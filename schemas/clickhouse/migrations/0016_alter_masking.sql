-- What was masked, by kind. Our collector (and the gateway, where it lands by itself) notes on each record
-- `shieldwatch.redaction.masked.<kind>`; the stock image notes how many values it masked and no kind (`redaction.masked.count`
-- of attributes, `redaction.body.masked.count`): its kind is `not told`. No client can send either: both are dropped first.
-- Counts of a resource's own texts are on the resource, which stands beside each of its records: they are not read here
-- (otelcol_processor_secretredaction_masked of the collector's own metrics has them).

ALTER TABLE masking_event_v1 ADD COLUMN IF NOT EXISTS kinds Map(LowCardinality(String), UInt32);

DROP TABLE IF EXISTS masking_event_traces_mv_v1;
DROP TABLE IF EXISTS masking_event_logs_mv_v1;

CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_traces_mv_v2 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo, concat(TraceId, '-', SpanId) AS event_id, toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    'span' AS record,
    mapFilter((kind, count) -> count > 0, mapApply((key, value) -> (multiIf(startsWith(key, 'shieldwatch.redaction.masked.'), substring(key, 30), 'not told'), toUInt32OrZero(value)),
        mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key = 'redaction.masked.count', SpanAttributes))) AS kinds,
    toUInt32(arraySum(mapValues(kinds))) AS masked, IngestedAt AS ingested_at
FROM otel_traces
WHERE OrgId != '' AND mapContainsKeyLike(SpanAttributes, '%redaction.masked.%') AND masked > 0
    AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

CREATE MATERIALIZED VIEW IF NOT EXISTS masking_event_logs_mv_v2 TO masking_event_v1 AS
SELECT OrgId AS org_id, Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, ServiceName, Body, mapSort(LogAttributes)))) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at, 'log' AS record,
    mapFilter((kind, count) -> count > 0, mapApply((key, value) -> (multiIf(startsWith(key, 'shieldwatch.redaction.masked.'), substring(key, 30), key = 'redaction.masked.count', 'not told', 'not told (body)'), toUInt32OrZero(value)),
        mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key IN ('redaction.masked.count', 'redaction.body.masked.count'), LogAttributes))) AS kinds,
    toUInt32(arraySum(mapValues(kinds))) AS masked, IngestedAt AS ingested_at
FROM otel_logs
WHERE OrgId != '' AND mapContainsKeyLike(LogAttributes, '%redaction.%masked.%') AND masked > 0
    AND occurred_at BETWEEN IngestedAt - toIntervalDay(730) AND IngestedAt + toIntervalDay(1);

ALTER TABLE masked_value_v1 ADD COLUMN IF NOT EXISTS kinds Map(LowCardinality(String), UInt64);

-- Values that were masked on the way in, by kind. Hours that were computed before kinds were known are `not told`.
CREATE VIEW IF NOT EXISTS masked_kind_hour AS
SELECT org_id, repo, bucket_start, pair.1 AS kind, pair.2 AS masked
FROM
(
    SELECT org_id, repo, bucket_start, arrayJoin(if(empty(kinds), [('not told', m.masked)], arrayZip(arrayMap(kind -> toString(kind), mapKeys(kinds)), mapValues(kinds)))) AS pair
    FROM masked_value_v1 AS m FINAL
    WHERE formula = (SELECT argMax(formula, switched_at) FROM rollup_formula_v1 WHERE series = 'masked_value') AND records > 0
);
