SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS ns, EventName, LogAttributes FROM otel_logs WHERE ServiceName = 'case-codex'
