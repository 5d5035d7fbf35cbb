SELECT SpanAttributes FROM otel_traces WHERE ServiceName = 'case-content'
