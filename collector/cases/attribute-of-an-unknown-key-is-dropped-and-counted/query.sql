-- Only keys that somebody has named reach the store; how many did not is kept with the record.
SELECT SpanAttributes, mapFilter((k, v) -> k NOT LIKE 'shieldwatch.tenant.%', ResourceAttributes) AS ResourceAttributes
FROM otel_traces WHERE ServiceName = 'case-unknown'
