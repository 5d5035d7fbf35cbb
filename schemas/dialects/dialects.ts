import { SCOPE_NAME } from '../semconv.js';
import { claudeCode, codex, CODEX_MCP_CALL, codexSpans, geminiCli, MCP_SERVER } from './agents.js';
import type { EventField, EventKind, LogDialect, SpanDialect } from './dialect.js';
import { genAi } from './gen-ai.js';
import { agentGovernanceToolkit, guardrail, threatDetection, traceloopGuardrails } from './guardrails.js';
import { mcp, MCP_METHOD } from './mcp.js';
import { openInference } from './openinference.js';
import { openLlmetry } from './openllmetry.js';
import { vercelAi } from './vercel-ai.js';

/** Supported span conventions. If a span follows several, the first one that has a value wins. */
export const SPAN_DIALECTS: readonly SpanDialect[] = [
  genAi,
  openInference,
  vercelAi,
  openLlmetry,
  mcp,
  guardrail,
  traceloopGuardrails,
  agentGovernanceToolkit,
  threatDetection,
  codexSpans,
];

/** Agents whose log records become agent events. */
export const LOG_DIALECTS: readonly LogDialect[] = [claudeCode, codex, geminiCli];

/** Value of `agent` for an instrumentation scope that no dialect lists. */
const UNKNOWN_AGENT = 'gen-ai';

/**
 * Instrumentation scopes of agents whose log records become events. Their spans repeat the logs and would be counted twice.
 */
const LOGGED_SCOPES = ['com.anthropic.claude_code.tracing', 'gemini-cli'];

/** What other products' guards say, by what it means for the call. Other words are `unknown`, kept, and counted in quarantine. */
const DECISIONS = {
  allow: ['allow', 'allowed', 'approved', 'warn', 'log', 'modify', 'redact', 'none', 'PASSED'],
  block: ['block', 'blocked', 'deny', 'denied', 'rejected', 'FAILED'],
  ask: ['ask', 'escalate', 'require_approval'],
} as const;

/** Names of events that are known, with a kind or without. A board counts the events of all other names. */
export const KNOWN_EVENTS: readonly string[] = [
  ...new Set([
    ...LOG_DIALECTS.flatMap(({ kinds, others }) => [...Object.keys(kinds), ...others]),
    ...SPAN_DIALECTS.flatMap(({ kinds, others = [], names = {} }) => [
      ...Object.keys(kinds),
      ...others,
      ...Object.keys(names),
    ]),
  ]),
];

/** Attribute keys of all dialects that are stored, in addition to the semantic conventions. */
export const DIALECT_KEYS: readonly string[] = SPAN_DIALECTS.flatMap(({ operation, fields, keys }) => [
  ...(operation === undefined ? [] : [operation]),
  ...Object.values(fields).flat(),
  ...keys,
]);

/** Every name that the query of {@link spanQuery} spells: attributes, operations and scopes; each dialect says its source. */
export const DIALECT_NAMES: readonly string[] = [
  ...DIALECT_KEYS,
  ...SPAN_DIALECTS.flatMap(({ kinds, names = {}, scopes }) => [kinds, names, scopes].flatMap(Object.keys)),
  ...LOGGED_SCOPES,
];

/** Attribute keys of all dialects that hold content. */
export const DIALECT_CONTENT: readonly string[] = SPAN_DIALECTS.flatMap(({ content }) => content);

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
const list = (texts: readonly string[]): string => texts.map(quoted).join(', ');
const attribute = (key: string): string => `SpanAttributes[${quoted(key)}]`;

/** Writes an expression for the first attribute that is not empty. */
const firstOf = (keys: readonly string[]): string =>
  `arrayFirst(value -> value != '', [${[...new Set(keys)].map(attribute).join(', ')}])`;

const field = (name: EventField): string => firstOf(SPAN_DIALECTS.flatMap(({ fields }) => fields[name] ?? []));

/** Writes cases of `multiIf` for the values of `expression` that have a kind. */
const casesOf = (expression: string, kinds: Readonly<Record<string, EventKind | ''>>): string[] =>
  [...new Set(Object.values(kinds))].map((kind) => {
    const values = Object.keys(kinds).filter((value) => kinds[value] === kind);
    return `${expression} IN (${list(values)}), ${quoted(kind)}`;
  });

const NAMED_SPANS = Object.assign({}, ...SPAN_DIALECTS.map(({ names = {} }) => names)) as Record<
  string,
  EventKind | ''
>;

/** Writes the kind of a span. What an MCP server says of a request is no event of the agent that made it. */
function spanKind(): string {
  const cases = [
    `SpanKind = 'Server' AND ${attribute(MCP_METHOD)} != '', ''`,
    ...SPAN_DIALECTS.flatMap(({ operation, kinds }) =>
      operation === undefined ? [] : casesOf(attribute(operation), kinds),
    ),
    ...casesOf('SpanName', NAMED_SPANS),
  ];
  return `multiIf(${cases.join(',\n        ')}, '')`;
}

function spanAgent(): string {
  const scopes = SPAN_DIALECTS.flatMap((dialect) => Object.entries(dialect.scopes));
  const named = SPAN_DIALECTS.flatMap(({ agent, names = {} }) =>
    agent === undefined ? [] : [`SpanName IN (${list(Object.keys(names))}), ${quoted(agent)}`],
  );
  return `multiIf(${named.join(', ')}, transform(ScopeName, [${list(scopes.map(([scope]) => scope))}], [${list(scopes.map(([, agent]) => agent))}], ${quoted(UNKNOWN_AGENT)}))`;
}

/** Writes the expression for `kind` over the columns `agent`, `event_name` and `tool` of `agent_event`, and `LogAttributes`. */
export function logKind(): string {
  const cases = LOG_DIALECTS.flatMap(({ agent, kinds }) =>
    Object.entries(kinds).map(([event, kind]) => {
      const { kind: value, having, exceptTool } = typeof kind === 'string' ? { kind } : kind;
      const condition = [
        having === undefined ? '' : ` AND LogAttributes[${quoted(having)}] != ''`,
        exceptTool === undefined ? '' : ` AND tool != ${quoted(exceptTool)}`,
      ].join('');
      return `agent = ${quoted(agent)} AND event_name = ${quoted(event)}${condition}, ${quoted(value)}`;
    }),
  );
  return `multiIf(${cases.join(',\n        ')}, '')`;
}

/**
 * Writes the SELECT by which `agent_event_span_in_mv_v1` makes events of spans. Our own records, `agentshield.*`, are other facts; a migration holds its text, and a test
 * holds the store's view to it.
 */
export function spanQuery(): string {
  const operations = [...new Set(SPAN_DIALECTS.flatMap(({ operation = [] }) => operation))].map(attribute);
  return `SELECT
    OrgId AS org_id,
    Repository AS repo,
    lower(hex(sipHash128(Timestamp, TraceId, SpanId, SpanName, Duration, StatusCode, ServiceName, mapSort(SpanAttributes)))) AS event_id,
    toDateTime64(Timestamp, 3, 'UTC') AS occurred_at,
    ${spanAgent()} AS agent,
    if(ScopeVersion = '' AND agent = 'codex', ResourceAttributes['service.version'], ScopeVersion) AS agent_version,
    arrayFirst(value -> value != '', [${operations.join(', ')}, if(SpanName IN (${list(Object.keys(NAMED_SPANS))}), SpanName, '')]) AS event_name,
    ${spanKind()} AS kind,
    ${field('session_id')} AS session_id,
    '' AS prompt_id,
    ${field('agent_name')} AS agent_name,
    concat(if(SpanName = ${quoted(CODEX_MCP_CALL)}, concat('mcp__', ${attribute(MCP_SERVER)}, '__'), ''), ${field('tool')}) AS tool,
    replaceRegexpOne(${field('tool_call_id')}, '^<.*>$', '') AS tool_call_id,
    if(kind = 'model_call', ${field('model')}, '') AS model,
    if(kind = 'model_call', toUInt64OrZero(${field('input_tokens')}), 0) AS input_tokens,
    if(kind = 'model_call', toUInt64OrZero(${field('output_tokens')}), 0) AS output_tokens,
    toFloat64(0) AS cost_usd,
    multiIf(ScopeName = ${quoted(SCOPE_NAME)}, if(error_type = 'ToolBlockedError', 'block', ''),
        decision_raw = '', '',
        decision_raw IN (${list(DECISIONS.allow)}), 'allow',
        decision_raw IN (${list(DECISIONS.block)}), 'block',
        decision_raw IN (${list(DECISIONS.ask)}), 'ask', 'unknown') AS decision,
    ${field('decision_raw')} AS decision_raw,
    '' AS decision_source,
    '' AS permission_mode,
    if(StatusCode = 'Error', 'false', 'true') AS success,
    if(StatusCode != 'Error', '', coalesce(nullIf(${field('error_type')}, ''), Events.Attributes[indexOf(Events.Name, 'exception')]['exception.type'])) AS error_type,
    intDiv(Duration, 1000000) AS duration_ms,
    '' AS hook_event,
    toUInt32(0) AS hooks_blocking,
    toUInt32(0) AS hooks_succeeded,
    toUInt32(0) AS hooks_failed,
    toUInt32(0) AS hooks_cancelled,
    toUInt32(0) AS sequence,
    toUInt32(arraySum(mapValues(mapApply((key, value) -> (key, toUInt32OrZero(value)), mapFilter((key, value) -> startsWith(key, 'shieldwatch.redaction.masked.') OR key IN ('redaction.masked.count'), SpanAttributes))))) AS masked,
    CAST([], 'Array(String)') AS mcp_servers,
    TraceId AS trace_id,
    IngestedAt AS ingested_at,
    multiIf(
        occurred_at > IngestedAt + toIntervalDay(1), 'timestamp in the future',
        occurred_at < IngestedAt - toIntervalDay(730), 'timestamp before the oldest facts',
        '') AS problem
FROM otel_traces
WHERE OrgId != '' AND ScopeName NOT IN (${list(LOGGED_SCOPES)}) AND NOT startsWith(SpanName, 'agentshield.') AND event_name != ''`;
}
