import type { OtlpBody } from '../../testing/otlp-server.js';

/** One OTLP/JSON request. */
export interface Request {
  readonly path: string;
  readonly body: OtlpBody;
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string };
}

/** Log events that say something about tool calls, hooks, sessions and models; others are many and large. */
const EVENTS =
  /^(hook_registered|plugin_loaded|user_prompt|hook_execution_complete|tool_decision|tool_result|permission_mode_changed|conversation_starts|config|tool_call|hook_call|api_response|approval_mode_switch)$/;
const METRICS = /^codex\.(hooks\.run|tool\.call)$/;
const SPANS = /^agentshield\./;

/** Attributes of the clients that are kept: those that say something about a call, and none of what was said. */
const KEPT =
  /^(service\.(name|version)|app\.version|(session|conversation|prompt)(\.|_)id|event\.(name|timestamp|sequence|kind)|hook_.*|num_.*|managed_only|total_duration_ms|duration_ms|exit_code|decision|source|tool_name|function_name|tool_use_id|call_id|permission_mode|approval_.*|sandbox_policy|success|status|tool|error_type|plugin\.(name|scope)|marketplace\.name|enabled_via|has_hooks|model|(input|output)_token(s|_count)|cost_usd|from_mode|to_mode|mode)$/;
const CONTENT = /^hook_(input|output)$/;
const UNUSED = /^(droppedAttributesCount|severity.*|flags|entityRefs)$/;

/** Any object of OTLP/JSON. */
interface Node {
  readonly [field: string]: unknown;
  readonly attributes?: readonly KeyValue[];
  readonly name?: string;
  readonly eventName?: string;
}

/** Lists of records, and which of them are kept. */
const RECORDS: Readonly<Record<string, (record: Node) => boolean>> = {
  logRecords: isKeptLog,
  spans: ({ name = '' }) => SPANS.test(name),
  metrics: ({ name = '' }) => METRICS.test(name),
};

/** Returns the requests without what says nothing about tool calls, and without names of this machine. */
export function reduced(requests: readonly Request[], home: string): Request[] {
  const kept = requests
    .map(({ path, body }) => ({ path, body: reducedNode(body as Node) }))
    .filter(({ body }) => Object.keys(RECORDS).some((list) => JSON.stringify(body).includes(`"${list}":[{`)));
  const text = JSON.stringify(kept).replaceAll(home, '/home/dev').replaceAll(process.execPath, '/usr/bin/node');
  return JSON.parse(text) as Request[];
}

/** Our own records are small and kept whole. */
function reducedNode(node: Node, isOurs = has(node, 'shieldwatch.event.id') || has(node, 'vcs.repository.name')): Node {
  return Object.fromEntries(
    Object.entries(node)
      .filter(([field]) => !UNUSED.test(field))
      .map(([field, value]) => {
        if (!Array.isArray(value)) return [field, isNode(value) && field !== 'value' ? reducedNode(value) : value];
        if (field === 'attributes')
          return [field, (value as KeyValue[]).filter(({ key }) => isOurs || (KEPT.test(key) && !CONTENT.test(key)))];
        return [field, (value as Node[]).filter(RECORDS[field] ?? (() => true)).map((one) => reducedNode(one))];
      }),
  );
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

const has = ({ attributes = [] }: Node, name: string, text?: string): boolean =>
  attributes.some(({ key, value }) => key === name && (text === undefined || value.stringValue === text));

function isKeptLog(record: Node): boolean {
  // Plugins that Claude Code always loads, and hooks at other events.
  if (has(record, 'marketplace.name', 'builtin') || has(record, 'hook_event', 'PreSkillShellCommand')) return false;
  if (has(record, 'input_token_count') || has(record, 'input_tokens')) return true;
  const named = record.attributes?.find(({ key }) => key === 'event.name')?.value.stringValue ?? record.eventName ?? '';
  return EVENTS.test(named.replace(/^(claude_code|codex|gemini_cli)\./, ''));
}
