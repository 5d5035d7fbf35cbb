import { spawn } from 'node:child_process';
import { accessSync, constants, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve, sep } from 'node:path';
import type { Client, Places } from './client.js';
import { isObject, valueAt } from './reading.js';

const TIME_LIMIT_MS = 15_000;

/** The agent's own report about its settings. */
export type Answer =
  /** Not installed here, or too old to report. */
  | { readonly kind: 'silent' }
  | {
      readonly kind: 'claude-code';
      readonly version: string;
      readonly invalid: readonly { readonly file: string; readonly problem: string }[];
    }
  | { readonly kind: 'codex'; readonly hooks: readonly CodexHook[]; readonly errors: readonly string[] };

/** A hook as Codex lists it. */
export interface CodexHook {
  readonly command: string;
  readonly sourcePath: string;
  readonly enabled: boolean;
  readonly isManaged: boolean;
  readonly trustStatus: string;
}

const SILENT: Answer = { kind: 'silent' };

/** Asks the agent by its own command how it parses its settings. Starts no session and calls no model. */
export async function askClient(client: Client['name'], places: Places): Promise<Answer> {
  const program = client === 'claude-code' ? 'claude' : client === 'codex' ? 'codex' : undefined;
  const path = program === undefined ? undefined : programOn(places, program);
  if (path === undefined) return SILENT;
  return client === 'claude-code' ? askClaude(path, places) : askCodex(path, places);
}

/** Returns the program on PATH, but never one inside the project. */
export function programOn({ env, project }: Places, name: string): string | undefined {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      const inside = `${realpathSync(resolve(project))}${sep}`;
      if (![path, realpathSync(path)].some((place) => place.startsWith(inside))) return path;
    } catch {
      // Does not exist.
    }
  }
  return undefined;
}

/** `claude doctor` names each settings file that it cannot use, with the reason. */
async function askClaude(path: string, places: Places): Promise<Answer> {
  const env = {
    ...places.env,
    HOME: places.home,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  };
  const output = await run(path, ['doctor'], env, places.project, () => false);
  return readDoctor(output);
}

/** Parses the output of `claude doctor`; returns nothing for an unknown format. */
export function readDoctor(output: string): Answer {
  const version = /^Running: .*\((\d+\.\d+\.\d+)\)/m.exec(output)?.[1];
  if (version === undefined || !output.includes('Claude Code doctor')) return SILENT;
  const section = /^Invalid settings\n((?:.+\n?)*)/m.exec(output)?.[1] ?? '';
  const invalid = [...section.matchAll(/^- (.+?\.json)(?: › ([\w.[\]-]+))?: (.+)$/gm)].map(
    ([, file = '', key, problem = '']) => ({
      file,
      problem: key === undefined ? problem : `${key}: ${problem}`,
    }),
  );
  // A skipped rule leaves the rest of its file in force.
  return { kind: 'claude-code', version, invalid: invalid.filter((line) => !/ was skipped\b/.test(line.problem)) };
}

/** The app server's `hooks/list` reports for each hook whether it is enabled and trusted. */
async function askCodex(path: string, places: Places): Promise<Answer> {
  const send = (...messages: object[]): string => messages.map((message) => `${JSON.stringify(message)}\n`).join('');
  const requests = send(
    { id: 1, method: 'initialize', params: { clientInfo: { name: 'shieldwatch', version: '1' } } },
    { method: 'initialized' },
    { id: 2, method: 'hooks/list', params: { cwds: [resolve(places.project)] } },
  );
  let answer: Answer = SILENT;
  await run(
    path,
    ['app-server'],
    { ...places.env, HOME: places.home },
    places.project,
    (line) => {
      const list = listOf(line);
      if (list !== undefined) answer = list;
      return list !== undefined;
    },
    requests,
  );
  return answer;
}

function listOf(line: string): Answer | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (valueAt(message, 'id') !== 2) return undefined;
  const data = valueAt(message, 'result', 'data');
  if (!Array.isArray(data)) return SILENT;
  const hooks = data.flatMap((entry) =>
    Array.isArray(valueAt(entry, 'hooks')) ? (valueAt(entry, 'hooks') as unknown[]) : [],
  );
  const errors = data.flatMap((entry) =>
    Array.isArray(valueAt(entry, 'errors')) ? (valueAt(entry, 'errors') as unknown[]) : [],
  );
  return {
    kind: 'codex',
    hooks: hooks.filter(isObject).map((hook) => ({
      command: String(hook['command']),
      sourcePath: String(hook['sourcePath']),
      enabled: hook['enabled'] !== false,
      isManaged: hook['isManaged'] === true,
      trustStatus: String(hook['trustStatus']),
    })),
    errors: errors.map((error) => String(valueAt(error, 'message')).replace(/\s+/g, ' ').slice(0, 200)),
  };
}

/**
 * Runs a program until it ends, has printed its last line, or times out. Returns its output; empty if it cannot be
 * started.
 */
function run(
  path: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
  isLast: (line: string) => boolean,
  input?: string,
): Promise<string> {
  return new Promise((done) => {
    const child = spawn(path, args, {
      cwd,
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'ignore'],
      timeout: TIME_LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    let [output, read] = ['', 0];
    child.once('error', () => {
      done('');
    });
    child.stdin?.on('error', () => undefined);
    if (input !== undefined) child.stdin?.write(input);
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (let end = output.indexOf('\n', read); end >= 0; end = output.indexOf('\n', read)) {
        const line = output.slice(read, end);
        read = end + 1;
        if (isLast(line)) child.kill('SIGKILL');
      }
    });
    child.once('close', () => {
      done(output);
    });
  });
}
