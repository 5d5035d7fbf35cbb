import type { IncomingMessage } from 'node:http';
import { LocalServer, type Reply } from '../testing/local-server.js';
import { DRIVERS, type AgentName, type Launch } from './drivers.js';
import type { Asked } from '../drill/model-api.js';
import { ModelServer } from './model-server.js';
import { Workplace } from './workplace.js';

/**
 * Attribute keys of each kind of record that a client sends: `logs codex.tool_result`, `metrics codex.tool.call`.
 * Sorted; no values.
 */
export type TelemetryKeys = Readonly<Record<string, readonly string[]>>;

/** Accepts OTLP/JSON on any path. */
class OtlpServer extends LocalServer {
  readonly bodies: unknown[] = [];

  static start(): Promise<OtlpServer> {
    return new OtlpServer().listen();
  }

  protected answer(_request: IncomingMessage, text: string): Reply {
    this.bodies.push(JSON.parse(text));
    return { status: 200, body: '{}' };
  }
}

/** A command, a failing command, and a call by a subagent if supported. */
const TURNS: Readonly<Record<AgentName, readonly (readonly Asked[])[]>> = {
  'claude-code': [
    [{ command: 'true' }],
    [{ command: 'false' }],
    [{ tool: 'Read', input: { file_path: '/nowhere' } }],
    [{ tool: 'Task', input: { description: 'x', prompt: 'SUBAGENT', subagent_type: 'general-purpose' } }],
  ],
  codex: [[{ command: 'true' }], [{ command: 'false' }]],
  'gemini-cli': [[{ command: 'true' }], [{ command: 'false' }]],
};

/** Runs one session of a real client with all of its telemetry enabled, and returns the keys of its records. */
export async function telemetryKeys(agent: AgentName, folder: string): Promise<TelemetryKeys> {
  const workplace = new Workplace();
  const otlp = await OtlpServer.start();
  const ids = (turns: readonly (readonly Asked[])[]) =>
    turns.map((turn, index) =>
      turn.map((asked) => ({ ...asked, id: `${DRIVERS[agent].idPrefix}FAKE000${String(index)}` })),
    );
  const model = await ModelServer.start(
    DRIVERS[agent].api({ turns: ids(TURNS[agent]), subagent: ids([[{ command: 'true' }]]) }),
  );
  try {
    DRIVERS[agent].prepare(workplace, model.url);
    const launch = TELEMETRY[agent](workplace, otlp.url);
    await DRIVERS[agent].run(workplace, folder, model.url, launch);
    const keys = new Map<string, Set<string>>();
    for (const body of otlp.bodies) note(body, keys);
    return Object.fromEntries(
      [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, found]) => [name, [...found].sort()]),
    );
  } finally {
    await Promise.all([model.stop(), otlp.stop()]);
    workplace.remove();
  }
}

const OTEL = (url: string): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_LOGS_EXPORTER: 'otlp',
  OTEL_METRICS_EXPORTER: 'otlp',
  OTEL_TRACES_EXPORTER: 'otlp',
});

/** How each client is started so that it sends OTLP/JSON to `url`, with no settings file. */
export const SENDING: Readonly<Record<AgentName, (url: string) => Required<Pick<Launch, 'args' | 'env'>>>> = {
  'claude-code': (url) => ({
    args: [],
    env: { ...OTEL(url), CLAUDE_CODE_ENABLE_TELEMETRY: '1', CLAUDE_CODE_ENHANCED_TELEMETRY_BETA: '1' },
  }),
  codex: (url) => ({
    args: [
      ['exporter', 'logs'],
      ['metrics_exporter', 'metrics'],
      ['trace_exporter', 'traces'],
    ].flatMap(([name = '', signal = '']) => [
      '-c',
      `otel.${name}={otlp-http={endpoint="${url}/v1/${signal}",protocol="json"}}`,
    ]),
    env: {},
  }),
  'gemini-cli': (url) => ({
    args: [],
    env: {
      ...OTEL(url),
      GEMINI_TELEMETRY_ENABLED: 'true',
      GEMINI_TELEMETRY_TARGET: 'local',
      GEMINI_TELEMETRY_OTLP_ENDPOINT: url,
      GEMINI_TELEMETRY_OTLP_PROTOCOL: 'http',
      GEMINI_TELEMETRY_TRACES_ENABLED: 'true',
    },
  }),
};

/** Settings with a hook, and for Claude Code an MCP server that does not start, which show in telemetry. */
const TELEMETRY: Readonly<Record<AgentName, (workplace: Workplace, url: string) => Launch>> = {
  'claude-code': (workplace, url) => {
    workplace.write('./.mcp.json', JSON.stringify({ mcpServers: { gone: { command: 'false' } } }));
    workplace.write(
      '~/.claude/settings.json',
      JSON.stringify({ hooks: { PreToolUse: [{ matcher: '', hooks: [{ type: 'command', command: 'true' }] }] } }),
    );
    const { env } = SENDING['claude-code'](url);
    return { args: ['--mcp-config', workplace.path('./.mcp.json')], env };
  },
  codex: (workplace, url) => {
    workplace.write(
      '~/.codex/hooks.json',
      JSON.stringify({ hooks: { PreToolUse: [{ matcher: '', hooks: [{ type: 'command', command: 'true' }] }] } }),
    );
    const { args, env } = SENDING.codex(url);
    return { args: [...args, '--dangerously-bypass-hook-trust'], env };
  },
  'gemini-cli': (workplace, url) => {
    const hook = [{ matcher: '*', hooks: [{ type: 'command', name: 'x', command: 'true' }] }];
    workplace.write(
      '~/.gemini/settings.json',
      JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        hooks: { BeforeTool: hook, AfterTool: hook },
      }),
    );
    return SENDING['gemini-cli'](url);
  },
};

interface Node {
  readonly [field: string]: unknown;
}

/** Walks through OTLP/JSON; what it skips has no attributes. */
function note(body: unknown, keys: Map<string, Set<string>>): void {
  const request = body as Node;
  for (const [signal, scopes, records] of [
    ['logs', 'scopeLogs', 'logRecords'],
    ['metrics', 'scopeMetrics', 'metrics'],
    ['traces', 'scopeSpans', 'spans'],
  ] as const) {
    for (const one of list(
      request[`resource${signal === 'traces' ? 'Spans' : signal === 'logs' ? 'Logs' : 'Metrics'}`],
    )) {
      add(keys, `${signal} resource`, one['resource']);
      for (const record of list(one[scopes]).flatMap((scope) => list(scope[records]))) {
        const name = `${signal} ${nameOf(record)}`;
        add(keys, name, record);
        for (const inner of [...list(record['events']), ...list(record['links'])]) add(keys, `${name} event`, inner);
        for (const kind of ['sum', 'gauge', 'histogram', 'exponentialHistogram', 'summary']) {
          for (const point of list((record[kind] as Node | undefined)?.['dataPoints'])) add(keys, name, point);
        }
      }
    }
  }
}

function nameOf(record: Node): string {
  const named = list(record['attributes']).find(({ key }) => key === 'event.name')?.['value'] as Node | undefined;
  const body = (record['body'] as Node | undefined)?.['stringValue'];
  const name = [named?.['stringValue'], record['name'], body].find(
    (each) => typeof each === 'string' && /^[\w./ -]{1,100}$/.test(each),
  );
  return typeof name === 'string' ? name : 'without a name';
}

function add(keys: Map<string, Set<string>>, name: string, holder: unknown): void {
  const found = keys.get(name) ?? new Set<string>();
  for (const { key } of list((holder as Node | undefined)?.['attributes'])) found.add(String(key));
  keys.set(name, found);
}

function list(value: unknown): Node[] {
  return Array.isArray(value) ? (value as Node[]) : [];
}
