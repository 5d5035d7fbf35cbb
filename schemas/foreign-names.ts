/**
 * Names that our SQL spells and that are not ours (`semconv.ts`), with their source. What the agents' own telemetry has is not
 * here: `agent-telemetry.keys.json` lists it, as their pinned versions send it. A name that ends with `.` is a prefix.
 */
export const FOREIGN_NAMES: Readonly<Record<string, string>> = {
  'agentshield.decision': 'span of a decision, as our producers named it before `agentshield.pre_tool_use`',
  'agentshield.': 'prefix of the names of our own spans',
  'claude_code.': 'Claude Code: prefix of its event names',
  'codex.': 'Codex CLI: prefix of its event names',
  'com.anthropic.claude_code.events': 'Claude Code: scope of its log records',
  'exception.type': 'OpenTelemetry semantic conventions: attribute of an exception event of a span',
  'gemini_cli.': 'Gemini CLI: prefix of its event names',
  'redaction.body.masked.count':
    "OpenTelemetry Collector contrib, redactionprocessor: values masked in a log record's body",
  'redaction.masked.count': 'OpenTelemetry Collector contrib, redactionprocessor: values masked in attributes',
  data_type: 'OpenTelemetry Collector, exporterhelper: attribute of otelcol_exporter_queue_size',
  server_name:
    'Claude Code: attribute of a connection to an MCP server, if OTEL_LOG_TOOL_DETAILS is set, which no pinned session does',
  to_mode: 'Claude Code and Gemini CLI: attribute of a change of the permission mode, which no pinned session makes',
  exporter: 'OpenTelemetry Collector, exporterhelper: attribute of otelcol_exporter_queue_size',
};
