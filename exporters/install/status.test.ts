import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { buildHook } from '../testing/built-hook.js';
import { spoolLine } from '../testing/spool-lines.js';
import { readDoctor } from './ask-client.js';
import { claudeCode } from './claude-code.js';
import type { Client, Places, Scope } from './client.js';
import { codex } from './codex.js';
import { geminiCli } from './gemini-cli.js';
import { fixedValues, hookCommand, type InstalledHook } from './hook-command.js';
import { applyPlan, CLIENTS, planInstall, planUninstall } from './install.js';
import { isObject, readFileText } from './reading.js';
import { clientStatus, type ClientStatus } from './status.js';
import type { Seen, SwitchExample } from './switch.js';
import { SWITCHES } from './switches.js';

let file: string;
let places: Places;
let home: string;

beforeAll(() => {
  ({ file } = buildHook());
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-status-'));
  places = {
    project: join(home, 'project'),
    home,
    env: { HOME: home, GEMINI_CLI_TRUST_WORKSPACE: 'true' },
    platform: 'linux',
  };
  mkdirSync(join(places.project, '.git'), { recursive: true });
  writeFileSync(join(places.project, '.git', 'config'), '[remote "origin"]\n\turl = git@github.com:acme/app.git\n');
});

const commandHook = (): InstalledHook => ({
  type: 'command',
  command: hookCommand({ file, fixed: fixedValues(places.env, false) }),
});

function install(client: Client, scope: Scope, hook = commandHook()): string {
  const plan = planInstall(client, scope, places, {
    hook,
    onFailure: 'block',
    telemetryUrl: undefined,
    repository: 'acme/app',
  });
  applyPlan(plan, places.env);
  if (client === codex) trust(plan.file);
  return plan.file;
}

/** As Codex notes that a person approved the hook. */
function trust(config: string): void {
  writeFileSync(
    config,
    `${readFileSync(config, 'utf8')}\n[hooks.state."${config}:pre_tool_use:0:0"]\ntrusted_hash = "sha256:00"\n`,
  );
}

function write(path: string, text: string | Buffer): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const problems = (status: ClientStatus): string[] => status.hooks.flatMap((hook) => hook.problems);
const testdata = (name: string): string => join(packageRoot(), 'exporters', 'testing', 'settings', name);

describe('a hook that is installed', () => {
  it.each(CLIENTS.map((client) => [client.name, client] as const))(
    'denies the probe and allows harmless calls, for %s',
    async (_, client) => {
      install(client, 'user');
      const status = await clientStatus(client, places);
      expect([status.hooks.length, problems(status), status.files]).toEqual([1, [], []]);
    },
  );
});

describe('switches', () => {
  const merge = (one: unknown, other: unknown): unknown =>
    isObject(one) && isObject(other)
      ? { ...one, ...Object.fromEntries(Object.entries(other).map(([key, value]) => [key, merge(one[key], value)])) }
      : other;

  /** What `find` says of a switch once its example is in place. Managed files are read from where they would lie. */
  function thrown(client: Client, name: string): readonly string[] {
    const it = SWITCHES[client.name].find((candidate) => candidate.name === name);
    if (it === undefined) throw new Error('no such switch');
    const scope: Scope = it.hookScope ?? 'user';
    const hook: InstalledHook =
      name === 'allowedHttpHookUrls'
        ? { type: 'http', url: 'http://127.0.0.1:4327/hook?shieldwatch-hook', token: 'x' }
        : commandHook();
    const plan = planInstall(client, scope, places, {
      hook,
      onFailure: 'block',
      telemetryUrl: undefined,
      repository: 'acme/app',
    });
    const files = new Map(client.files(places).map((entry) => [entry.file, { ...entry, text: '' }]));
    const at = (path: string, of: Scope): { text: string } => {
      const entry = files.get(path) ?? { scope: of, file: path, text: '' };
      files.set(path, entry);
      return entry;
    };
    at(plan.file, scope).text =
      client === codex && name !== 'the hook is not trusted'
        ? `${plan.after}\n[hooks.state."${plan.file}:pre_tool_use:0:0"]\ntrusted_hash = "sha256:00"\n`
        : plan.after;
    const env: NodeJS.ProcessEnv = { ...places.env };
    put(it.example, at, env, client, plan.file);
    const read = [...files.values()]
      .filter(({ text }) => text !== '')
      .map((entry) => ({
        scope: entry.scope,
        file: entry.file,
        reading: client.read({ kind: 'text', text: entry.text, encoding: 'utf-8' }, entry.file),
      }));
    return read.flatMap(({ scope: where, file: path, reading }) =>
      reading.kind === 'read'
        ? client.find(reading.settings).flatMap((found) =>
            it.find({
              places: { ...places, env },
              files: read,
              installed: { ...found, scope: where, file: path },
              textOf: readFileText,
            } satisfies Seen),
          )
        : [`${path}: ${reading.kind === 'absent' ? '' : reading.why}`],
    );
  }

  function put(
    example: SwitchExample,
    at: (path: string, scope: Scope) => { text: string },
    env: NodeJS.ProcessEnv,
    client: Client,
    settings: string,
  ): void {
    if (example.in === 'environment') Object.assign(env, example.value);
    else if (example.in === 'file') {
      const path = example.path.replace(/^~/, home).replace(/^\.(?=\/)/, places.project);
      if (path.startsWith('/etc')) at(path, 'managed').text = example.text;
      else write(path, example.text);
    } else if (example.in === 'settings') {
      const path = client.files(places).find(({ scope }) => scope === example.scope)?.file ?? '';
      const entry = at(path, example.scope);
      if (typeof example.value === 'string') {
        entry.text = `${entry.text}\n${example.value.replace('@FILE@', settings)}`;
        // Of the two tables with one name the later stands alone.
        if (example.value.includes('hooks.state'))
          entry.text = entry.text.replace(/\n\[hooks\.state[^\n]*\ntrusted_hash[^\n]*\n/, '\n');
        if (example.scope === 'project')
          at(settings, 'user').text += `\n[projects."${places.project}"]\ntrust_level = "trusted"\n`;
      } else entry.text = JSON.stringify(merge(entry.text === '' ? {} : JSON.parse(entry.text), example.value));
    } else if (example.in === 'entry' || example.in === 'group') {
      const entry = at(settings, 'user');
      const lines = Object.entries(example.value);
      if (client === codex) {
        for (const [key, value] of lines) {
          const header = example.in === 'entry' ? '[[hooks.PreToolUse.hooks]]' : '[[hooks.PreToolUse]]';
          entry.text = entry.text
            .replace(new RegExp(`^${key} = .*\\n`, 'm'), '')
            .replace(`${header}\n`, `${header}\n${key} = ${JSON.stringify(value)}\n`);
        }
      } else {
        const value = JSON.parse(entry.text) as { hooks: Record<string, { hooks: object[] }[]> };
        for (const groups of Object.values(value.hooks))
          for (const group of groups)
            Object.assign(example.in === 'group' ? group : (group.hooks[0] ?? {}), example.value);
        entry.text = JSON.stringify(value);
      }
    }
  }

  const all = CLIENTS.flatMap((client) =>
    SWITCHES[client.name].map((it) => [client.name, it.name, client, it] as const),
  );

  it.each(all.filter(([, , , it]) => it.unseen === undefined))('%s: reports %s', (_, name, client) => {
    expect(thrown(client, name).length).toBeGreaterThan(0);
  });

  it.each(CLIENTS.map((client) => [client.name, client] as const))(
    'reports no switch of %s when none is set',
    async (_, client) => {
      install(client, 'user');
      expect(problems(await clientStatus(client, places))).toEqual([]);
    },
  );

  it.each(all.filter(([, , , it]) => it.unseen !== undefined))(
    '%s: %s is a documented exception',
    (_, name, client, it) => {
      expect([thrown(client, name), (it.unseen ?? '').length > 20]).toEqual([[], true]);
    },
  );

  it('follows the precedence of Claude Code’s scopes', async () => {
    install(claudeCode, 'user');
    write(join(places.project, '.claude', 'settings.json'), '{"disableAllHooks":true}');
    expect(problems(await clientStatus(claudeCode, places))).toHaveLength(1);
    write(join(places.project, '.claude', 'settings.local.json'), '{"disableAllHooks":false}');
    expect(problems(await clientStatus(claudeCode, places))).toEqual([]);
  });

  it('reports variables that the command does not override, by name only', async () => {
    const old: InstalledHook = {
      type: 'command',
      command: `"${process.execPath}" "${file}" shieldwatch-hook || exit 2`,
    };
    for (const [hook, seen] of [
      [commandHook(), false],
      [old, true],
    ] as const) {
      install(claudeCode, 'user', hook);
      write(
        join(places.project, '.claude', 'settings.local.json'),
        '{"env":{"NODE_OPTIONS":"--require /secret/place","SHIELDWATCH_HOME":"/x","FOO":"bar"}}',
      );
      const found = problems(await clientStatus(claudeCode, places)).join(' ');
      expect([
        found.includes('NODE_OPTIONS'),
        found.includes('SHIELDWATCH_HOME'),
        found.includes('secret'),
        found.includes('FOO'),
      ]).toEqual([seen, seen, false, false]);
    }
  });
});

describe('a settings file that its agent does not read as it looks', () => {
  // What each does to Claude Code was tried with 2.1.332: our hook in the file, and whether it was called.
  it.each([
    ['claude-comment.json', 'dropped'],
    ['claude-trailing.json', 'dropped'],
    ['claude-schema.json', 'dropped'],
    ['claude-null.json', 'dropped'],
    ['claude-bom.json', 'read'],
  ])('%s is %s', (name, kind) => {
    const text = readFileSync(testdata(name), 'utf8');
    expect(claudeCode.read({ kind: 'text', text, encoding: 'utf-8' }, 'settings.json').kind).toBe(kind);
  });

  it.each(['claude-comment.json', 'claude-trailing.json'])(
    'install refuses %s, and repairs it with consent',
    (name) => {
      const path = claudeCode.file('project', places);
      mkdirSync(dirname(path), { recursive: true });
      copyFileSync(testdata(name), path);
      const wanted = {
        hook: commandHook(),
        onFailure: 'block',
        telemetryUrl: undefined,
        repository: 'acme/app',
      } as const;
      expect(() => planInstall(claudeCode, 'project', places, wanted)).toThrow(/not strict JSON.*--repair/);
      const { after } = planInstall(claudeCode, 'project', places, wanted, { repair: true });
      expect(Object.keys(JSON.parse(after) as object)).toContain('hooks');
      expect(readFileSync(path, 'utf8')).toBe(readFileSync(testdata(name), 'utf8'));
    },
  );

  it.each(['claude-schema.json', 'claude-null.json'])('install refuses %s and names what is wrong', (name) => {
    const path = claudeCode.file('project', places);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(testdata(name), path);
    expect(() =>
      planInstall(
        claudeCode,
        'project',
        places,
        { hook: commandHook(), onFailure: 'block', telemetryUrl: undefined, repository: 'acme/app' },
        { repair: true },
      ),
    ).toThrow(/expected (?:array|object)/);
  });

  it('keeps a byte order mark and gets the hook', () => {
    const path = claudeCode.file('project', places);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(testdata('claude-bom.json'), path);
    install(claudeCode, 'project');
    const text = readFileSync(path, 'utf8');
    expect([text.startsWith('\ufeff'), Object.keys(JSON.parse(text.slice(1)) as object)]).toEqual([
      true,
      ['model', 'hooks'],
    ]);
  });

  it('reads the last of a duplicate key, and never edits the first', async () => {
    const path = install(claudeCode, 'user');
    const text = readFileSync(path, 'utf8').replace(/\}\s*$/, ', "hooks": {} }');
    write(path, text);
    expect((await clientStatus(claudeCode, places)).hooks).toEqual([]);
    const wanted = {
      hook: commandHook(),
      onFailure: 'block',
      telemetryUrl: undefined,
      repository: 'acme/app',
    } as const;
    expect(() => planInstall(claudeCode, 'user', places, wanted)).toThrow(/"hooks" is duplicated/);
    expect(() => planUninstall(claudeCode, 'user', places)).toThrow(/"hooks" is duplicated/);
    write(path, planInstall(claudeCode, 'user', places, wanted, { repair: true }).after);
    expect(problems(await clientStatus(claudeCode, places))).toEqual([]);
  });

  it('reports a file that holds our hook and one that cannot be read; neither hides the others', async () => {
    install(geminiCli, 'user');
    const user = install(claudeCode, 'user');
    const project = install(claudeCode, 'project');
    write(project, readFileSync(project, 'utf8').replace('{', '{ // mine'));
    write(claudeCode.file('local', places), Buffer.from('\ufeff{}', 'utf16le').swap16());
    const status = await clientStatus(claudeCode, places);
    expect(status.hooks.map((hook) => [hook.file, hook.problems])).toEqual([[user, []]]);
    expect(status.files).toEqual([
      expect.stringMatching(/line 1 is not strict JSON.*drops the whole file in silence, and our hook in it/),
      expect.stringMatching(/settings\.local\.json cannot be read: it is UTF-16/),
    ]);
    expect(problems(await clientStatus(geminiCli, places))).toEqual([]);
  });

  it.each([
    [
      'a folder',
      (path: string) => {
        mkdirSync(path, { recursive: true });
      },
    ],
    [
      'UTF-16, which Claude Code reads',
      (path: string) => {
        write(path, Buffer.from('\ufeff{"model":"opus"}', 'utf16le'));
      },
    ],
    [
      'not UTF-8',
      (path: string) => {
        write(path, Buffer.from([0x7b, 0xff, 0x7d]));
      },
    ],
    [
      'larger than 16 MB',
      (path: string) => {
        write(path, Buffer.alloc(17 * 1024 * 1024, ' '));
      },
    ],
    [
      'not to be read',
      (path: string) => {
        write(path, '{}');
        chmodSync(path, 0);
      },
    ],
    [
      'hooks: []',
      (path: string) => {
        write(path, '{"hooks":[]}');
      },
    ],
    [
      'hooks: null',
      (path: string) => {
        write(path, '{"hooks":null}');
      },
    ],
    [
      'hooks: 5',
      (path: string) => {
        write(path, '{"hooks":5}');
      },
    ],
    [
      'an event that is a number',
      (path: string) => {
        write(path, '{"hooks":{"PreToolUse":5}}');
      },
    ],
    [
      'groups of every shape',
      (path: string) => {
        write(path, '{"hooks":{"Stop":[null,5,"x",[],{"hooks":5},{"hooks":[null,5]}]}}');
      },
    ],
    [
      'null',
      (path: string) => {
        write(path, 'null');
      },
    ],
    [
      'a number',
      (path: string) => {
        write(path, '5');
      },
    ],
    [
      'empty',
      (path: string) => {
        write(path, '');
      },
    ],
  ])('hides nothing and throws nothing: %s', async (_, make) => {
    const user = install(claudeCode, 'user');
    const project = claudeCode.file('project', places);
    mkdirSync(dirname(project), { recursive: true });
    make(project);
    const status = await clientStatus(claudeCode, places);
    expect(status.hooks.map((hook) => [hook.file, hook.problems])).toEqual([[user, []]]);
    for (const client of CLIENTS) await clientStatus(client, { ...places, project: home });
    // Installing into it works or says in one line why not.
    try {
      planInstall(claudeCode, 'project', places, {
        hook: commandHook(),
        onFailure: 'block',
        telemetryUrl: undefined,
        repository: 'acme/app',
      });
    } catch (error) {
      expect(error).toMatchObject({
        name: 'CommandError',
        message: expect.stringMatching(/^[^\n]*settings\.json/) as string,
      });
    }
  });

  it('stops Gemini CLI from starting (trailing comma, byte order mark) and Codex (byte order mark)', () => {
    const read = (client: Client, text: string): string =>
      client.read({ kind: 'text', text, encoding: 'utf-8' }, client.file('user', places)).kind;
    expect(['{ // mine\n}', '{"a":1,}', '\ufeff{}', ''].map((text) => read(geminiCli, text))).toEqual([
      'read',
      'refused',
      'refused',
      'refused',
    ]);
    expect(['a = 1\r\n', '\ufeffa = 1\n', 'a = 1\na = 2\n'].map((text) => read(codex, text))).toEqual([
      'read',
      'refused',
      'refused',
    ]);
  });
});

describe('evidence', () => {
  const spool = (): string => join(home, '.shieldwatch', 'spool');

  it('states when the hook was last called for this repository, by agent', async () => {
    install(claudeCode, 'user');
    write(
      join(spool(), 'decisions-2026-11-24-000000.ndjson'),
      spoolLine(1, { timestamp: '2026-11-24T08:00:00.000Z' }) +
        spoolLine(2, { timestamp: '2026-11-24T07:00:00.000Z' }) +
        spoolLine(3, { timestamp: '2026-11-24T09:00:00.000Z', repository: 'acme/other' }),
    );
    write(
      join(spool(), 'decisions-2026-11-25-000000.ndjson'),
      spoolLine(4, { timestamp: '2026-11-25T08:00:00.000Z', agent: 'codex' }),
    );
    expect((await clientStatus(claudeCode, places)).lastCall).toBe('2026-11-24T08:00:00.000Z');
  });

  it.each([
    [
      'claude-code',
      (at: string): string =>
        write(
          join(home, '.claude', 'projects', places.project.replace(/[^A-Za-z0-9]/g, '-'), 's.jsonl'),
          `{"type":"assistant","message":{"content":[{"type":"tool_use","id":"toolu_1"}]},"timestamp":"${at}"}\n{"type":"user","timestamp":"2099-01-01T00:00:00.000Z"}\n`,
        ),
    ],
    [
      'codex',
      (at: string): string =>
        write(
          join(home, '.codex', 'sessions', '2025', '01', '30', 'rollout-1.jsonl'),
          `{"type":"session_meta","payload":{"cwd":"${places.project}"}}\n{"timestamp":"${at}","type":"response_item","payload":{"type":"function_call"}}\n`,
        ),
    ],
    [
      'gemini-cli',
      (at: string): string => {
        write(join(home, '.gemini', 'tmp', 'app', '.project_root'), places.project);
        return write(
          join(home, '.gemini', 'tmp', 'app', 'chats', 'session-1.jsonl'),
          `{"id":"1","timestamp":"${at}","toolCalls":[{"id":"x"}]}\n`,
        );
      },
    ],
  ] as const)('tells that the hook was not called since %s used a tool', async (name, session) => {
    const client = CLIENTS.find((candidate) => candidate.name === name) ?? claudeCode;
    const settings = install(client, 'user');
    const installedAt = new Date('2025-01-30T08:00:00Z');
    utimesSync(settings, installedAt, installedAt);
    const call = (timestamp: string): string =>
      write(join(spool(), 'decisions-2025-01-30-000000.ndjson'), spoolLine(1, { timestamp, agent: name }));
    call('2025-01-30T09:00:00.000Z');
    session('2025-01-30T08:59:59.000Z');
    expect(problems(await clientStatus(client, places))).toEqual([]);
    session('2025-01-30T09:30:00.000Z');
    expect(problems(await clientStatus(client, places))).toEqual([
      `it was not called since 2025-01-30T09:00:00.000Z, and ${name} used a tool here at 2025-01-30T09:30:00.000Z`,
    ]);
    call('2025-01-30T09:30:01.000Z');
    expect(problems(await clientStatus(client, places))).toEqual([]);
  });
});

describe('evidence of Claude Code', () => {
  const spool = (): string => join(home, '.shieldwatch', 'spool');
  const session = (...lines: object[]): string =>
    write(
      join(home, '.claude', 'projects', places.project.replace(/[^A-Za-z0-9]/g, '-'), 'session-1.jsonl'),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
  const asked = (id: string, timestamp: string): object => ({
    type: 'assistant',
    message: { content: [{ type: 'tool_use', id }] },
    timestamp,
  });
  const ended = (id: string, content: string, timestamp: string, decision: string): object => ({
    type: 'user',
    message: { content: [{ type: 'tool_result', content, tool_use_id: id }] },
    permissionDecision: { decision },
    timestamp,
  });
  const [at, later] = ['2025-01-30T09:00:00.000Z', '2025-01-30T09:30:00.000Z'];

  beforeEach(() => {
    const settings = install(claudeCode, 'user');
    utimesSync(settings, new Date('2025-01-30T08:00:00Z'), new Date('2025-01-30T08:00:00Z'));
  });

  it('reports a call that ran although the hook denied it', async () => {
    write(
      join(spool(), 'decisions-2025-01-30-000000.ndjson'),
      spoolLine(1, {
        timestamp: at,
        agent: 'claude-code',
        sessionId: 'session-1',
        toolCallId: 'toolu_1',
        decision: 'block',
      }),
    );
    session(asked('toolu_1', at), ended('toolu_1', 'hook error', at, 'reject'));
    expect(problems(await clientStatus(claudeCode, places))).toEqual([]);
    session(asked('toolu_1', at), ended('toolu_1', '', at, 'accept'));
    expect(problems(await clientStatus(claudeCode, places))).toEqual([
      expect.stringMatching(
        /^it denied 1 of the newest calls that claude-code ran all the same, the last at 2025-01-30T09:00:00.000Z/,
      ),
    ]);
  });

  it('ignores calls whose input the agent refuses; counts calls of the session recorded for another repository', async () => {
    session(asked('toolu_2', later), ended('toolu_2', '<tool_use_error>none such</tool_use_error>', later, 'reject'));
    expect(problems(await clientStatus(claudeCode, places))).toEqual([]);
    session(asked('toolu_2', later));
    expect(problems(await clientStatus(claudeCode, places))).toEqual([
      expect.stringContaining('it was not called since it was installed'),
    ]);
    write(
      join(spool(), 'decisions-2025-01-30-000000.ndjson'),
      spoolLine(1, { timestamp: later, agent: 'claude-code', sessionId: 'session-1', repository: 'acme/other' }),
    );
    expect(problems(await clientStatus(claudeCode, places))).toEqual([]);
  });
});

describe('another hook at the event', () => {
  const rewrite = `echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{}}}'`;
  const status = (entry: object): Promise<ClientStatus> => {
    install(claudeCode, 'user');
    write(
      join(places.project, '.claude', 'settings.json'),
      JSON.stringify({ hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [entry] }] } }),
    );
    return clientStatus(claudeCode, places);
  };

  it('is a note when it rewrites nothing, since no other hook lifts a denial', async () => {
    write(join(places.project, 'log.sh'), '#!/bin/sh\ncat >> log.txt\n');
    for (const entry of [
      { type: 'command', command: 'true' },
      { type: 'command', command: '"$CLAUDE_PROJECT_DIR"/log.sh' },
      { type: 'command', command: 'python3 -c "print(1)"' },
      { type: 'command', command: rewrite, async: true },
    ]) {
      const { hooks, notes } = await status(entry);
      expect([
        entry,
        hooks.flatMap((hook) => hook.problems),
        notes.filter((note) => note.startsWith('another hook')),
      ]).toEqual([entry, [], [expect.stringContaining('cannot lift a denial')]]);
    }
  });

  it('is a problem when it rewrites calls or cannot be read', async () => {
    write(join(places.project, 'rewrite.sh'), `#!/bin/sh\n${rewrite}\n`);
    write(join(places.project, 'loads.cjs'), "require('./other.cjs')");
    for (const [entry, what] of [
      [{ type: 'command', command: rewrite }, 'it rewrites calls'],
      [{ type: 'command', command: 'sh ./rewrite.sh' }, 'it rewrites calls'],
      [{ type: 'command', command: '${CLAUDE_PROJECT_DIR}/rewrite.sh' }, 'it rewrites calls'],
      [{ type: 'command', command: 'node loads.cjs' }, 'does not show'],
      [{ type: 'command', command: 'npx some-hook' }, 'does not show'],
      [{ type: 'http', url: 'http://127.0.0.1:1/' }, 'does not show'],
    ] as const)
      expect([entry, problems(await status(entry))]).toEqual([entry, [expect.stringContaining(what)]]);
  });
});

describe('the agent’s own report', () => {
  it('is read from `claude doctor` in the form of 2.1.332', () => {
    const report = (invalid: string): string =>
      `Claude Code doctor\n\nRunning: npm-global (2.1.332)\nCommit: f24\n\n${invalid}Remote Control\n- Not signed in\n`;
    const invalid =
      'Invalid settings\n- /h/.claude/settings.json: Invalid or malformed JSON\n- /p/.claude/settings.json › permissions.allow: Expected array, but received string\n  Suggested fix: x\n\n';
    expect(readDoctor(report(invalid))).toEqual({
      kind: 'claude-code',
      version: '2.1.332',
      invalid: [
        { file: '/h/.claude/settings.json', problem: 'Invalid or malformed JSON' },
        { file: '/p/.claude/settings.json', problem: 'permissions.allow: Expected array, but received string' },
      ],
    });
    expect(
      readDoctor(
        report(
          'Invalid settings\n- /p/.claude/settings.json › permissions.allow: Invalid permission rule "Bash(" was skipped: Malformed\n\n',
        ),
      ),
    ).toMatchObject({ invalid: [] });
    expect(readDoctor(report(''))).toMatchObject({ invalid: [] });
    expect(readDoctor('usage: claude')).toEqual({ kind: 'silent' });
  });

  it('is never requested from a program in the project or in a relative folder', async () => {
    install(claudeCode, 'user');
    const trap = write(
      join(places.project, 'node_modules', '.bin', 'claude'),
      `#!/bin/sh\ntouch ${join(home, 'ran')}\n`,
    );
    chmodSync(trap, 0o755);
    await clientStatus(claudeCode, { ...places, env: { ...places.env, PATH: `${dirname(trap)}:node_modules/.bin:.` } });
    expect(existsSync(join(home, 'ran'))).toBe(false);
  });
});

it('reports different hooks in two scopes', async () => {
  install(claudeCode, 'user');
  install(claudeCode, 'project');
  const notes = async (): Promise<string> => (await clientStatus(claudeCode, places)).notes.join(' ');
  expect(await notes()).not.toMatch(/different Shieldwatch hooks/);
  install(claudeCode, 'project', { type: 'command', command: hookCommand({ file }) });
  expect(await notes()).toMatch(/different Shieldwatch hooks are in .*project.* and .*settings\.json/);
});

it('reports calls that reach no hook', async () => {
  install(codex, 'user');
  install(claudeCode, 'user');
  expect((await clientStatus(codex, places)).notes.join(' ')).toMatch(/write_stdin/);
  expect((await clientStatus(claudeCode, places)).notes.join(' ')).toMatch(/before 2\.1\.332/);
});

it('reports a file that has the hook under one event only', async () => {
  const path = install(claudeCode, 'user');
  const settings = JSON.parse(readFileSync(path, 'utf8')) as { hooks: Record<string, unknown> };
  delete settings.hooks['PreSkillShellCommand'];
  write(path, JSON.stringify(settings));
  expect(problems(await clientStatus(claudeCode, places))).toEqual([
    expect.stringMatching(/no Shieldwatch hook under PreSkillShellCommand/),
  ]);
});
