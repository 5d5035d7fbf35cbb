import { decisionAttributes, decisionSpanIds } from '#schemas/records/decision.js';
import {
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_VERSION,
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
  ATTR_VCS_OWNER_NAME,
  ATTR_VCS_REPOSITORY_NAME,
  SCOPE_NAME,
  SERVICE_NAME_PRODUCER,
  SPAN_DECISION,
} from '#schemas/semconv.js';
import { Random } from '../random.js';

type Attributes = Record<string, string>;

/** A row of `otel_traces` in JSONEachRow: the columns that the collector's exporter writes. */
export interface SpanRow {
  Timestamp: string;
  TraceId: string;
  SpanId: string;
  ParentSpanId: string;
  TraceState: string;
  SpanName: string;
  SpanKind: string;
  ServiceName: string;
  ResourceAttributes: Attributes;
  ScopeName: string;
  ScopeVersion: string;
  SpanAttributes: Attributes;
  Duration: number;
  StatusCode: string;
  StatusMessage: string;
  'Events.Timestamp': string[];
  'Events.Name': string[];
  'Events.Attributes': Attributes[];
}

export const SPAN_COLUMNS = [
  'Timestamp',
  'TraceId',
  'SpanId',
  'ParentSpanId',
  'TraceState',
  'SpanName',
  'SpanKind',
  'ServiceName',
  'ResourceAttributes',
  'ScopeName',
  'ScopeVersion',
  'SpanAttributes',
  'Duration',
  'StatusCode',
  'StatusMessage',
  'Events.Timestamp',
  'Events.Name',
  'Events.Attributes',
] as const satisfies (keyof SpanRow)[];

export interface SpanSettings {
  readonly count: number;
  readonly seed: number;
  /** Earliest start of a span. */
  readonly from: Date;
  /** Duration over which spans are distributed. */
  readonly hours: number;
  readonly organisations: number;
}

const COMMANDS = [
  ['git', 'vcs'],
  ['npm', 'package_manager'],
  ['rm', 'fs_mutation'],
  ['cat', 'fs_read'],
  ['echo', 'shell_builtin'],
  ['curl', 'network'],
] as const;
const RULES = [
  {
    rule: 'deny[0]:Bash',
    category: 'destructive',
    reason: 'Matches the deny rule for recursive deletion outside of the workspace',
  },
  {
    rule: 'deny[2]:Bash',
    category: 'egress',
    reason: 'Matches the deny rule for uploads to hosts that are not on the list',
  },
  { rule: 'deny[5]:Read', category: 'sensitive-file', reason: 'Matches the deny rule for credential files' },
] as const;

/**
 * Generates spans as a fleet of coding agents sends them, ordered by end time: sessions of prompts (one trace each),
 * model requests, tool calls with their permission and execution spans (the attribute sets of Claude Code 2.1), and for
 * each call the guard's `agentshield.pre_tool_use`. Ids are random; other values repeat as in practice: 5 repositories
 * and 10 people per organisation, a few versions and models. The same settings yield the same spans.
 */
export function generateSpans(settings: SpanSettings): SpanRow[] {
  const random = new Random(settings.seed);
  const rows: { row: SpanRow; endsAt: number }[] = [];
  const organisations = Array.from({ length: settings.organisations }, (_, i) => organisation(random, i));
  while (rows.length < settings.count) {
    const { people, repositories } = random.pick(organisations);
    const repository = random.pick(repositories);
    const session = new Session(
      random,
      repository,
      random.pick(people),
      settings.from.getTime() + random.next() * settings.hours * 3_600_000,
    );
    const prompts = random.integer(1, 8);
    for (let sequence = 1; sequence <= prompts; sequence++) rows.push(...session.prompt(sequence));
  }
  return rows
    .slice(0, settings.count)
    .sort((a, b) => a.endsAt - b.endsAt)
    .map(({ row }) => row);
}

interface Repository {
  readonly name: string;
  readonly agent: Attributes;
  readonly guard: Attributes;
}

interface Person {
  readonly id: string;
  readonly terminal: string;
}

interface Organisation {
  readonly people: readonly Person[];
  readonly repositories: readonly Repository[];
}

function organisation(random: Random, index: number): Organisation {
  const owner = `organisation-${index}`;
  const person = (): Person => ({
    id: random.hex(64),
    terminal: random.pick(['xterm-256color', 'vscode', 'iTerm.app']),
  });
  const tenant = {
    [ATTR_TENANT_ORG_ID]: random.uuid(),
    [ATTR_TENANT_TOKEN_ID]: random.uuid(),
    [ATTR_TENANT_RETENTION_DAYS]: '90',
  };
  const repository = (n: number): Repository => {
    const bound = { ...tenant, [ATTR_TENANT_REPOSITORY]: `${owner}/service-${n}` };
    return {
      name: `${owner}/service-${n}`,
      agent: {
        'host.arch': 'amd64',
        'os.type': 'linux',
        'os.version': '6.8.0-64-generic',
        [ATTR_SERVICE_NAME]: 'claude-code',
        [ATTR_SERVICE_VERSION]: `2.1.${330 + (n % 3)}`,
        ...bound,
      },
      guard: {
        [ATTR_SERVICE_NAME]: SERVICE_NAME_PRODUCER,
        [ATTR_SERVICE_VERSION]: '0.1.0',
        [ATTR_VCS_OWNER_NAME]: owner,
        [ATTR_VCS_REPOSITORY_NAME]: `service-${n}`,
        ...bound,
      },
    };
  };
  return { people: Array.from({ length: 10 }, person), repositories: [0, 1, 2, 3, 4].map(repository) };
}

/** One agent session: shared attributes of its spans, and its clock. */
class Session {
  readonly #random: Random;
  readonly #repository: Repository;
  readonly #id: string;
  readonly #common: Attributes;
  readonly #model: string;
  #clock: number;
  #rows: { row: SpanRow; endsAt: number }[] = [];
  #traceId = '';

  constructor(random: Random, repository: Repository, person: Person, startsAt: number) {
    this.#random = random;
    this.#repository = repository;
    this.#clock = startsAt;
    this.#id = random.uuid();
    this.#model = random.pick(['claude-opus-5-5', 'claude-sonnet-5', 'claude-haiku-5']);
    this.#common = {
      'user.id': person.id,
      'session.id': this.#id,
      'anthropic.provider': 'firstParty',
      'anthropic.custom_base_url': 'false',
      'terminal.type': person.terminal,
      'gen_ai.provider.name': 'anthropic',
      'gen_ai.conversation.id': this.#id,
    };
  }

  /** One prompt and its spans: one trace. */
  prompt(sequence: number): { row: SpanRow; endsAt: number }[] {
    this.#rows = [];
    this.#traceId = this.#random.hex(32);
    this.#clock += this.#random.skewed(20_000);
    const startedAt = this.#clock;
    const root = this.#random.hex(16);
    for (let turn = this.#random.integer(1, 8); turn > 0; turn--) {
      this.#modelRequest(root, turn > 1);
      if (turn > 1) this.#toolCall(root);
    }
    const ms = Math.round(this.#clock - startedAt);
    this.#span('claude_code.interaction', root, '', startedAt, {
      'span.type': 'interaction',
      'gen_ai.operation.name': 'invoke_agent',
      user_prompt: '<REDACTED>',
      user_prompt_length: String(this.#random.integer(5, 900)),
      'interaction.sequence': String(sequence),
      'parent.source': 'none',
      queued_sends: '0',
      'interaction.duration_ms': String(ms),
    });
    return this.#rows;
  }

  #modelRequest(parent: string, callsTool: boolean): void {
    const random = this.#random;
    const startedAt = this.#clock;
    const ms = random.skewed(4_000);
    const first = Math.round(ms * random.next());
    const request = `req_011C${random.base62(20)}`;
    const reason = callsTool ? 'tool_use' : 'end_turn';
    this.#clock += ms;
    this.#span(
      'claude_code.llm_request',
      random.hex(16),
      parent,
      startedAt,
      {
        'span.type': 'llm_request',
        model: this.#model,
        'gen_ai.system': 'anthropic',
        'gen_ai.request.model': this.#model,
        'llm_request.context': 'interaction',
        speed: 'normal',
        query_source_safe: 'repl_main_thread',
        duration_ms: String(Math.round(ms)),
        input_tokens: String(random.integer(3, 2_000)),
        output_tokens: String(random.integer(20, 1_500)),
        cache_read_tokens: String(random.integer(10_000, 150_000)),
        cache_creation_tokens: String(random.integer(0, 4_000)),
        success: 'true',
        attempt: '1',
        request_id: request,
        'gen_ai.response.id': request,
        ttft_ms: String(first),
        first_content_ms: String(first + 1),
        effort: 'medium',
        stop_reason: reason,
        'gen_ai.response.finish_reasons': `["${reason}"]`,
      },
      { event: 'gen_ai.request.attempt' },
    );
  }

  #toolCall(parent: string): void {
    const random = this.#random;
    const tool = random.pick([
      'Bash',
      'Bash',
      'Bash',
      'Read',
      'Read',
      'Edit',
      'Write',
      'Grep',
      'Glob',
      'WebFetch',
      'mcp__github__create_issue',
    ]);
    const callId = `toolu_01${random.base62(22)}`;
    const rule = random.chance(0.04) ? random.pick(RULES) : undefined;
    const startedAt = this.#clock;
    const id = random.hex(16);
    const call = { tool_use_id: callId, 'gen_ai.tool.call.id': callId };
    this.#decision(tool, callId, rule);
    const waited = random.skewed(rule === undefined ? 15 : 4);
    this.#clock += waited;
    this.#span('claude_code.tool.blocked_on_user', random.hex(16), id, startedAt, {
      'span.type': 'tool.blocked_on_user',
      duration_ms: String(Math.round(waited)),
      decision: rule === undefined ? 'accept' : 'reject',
      source: rule === undefined ? 'config' : 'hook',
    });
    if (rule === undefined) this.#execution(id, call);
    const [command, commandClass] = random.pick(COMMANDS);
    this.#span('claude_code.tool', id, parent, startedAt, {
      'span.type': 'tool',
      tool_name: tool,
      tool_name_safe: tool,
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': tool,
      ...(tool === 'Bash' ? { bash_command_class: commandClass, bash_argv0: command } : {}),
      ...call,
      duration_ms: String(Math.round(this.#clock - startedAt)),
    });
  }

  #execution(parent: string, call: Attributes): void {
    const startedAt = this.#clock;
    const ms = this.#random.skewed(120);
    const fails = this.#random.chance(0.06);
    this.#clock += ms;
    this.#span(
      'claude_code.tool.execution',
      this.#random.hex(16),
      parent,
      startedAt,
      {
        'span.type': 'tool.execution',
        ...call,
        duration_ms: String(Math.round(ms)),
        success: String(!fails),
        ...(fails ? { 'error.type': 'tool_error', error: 'ShellError', error_class: 'ShellError' } : {}),
      },
      fails ? { error: 'ShellError' } : {},
    );
  }

  /** The guard's own span: a separate trace with ids derived from the event's. */
  #decision(tool: string, toolCallId: string, rule: (typeof RULES)[number] | undefined): void {
    const eventId = this.#random.uuid();
    const { traceId, spanId } = decisionSpanIds(eventId);
    const durationMs = Number(this.#random.skewed(3).toFixed(3));
    const startedAt = this.#clock;
    this.#clock += durationMs;
    const attributes = decisionAttributes({
      eventId,
      timestamp: new Date(startedAt).toISOString(),
      repository: this.#repository.name,
      sessionId: this.#id,
      agent: 'claude-code',
      tool,
      toolCallId,
      durationMs,
      source: 'hook',
      decision: rule === undefined ? 'allow' : 'block',
      ...(rule === undefined ? {} : { reason: rule.reason, ruleName: rule.rule, ruleCategory: rule.category }),
    });
    const texts = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
    this.#rows.push({
      endsAt: this.#clock,
      row: this.#row(SPAN_DECISION, traceId, spanId, '', startedAt, this.#repository.guard, SCOPE_NAME, texts),
    });
  }

  #span(
    name: string,
    id: string,
    parent: string,
    startedAt: number,
    own: Attributes,
    more: { event?: string; error?: string } = {},
  ): void {
    const row = this.#row(
      name,
      this.#traceId,
      id,
      parent,
      startedAt,
      this.#repository.agent,
      'com.anthropic.claude_code.tracing',
      { ...this.#common, ...own },
    );
    if (more.error !== undefined) Object.assign(row, { StatusCode: 'Error', StatusMessage: more.error });
    if (more.event !== undefined) {
      row['Events.Timestamp'].push(nanoseconds(startedAt + 5, this.#random));
      row['Events.Name'].push(more.event);
      row['Events.Attributes'].push({ attempt: '1' });
    }
    this.#rows.push({ row, endsAt: this.#clock });
  }

  #row(
    name: string,
    traceId: string,
    spanId: string,
    parent: string,
    startedAt: number,
    resource: Attributes,
    scope: string,
    attributes: Attributes,
  ): SpanRow {
    return {
      // Current agents start a span on a full millisecond and end it on a nanosecond.
      Timestamp: `${new Date(startedAt).toISOString().slice(0, 23).replace('T', ' ')}000000`,
      TraceId: traceId,
      SpanId: spanId,
      ParentSpanId: parent,
      TraceState: '',
      SpanName: name,
      SpanKind: 'Internal',
      ServiceName: resource[ATTR_SERVICE_NAME] ?? '',
      ResourceAttributes: resource,
      ScopeName: scope,
      ScopeVersion: '1.0.0',
      SpanAttributes: attributes,
      Duration: Math.max(0, Math.round((this.#clock - startedAt) * 1e6 + this.#random.integer(0, 999_999))),
      StatusCode: 'Unset',
      StatusMessage: '',
      'Events.Timestamp': [],
      'Events.Name': [],
      'Events.Attributes': [],
    };
  }
}

function nanoseconds(ms: number, random: Random): string {
  return `${new Date(ms).toISOString().slice(0, 23).replace('T', ' ')}${String(random.integer(0, 999_999)).padStart(6, '0')}`;
}

/** Returns rows as the body of an INSERT ... FORMAT JSONEachRow. */
export function jsonEachRow(rows: readonly SpanRow[]): Buffer {
  return Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
