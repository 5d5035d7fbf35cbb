import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';
import { CACHE_FOLDER } from '../install.js';

/** Python libraries, as pip names them, in sets that can be installed together, and their captures: each the name of a file and of a function of record.py. `uv` resolves them in seconds, pip in minutes. */
const PYTHON: Readonly<Record<string, { readonly packages: readonly string[]; readonly captures: readonly string[] }>> =
  {
    venv: {
      packages: [
        'pydantic-ai-slim==2.68.0',
        'langgraph==1.2.24',
        'langchain-core==1.8.3',
        'openai-agents==0.24.0',
        'google-adk==2.13.0',
        'openinference-instrumentation-langchain==0.1.80',
        'openinference-instrumentation-openai-agents==2.6.0',
        'opentelemetry-instrumentation-langchain==0.62.4',
        'opentelemetry-instrumentation-openai-agents==0.62.4',
        'opentelemetry-exporter-otlp-proto-common==1.44.0',
      ],
      captures: [
        'pydantic-ai',
        'google-adk',
        'openinference-langgraph',
        'openinference-openai-agents',
        'openllmetry-langgraph',
        'openllmetry-openai-agents',
      ],
    },
    'venv-guards': {
      packages: [
        'traceloop-sdk==0.62.4',
        'agent-governance-toolkit-core==5.0.0',
        'opentelemetry-exporter-otlp-proto-common==1.44.0',
      ],
      captures: ['traceloop-guardrails', 'agent-governance-toolkit'],
    },
    'venv-mcp': {
      packages: ['fastmcp==4.2.3', 'opentelemetry-sdk==1.45.2', 'opentelemetry-exporter-otlp-proto-common==1.45.2'],
      captures: ['fastmcp'],
    },
  };
const UV = 'uv==0.13.9';
const NODE_PACKAGES = {
  ai: '6.0.326',
  '@opentelemetry/otlp-transformer': '0.223.1',
  '@opentelemetry/resources': '2.12.1',
  '@opentelemetry/sdk-trace-node': '2.12.0',
};

interface Attribute {
  readonly key: string;
  readonly value: { stringValue?: string; arrayValue?: unknown };
}
interface Span {
  readonly name: string;
  readonly status?: { code?: number; message?: string };
  attributes?: Attribute[];
  readonly events?: { attributes?: Attribute[] }[];
}
interface Request {
  readonly resourceSpans: {
    readonly resource: { attributes: Attribute[] };
    readonly scopeSpans: { spans: Span[] }[];
  }[];
}

/** Longest value of an attribute that is written; longer ones hold content. */
const MAX_VALUE_CHARS = 80;

/** Records the spans of the named libraries, or of all, and writes `<folder>/<name>.json`. Needs python3, pip and npm. */
function record(folder: string, names: readonly string[]): void {
  const isChosen = (name: string): boolean => names.length === 0 || names.includes(name);
  const cache = join(CACHE_FOLDER, 'genai-libraries');
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'package.json'), JSON.stringify({ private: true, dependencies: NODE_PACKAGES }));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], cache);

  const sources = join(packageRoot(), 'exporters', 'real-agents', 'spans');
  copyFileSync(join(sources, 'record-ai.mjs'), join(cache, 'record-ai.mjs'));
  for (const [folderName, { packages, captures }] of Object.entries(PYTHON)) {
    const chosen = captures.filter(isChosen);
    if (chosen.length === 0) continue;
    const python = join(cache, folderName, 'bin', 'python');
    if (!existsSync(python)) run('python3', ['-m', 'venv', join(cache, folderName)], cache);
    run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', UV], cache);
    run(python, ['-m', 'uv', 'pip', 'install', '--quiet', '--python', python, ...packages], cache);
    for (const name of chosen) write(name, run(python, [join(sources, 'record.py'), name], cache));
  }
  if (isChosen('vercel-ai')) write('vercel-ai', run(process.execPath, ['record-ai.mjs'], cache));

  function write(name: string, output: string): void {
    const request = trimmed(JSON.parse(output) as Request);
    const file = join(folder, `${name}.json`);
    writeFileSync(file, `${JSON.stringify(request)}\n`);
    process.stdout.write(`${file}: ${String(request.resourceSpans[0]?.scopeSpans[0]?.spans.length ?? 0)} spans\n`);
  }
}

/** Returns the request without spans of the graph's inner steps, message texts, and numbered attributes. */
function trimmed({ resourceSpans }: Request): Request {
  const short = (attributes: Attribute[] = []): Attribute[] =>
    attributes
      .filter(({ key, value }) => !/\.\d+\./.test(key) && value.arrayValue === undefined)
      .map(({ key, value }) => ({
        key,
        value: (value.stringValue ?? '').length > MAX_VALUE_CHARS ? { stringValue: '(content)' } : value,
      }));
  return {
    resourceSpans: resourceSpans.map(({ resource, scopeSpans }) => ({
      resource: { attributes: resource.attributes.filter(({ key }) => key === 'service.name') },
      scopeSpans: scopeSpans.map((scope) => ({
        ...scope,
        spans: scope.spans.filter(isKept).map((span) => ({
          ...span,
          status: span.status?.code === undefined ? {} : { code: span.status.code },
          attributes: short(span.attributes),
          events: span.events?.map((event) => ({
            ...event,
            attributes: short(event.attributes).filter(({ key }) => key === 'exception.type'),
          })),
        })),
      })),
    })),
  };
}

/** One step of LangGraph stands for all of them. */
const isKept = ({ name, attributes = [] }: Span): boolean =>
  /^(tools|execute_task tools)$/.test(name) ||
  !attributes.some(({ value }) => value.stringValue === 'CHAIN' || value.stringValue === 'execute_task');

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, OPENAI_API_KEY: 'fake', OPENAI_AGENTS_DISABLE_TRACING: '0' },
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${command} ${args[0] ?? ''} failed: ${stderr.slice(-2_000)}`);
  return stdout;
}

record(process.argv[2] ?? '', process.argv.slice(3));
