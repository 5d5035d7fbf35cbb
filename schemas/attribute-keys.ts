/**
 * Allow-list of attribute keys. Unlisted keys are dropped and counted, because an unknown key cannot be known to be
 * harmless. The gateway's landing uses {@link attributeFates}; the collector's two configurations are generated from
 * the lists.
 *
 * `name.*` stands for every key that begins with `name.`. Operators add keys by `SHIELDWATCH_ALLOWED_KEYS`.
 */
import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { DIALECT_CONTENT, DIALECT_KEYS } from './dialects/dialects.js';
import * as names from './semconv.js';

/** Environment variable with additional keys, separated by commas. Read by the collector and by the gateway. */
export const ALLOWED_KEYS_VARIABLE = 'SHIELDWATCH_ALLOWED_KEYS';

/** Prefixes that only our own pipeline may set. A client's attributes with them are removed and not counted. */
export const RESERVED_PREFIXES: readonly string[] = [names.SERVER_ATTRIBUTE_PREFIX, names.COUNT_ATTRIBUTE_PREFIX];

/**
 * Content: prompts, answers, tool inputs and outputs. Dropped unless the organisation keeps it. Lists OpenTelemetry's
 * GenAI names, those of `dialects/`, and those of the agents.
 */
export const CONTENT_KEYS: readonly string[] = [
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.definitions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.tool.description',
  'gen_ai.retrieval.query.text',
  'gen_ai.retrieval.documents',
  'gen_ai.memory.*',
  'gen_ai.prompt',
  'gen_ai.prompt.*',
  'gen_ai.completion',
  'gen_ai.completion.*',
  'gen_ai.event.content',
  'gen_ai.evaluation.explanation',
  ...DIALECT_CONTENT,
  'mcp.request.argument.*',
  // Claude Code, Codex, Gemini CLI. Gemini's command line contains the whole prompt.
  'prompt',
  'prompt_text',
  'user_prompt',
  'response',
  'response_text',
  'request_text',
  'system_prompt',
  'new_context',
  'tool_input',
  'tool_parameters',
  'tool_response',
  'tool_output',
  'arguments',
  'output',
  'function_args',
  'function_response',
  'full_command',
  'command',
  'description',
  'hook_definitions',
  'hook_input',
  'hook_output',
  'stdout',
  'stderr',
  'body',
  'process.command_args',
  'process.command_line',
];

/** Attributes whose whole value names a person. `user.id` is not included: agents generate it randomly. */
export const IDENTITY_KEYS: readonly string[] = [
  'enduser.id',
  'process.owner',
  'process.real_user.name',
  'process.saved_user.name',
  'process.user.name',
  'user.email',
  'user.full_name',
  'user.name',
];

/** Log events whose body is content, as in earlier versions of the GenAI conventions. */
export const CONTENT_EVENTS: readonly string[] = [
  'gen_ai.system.message',
  'gen_ai.user.message',
  'gen_ai.assistant.message',
  'gen_ai.tool.message',
  'gen_ai.choice',
  'gen_ai.content.prompt',
  'gen_ai.content.completion',
  'gen_ai.client.inference.operation.details',
];

/**
 * Keys of the agents that no convention defines. `npm run agents:telemetry` records the keys that the pinned clients
 * send (`agent-telemetry.keys.json`). Keys that are not kept are listed in `agent-telemetry.dropped.json`, with the
 * reason.
 */
const AGENT_KEYS: readonly string[] = [
  'action',
  'active',
  'actual_store',
  'additional_context_chars',
  'agent.name',
  'agent.source',
  'agent_id',
  'agent_name',
  'agent_path_count',
  'agent_type',
  'anthropic.custom_base_url',
  'anthropic.mcp.server.name',
  'anthropic.provider',
  'api_endpoint',
  'api_key_enabled',
  'api_key_source',
  'app.entrypoint',
  'app.version',
  'approval_mode',
  'approval_policy',
  'at_mention_type',
  'attempt',
  'auth.env_codex_api_key_enabled',
  'auth.env_codex_api_key_present',
  'auth.env_openai_api_key_present',
  'auth.env_provider_key_name',
  'auth.env_provider_key_present',
  'auth.env_refresh_token_url_override_present',
  'auth.header_attached',
  'auth.header_name',
  'auth.retry_after_unauthorized',
  'auth_mode',
  'auth_type',
  'bash_argv0',
  'bash_command_class',
  'cache_creation_1h_tokens',
  'cache_creation_5m_tokens',
  'cache_creation_tokens',
  'cache_read_tokens',
  'cache_write_token_count',
  'cached_content_token_count',
  'cached_token_count',
  'call_id',
  'client_request_id',
  'codex.turn.token_usage.cache_write_input_tokens',
  'codex.turn.token_usage.cached_input_tokens',
  'codex.turn.token_usage.input_tokens',
  'codex.turn.token_usage.non_cached_input_tokens',
  'codex.turn.token_usage.output_tokens',
  'codex.turn.token_usage.reasoning_output_tokens',
  'codex.turn.token_usage.total_tokens',
  'codex.usage.reasoning_output_tokens',
  'codex.usage.total_tokens',
  'command_category',
  'command_path_count',
  'config.legacy_multi_agent_disabled_sources',
  'config_use_memories',
  'content_length',
  'context_window',
  'conversation.id',
  'core_tools_enabled',
  'cost_usd',
  'cost_usd_micros',
  'credential_kind',
  'debug_mode',
  'decision',
  'decision_model',
  'decision_source',
  'decision_type',
  'duration_ms',
  'effort',
  'embedding_model',
  'enabled_via',
  'end_time',
  'endpoint',
  'env',
  'error',
  'error_class',
  'error_code',
  'error_message',
  'error_type',
  'event.kind',
  'event.sequence',
  'event.timestamp',
  'execution_mode',
  'exit_code',
  'exposure',
  'extension_id',
  'extension_ids',
  'extension_name',
  'extensions',
  'extensions_count',
  'failed',
  'fallback_reason',
  'feature_enabled',
  'file_filtering_respect_git_ignore',
  'final_model',
  'finish_reasons',
  'first_content_ms',
  'from_mode',
  'function_name',
  'gen_ai.tool.call_id',
  'gen_ai.usage.cache_write.input_tokens',
  'git_branch',
  'git_commit_id',
  'handler_type',
  'has_citations',
  'has_hooks',
  'has_mcp',
  'hook.command_outcome',
  'hook.event_name',
  'hook.execution_mode',
  'hook.handler_type',
  'hook.scope',
  'hook_event',
  'hook_event_name',
  'hook_matcher',
  'hook_name',
  'hook_source',
  'hook_type',
  'host_owned_mcp',
  'identity.source',
  'initial_user_message_chars',
  'input_token_count',
  'input_tokens',
  'install.trigger',
  'installation.id',
  'interaction.duration_ms',
  'interaction.sequence',
  'interactive',
  'invocation_trigger',
  'is_async',
  'is_built_in',
  'is_docker',
  'is_git',
  'is_plugin',
  'is_worktree',
  'language',
  'llm_request.context',
  'log_user_prompts_enabled',
  'managed_only',
  'managed_settings.helper.applied',
  'managed_settings.helper.state',
  'managed_settings.source_behavior',
  'managed_settings.sources',
  'managed_settings.trigger',
  'marketplace.is_official',
  'marketplace.name',
  'mcp_server',
  'mcp_server.name',
  'mcp_server_count',
  'mcp_server_name',
  'mcp_server_origin',
  'mcp_server_scope',
  'mcp_servers',
  'mcp_servers_count',
  'mcp_tool',
  'mcp_tool.name',
  'mcp_tools',
  'mcp_tools_count',
  'message.uuid',
  'mode',
  'model',
  'model_swapped',
  'num_blocking',
  'num_cancelled',
  'num_hooks',
  'num_non_blocking_error',
  'num_outputs_persisted',
  'num_success',
  'operation',
  'organization.id',
  'originator',
  'os',
  'os_arch',
  'os_platform',
  'os_release',
  'os_version',
  'output_format',
  'output_token_count',
  'output_tokens',
  'output_truncated',
  'parent.source',
  'permission_mode',
  'phase',
  'plugin.name',
  'plugin.scope',
  'plugin_id_hash',
  'prompt.id',
  'prompt_id',
  'prompt_length',
  'provider_name',
  'query_source',
  'query_source_safe',
  'queued_sends',
  'read_allowed',
  'reasoning_summary',
  'reasoning_token_count',
  'request_id',
  'response_length',
  'result_tokens',
  'role',
  'routing.approval_mode',
  'routing.decision_model',
  'routing.decision_source',
  'routing.failed',
  'routing_latency_ms',
  'safe_mode',
  'sandbox',
  'sandbox_enabled',
  'sandbox_policy',
  'sandboxed',
  'scope',
  'secure_outcome',
  'selected_store',
  'server_name',
  'server_scope',
  'session.id',
  'session_source',
  'shell_snapshot_mode',
  'skill.name',
  'skill.source',
  'skill_path_count',
  'slug',
  'source',
  'span.type',
  'speed',
  'start_time',
  'start_type',
  'startup.phase',
  'startup.status',
  'status',
  'status_code',
  'stdout_chars',
  'stop_reason',
  'storage_phase',
  'store_mode',
  'success',
  'system_message_chars',
  'terminal.type',
  'thoughts_token_count',
  'thread_id',
  'tmp_mem_enabled',
  'to_mode',
  'token_type',
  'tool',
  'tool.name',
  'tool_count',
  'tool_input_size_bytes',
  'tool_mode',
  'tool_name',
  'tool_name_safe',
  'tool_namespace',
  'tool_result_seq',
  'tool_result_size_bytes',
  'tool_source',
  'tool_token_count',
  'tool_type',
  'tool_use_id',
  'total_duration_ms',
  'total_token_count',
  'total_tokens',
  'total_tool_uses',
  'transport_type',
  'trigger',
  'ttft_ms',
  'tty',
  'turn.id',
  'turn_id',
  'type',
  'user.account_id',
  'user.account_uuid',
  'user.groups',
  'user_prompt_length',
  'vertex_ai_enabled',
  'workflow.name',
  'workflow.run_id',
  'worktree_active',
  'wsl.version',
];

/** Keys of the collector's own metrics. */
const COLLECTOR_KEYS: readonly string[] = [
  'data_type',
  'error.permanent',
  'exporter',
  'kind',
  'outcome',
  'processor',
  'reason',
  'receiver',
  'transport',
  'otel.signal',
  'otelcol.component.id',
  'otelcol.component.kind',
  'otelcol.signal',
  'otelcol.pipeline.id',
  'service.instance.id',
];

/** Our own keys, and those of proposals for security telemetry that we read. */
const OWN_KEYS: readonly string[] = [
  'agentshield.*',
  'shieldwatch.event.*',
  'agent.threat.detection.*',
  'gen_ai.guardrail.*',
  'gen_ai.security.*',
  'agt.policy.*',
];

const isContent = matcher(CONTENT_KEYS);
const isOwn = matcher(OWN_KEYS);

/** Returns whether the value of an attribute or map entry names a person; see {@link IDENTITY_KEYS}. */
export const isIdentity = matcher(IDENTITY_KEYS);

/** Returns the values of a module's `ATTR_*` constants. */
const attributeNames = (module: Readonly<Record<string, unknown>>): string[] =>
  Object.entries(module).flatMap(([name, key]) => (name.startsWith('ATTR_') && typeof key === 'string' ? [key] : []));

/**
 * Allowed keys: OpenTelemetry's semantic conventions (every `ATTR_` of the pinned package), the agents' keys and our
 * own, without content.
 */
export const ALLOWED_KEYS: readonly string[] = [
  ...new Set([
    ...attributeNames(conventions),
    ...attributeNames(names).filter((name) => !isOwn(name)),
    ...AGENT_KEYS,
    ...DIALECT_KEYS,
    ...COLLECTOR_KEYS,
    ...OWN_KEYS,
  ]),
]
  .filter((key) => !isContent(key) && !RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix)))
  .sort();

/**
 * Treatment of an attribute by its key: `listed` keys are kept; `identity` keys are kept and their value becomes a
 * pseudonym; `other` keys (allowed by a prefix) are redacted like values; all others are dropped.
 */
export type AttributeFate = 'listed' | 'identity' | 'other' | 'reserved' | 'content' | 'unknown';

/**
 * Creates a function that classifies attribute keys.
 * @param additional the operator's additional keys.
 */
export function attributeFates(
  additional: readonly string[] = [],
): (key: string, keepContent: boolean) => AttributeFate {
  const allowed = [...ALLOWED_KEYS, ...additional];
  const exact = new Set(allowed.filter((key) => !key.endsWith('*')));
  const isAllowed = matcher(allowed);
  const contentExact = new Set(CONTENT_KEYS);
  return (key, keepContent) => {
    if (RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix))) return 'reserved';
    if (isContent(key)) {
      if (!keepContent) return 'content';
      return contentExact.has(key) || exact.has(key) ? 'listed' : 'other';
    }
    if (exact.has(key)) return isIdentity(key) ? 'identity' : 'listed';
    return isAllowed(key) ? 'other' : 'unknown';
  };
}

/** Parses the additional keys from the environment variable. */
export function additionalKeys(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((key) => key.trim())
    .filter((key) => key !== '');
}

function matcher(keys: readonly string[]): (key: string) => boolean {
  const exact = new Set(keys.filter((key) => !key.endsWith('*')));
  const prefixes = keys.filter((key) => key.endsWith('*')).map((key) => key.slice(0, -1));
  return (key) => exact.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
}
