-- The event id of the baseline's scan in ClickHouse, with which later scans are compared; null: set before it was kept.
ALTER TABLE baseline ADD COLUMN source_event_id text;
