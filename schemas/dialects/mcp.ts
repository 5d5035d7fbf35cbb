import type { SpanDialect } from './dialect.js';

/**
 * OpenTelemetry's conventions for the Model Context Protocol. A `tools/call` has no kind of its own: who runs the tool
 * emits `execute_tool` for the same call. Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
 */
export const mcp: SpanDialect = {
  operation: 'mcp.method.name',
  kinds: { initialize: 'mcp_connection' },
  fields: { session_id: ['mcp.session.id'] },
  scopes: {},
  keys: [],
  content: [],
};
