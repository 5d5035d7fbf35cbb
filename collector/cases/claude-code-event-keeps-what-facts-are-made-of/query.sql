-- The event's body is its name; of its attributes only the tool's parameters are content.
SELECT Body, LogAttributes FROM otel_logs WHERE ServiceName = 'case-claude'
