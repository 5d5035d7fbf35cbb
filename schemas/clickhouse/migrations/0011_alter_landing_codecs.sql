-- Attributes are most of what landing takes on disk, and compress far better at a higher level. Measured on
-- 200,000 spans of coding agents (npm run bench -- store disk): 75 bytes a span with ZSTD(1) everywhere, 70 with
-- ZSTD(3) for attributes, 57 with ZSTD(6), 57 with ZSTD(7); an INSERT of 10,000 spans costs some 10 ms of CPU
-- more. Ids are random and times are cheap already, so the other columns stay as they are. Parts written before
-- are compressed anew when they merge.

ALTER TABLE otel_traces
    MODIFY COLUMN ResourceAttributes CODEC(ZSTD(6)),
    MODIFY COLUMN SpanAttributes CODEC(ZSTD(6));

ALTER TABLE otel_logs
    MODIFY COLUMN ResourceAttributes CODEC(ZSTD(6)),
    MODIFY COLUMN LogAttributes CODEC(ZSTD(6));
