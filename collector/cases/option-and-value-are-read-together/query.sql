SELECT Body, LogAttributes FROM otel_logs WHERE ServiceName = 'case-whole'
