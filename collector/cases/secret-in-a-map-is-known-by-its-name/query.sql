SELECT Body, LogAttributes FROM otel_logs WHERE ServiceName = 'case-map'
