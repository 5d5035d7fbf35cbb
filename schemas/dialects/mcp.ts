import type { SpanDialect } from './dialect.js';

/** Attribute of every span of an MCP request. */
export const MCP_METHOD = 'mcp.method.name';

/**
 * OpenTelemetry's conventions for the Model Context Protocol, as FastMCP and MCP's Python SDK emit them. A `tools/call` has no
 * kind of its own: who runs the tool says `execute_tool`, in the same span or around it. A server's span has none either,
 * because its client reports the same request. Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
 */
export const mcp: SpanDialect = {
  operation: MCP_METHOD,
  kinds: { initialize: 'mcp_connection', 'server/discover': 'mcp_connection' },
  others: ['tools/call', 'tools/list', 'resources/list', 'resources/read', 'prompts/list', 'prompts/get', 'ping'],
  fields: { session_id: ['mcp.session.id'] },
  scopes: { fastmcp: 'fastmcp', 'mcp-python-sdk': 'mcp-python-sdk' },
  keys: [],
  content: [],
};
