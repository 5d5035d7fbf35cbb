import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { hookToken } from '../agent/hook-token.js';
import { startHttpHook } from '../agent/http-hook.js';
import { buildHook } from '../testing/built-hook.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { claudeCode } from './claude-code.js';
import type { Client, Places, Scope, Wanted } from './client.js';
import { codex } from './codex.js';
import { geminiCli } from './gemini-cli.js';
import { hookUrl, isOurs, type InstalledHook } from './hook-command.js';
import { applyPlan, applyUninstall, CLIENTS, clientNamed, planInstall, planUninstall, scopeOf } from './install.js';
import { probe } from './probe.js';
import { clientStatuses } from './status.js';

let places: Places;
let command: string;

beforeAll(() => {
  command = `"${process.execPath}" "${buildHook().file}" shieldwatch-hook`;
});

beforeEach(() => {
  const home = mkdtempSync(join(tmpdir(), 'shieldwatch-install-'));
  places = { project: join(home, 'project'), home, env: { HOME: home }, platform: 'linux' };
  mkdirSync(places.project);
});

const wanted = (changes: Partial<Wanted> = {}): Wanted => ({
  hook: { type: 'command', command },
  onFailure: 'block',
  telemetryUrl: undefined,
  repository: 'acme/app',
  ...changes,
});

function install(client: Client, scope: Scope, changes: Partial<Wanted> = {}): string {
  const plan = planInstall(client, scope, places, wanted(changes));
  applyPlan(plan, places.env);
  return plan.file;
}

function write(client: Client, scope: Scope, text: string): string {
  const file = client.file(scope, places);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

const found = (client: Client, file: string): ReturnType<Client['find']> =>
  client.find(read(file) as Record<string, unknown>);

describe('Claude Code', () => {
  const OURS = {
    matcher: '',
    hooks: [
      {
        type: 'command',
        command: expect.stringContaining('shieldwatch-hook') as string,
        timeout: 10,
        onFailure: 'block',
      },
    ],
  };

  it('gets new settings with the hook, readable by the user only', () => {
    const file = install(claudeCode, 'user');
    expect(read(file)).toEqual({ hooks: { PreToolUse: [OURS], PreSkillShellCommand: [OURS] } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(found(claudeCode, file)).toMatchObject([
      { event: 'PreToolUse', hook: { type: 'command', command } },
      { event: 'PreSkillShellCommand', hook: { type: 'command', command } },
    ]);
  });

  it('keeps existing settings byte for byte, and a backup in our folder until uninstall', () => {
    const before =
      '{\n    "permissions": { "deny": ["Bash(rm:*)"] },\n    "hooks": {\n        "Stop": [ { "hooks": [] } ],\n        "PreToolUse": [ { "matcher": "Bash", "hooks": [ { "type": "command", "command": "mine" } ] } ]\n    },\n    "model": "opus"\n}\n';
    const file = write(claudeCode, 'project', before);
    const plan = planInstall(claudeCode, 'project', places, wanted());
    expect(plan.diff.some((line) => line.startsWith('+') && line.includes('onFailure'))).toBe(true);
    const backup = applyPlan(plan, places.env);
    const after = readFileSync(file, 'utf8');
    for (const kept of [
      '    "permissions": { "deny": ["Bash(rm:*)"] },',
      '        "Stop": [ { "hooks": [] } ],',
      '    "model": "opus"',
    ])
      expect(after).toContain(kept);
    expect((read(file) as { hooks: { PreToolUse: unknown[] } }).hooks.PreToolUse).toEqual([
      { matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] },
      OURS,
    ]);
    expect(readFileSync(backup ?? '', 'utf8')).toBe(before);
    const folder = join(places.home, '.shieldwatch', 'backups');
    expect([dirname(backup ?? ''), statSync(folder).mode & 0o777, statSync(backup ?? '').mode & 0o777]).toEqual([
      folder,
      0o700,
      0o600,
    ]);
    expect(readdirSync(dirname(file))).toEqual(['settings.json']);
    expect(applyUninstall(planUninstall(claudeCode, 'project', places), places.env)).toBe(2);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('changes once; uninstall removes our entry only', () => {
    const file = write(
      claudeCode,
      'project',
      '{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"mine"}]}]}}',
    );
    install(claudeCode, 'project');
    const once = readFileSync(file, 'utf8');
    expect(planInstall(claudeCode, 'project', places, wanted()).diff).toEqual([]);
    // Another Node, another folder: the entry is replaced, not doubled.
    install(claudeCode, 'project', { hook: { type: 'command', command: `"/other/node" ${command}` } });
    expect((read(file) as { hooks: { PreToolUse: unknown[] } }).hooks.PreToolUse).toHaveLength(2);
    install(claudeCode, 'project');
    expect(read(file)).toEqual(JSON.parse(once));
    applyUninstall(planUninstall(claudeCode, 'project', places), places.env);
    expect(read(file)).toEqual({
      hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] }] },
    });
    expect(planUninstall(claudeCode, 'project', places).diff).toEqual([]);
  });

  it('keeps foreign hooks of a group that ours was added to by hand', () => {
    const file = write(
      claudeCode,
      'user',
      JSON.stringify({
        hooks: {
          PreToolUse: [
            {
              matcher: '',
              hooks: [
                { type: 'command', command: 'shieldwatch hook' },
                { type: 'command', command: 'mine' },
              ],
            },
          ],
        },
      }),
    );
    applyUninstall(planUninstall(claudeCode, 'user', places), places.env);
    expect(read(file)).toEqual({
      hooks: { PreToolUse: [{ matcher: '', hooks: [{ type: 'command', command: 'mine' }] }] },
    });
  });

  it('offers to continue when the hook fails, and says what that means', () => {
    const file = install(claudeCode, 'user', { onFailure: 'continue' });
    expect(readFileSync(file, 'utf8')).not.toContain('onFailure');
    expect(claudeCode.notes('user', wanted({ onFailure: 'continue' })).join(' ')).toMatch(/RUNS/);
    expect(claudeCode.notes('user', wanted()).join(' ')).toMatch(/--on-failure continue/);
    expect(claudeCode.notes('user', wanted()).join(' ')).toMatch(
      /A mod of a plugin can run a call that the hook denies/,
    );
    expect(claudeCode.notes('managed', wanted()).join(' ')).not.toMatch(/A mod of a plugin/);
  });

  it('takes an HTTP hook with its token only in a file that nobody else reads', () => {
    const hook: InstalledHook = { type: 'http', url: hookUrl(4327), token: hookToken({ HOME: places.home }) };
    expect(() => planInstall(claudeCode, 'project', places, wanted({ hook }))).toThrow(/project settings are shared/);
    expect(() => planInstall(codex, 'user', places, wanted({ hook }))).toThrow(/no HTTP hooks/);
    const plan = planInstall(claudeCode, 'local', places, wanted({ hook }));
    expect(plan.diff.join('\n')).not.toContain(hook.token);
    applyPlan(plan, places.env);
    expect(found(claudeCode, plan.file).map((entry) => entry.hook)).toEqual([hook, hook]);
  });

  it('sets telemetry where the client honours it, and prints it where the client ignores it silently', () => {
    const telemetryUrl = 'http://gateway.test:4000';
    const user = install(claudeCode, 'user', { telemetryUrl });
    expect((read(user) as { env: object }).env).toEqual({
      CLAUDE_CODE_ENABLE_TELEMETRY: '1',
      OTEL_LOGS_EXPORTER: 'otlp',
      OTEL_METRICS_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_EXPORTER_OTLP_ENDPOINT: telemetryUrl,
    });
    const project = install(claudeCode, 'project', { telemetryUrl });
    expect((read(project) as { env: object }).env).toEqual({
      OTEL_RESOURCE_ATTRIBUTES: 'vcs.owner.name=acme,vcs.repository.name=app',
    });
    expect(claudeCode.notes('project', wanted({ telemetryUrl })).join('\n')).toMatch(
      /export OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/gateway\.test:4000/,
    );
  });

  it('reports why the hook would not be called', async () => {
    install(claudeCode, 'project');
    write(claudeCode, 'user', '{"disableAllHooks":true}');
    const [status] = await clientStatuses(places);
    expect(status?.hooks).toMatchObject([
      { scope: 'project', problems: [expect.stringMatching(/disableAllHooks is set in .*\.claude/)] },
    ]);
  });
});

describe('Codex', () => {
  it('adds one block at the end of the TOML, and uninstall removes it', () => {
    const before = 'model = "gpt-5"\n# a comment\n\n[tui]\ntheme = "dark"\n';
    const file = write(codex, 'user', before);
    install(codex, 'user');
    const text = readFileSync(file, 'utf8');
    expect(text.startsWith(before)).toBe(true);
    expect(parse(text)).toMatchObject({
      model: 'gpt-5',
      hooks: { PreToolUse: [{ hooks: [{ type: 'command', command, timeout: 10 }] }] },
    });
    expect(planInstall(codex, 'user', places, wanted()).diff).toEqual([]);
    applyUninstall(planUninstall(codex, 'user', places), places.env);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('warns that an untrusted hook is skipped silently', () => {
    expect(codex.notes('user', wanted()).join(' ')).toMatch(/silently skips a hook that it does not trust/);
  });

  it('leaves a file unchanged that it cannot extend', () => {
    for (const [text, message] of [
      ['= nonsense', /not TOML/],
      ['hooks = { PreToolUse = [] }\n', /not TOML/],
    ] as const) {
      const file = write(codex, 'user', text);
      expect(() => planInstall(codex, 'user', places, wanted())).toThrow(message);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });
});

describe('the block in Codex’s TOML', () => {
  const ours = `command = ${JSON.stringify('"/nowhere/node" "/nowhere/hook.cjs" shieldwatch-hook || exit 2')}`;

  it('is removed by content, also when Codex inserted a table between our lines', () => {
    const text = readFileSync(
      join(packageRoot(), 'exporters', 'testing', 'settings', 'codex-config-after-mcp-add.toml'),
      'utf8',
    );
    const others = Object.fromEntries(Object.entries(parse(text)).filter(([key]) => key !== 'hooks'));
    for (const eol of ['\n', '\r\n']) {
      const file = write(codex, 'user', text.replaceAll('\n', eol));
      applyUninstall(planUninstall(codex, 'user', places), places.env);
      const left = readFileSync(file, 'utf8');
      expect(parse(left)).toEqual(others);
      expect(left).not.toContain('shieldwatch');
      expect(left.includes('\r\n')).toBe(eol === '\r\n');
      // Nor does installing again lose it.
      write(codex, 'user', text.replaceAll('\n', eol));
      install(codex, 'user');
      const { hooks, ...again } = parse(readFileSync(file, 'utf8')) as { hooks: { PreToolUse: unknown[] } };
      expect([again, hooks.PreToolUse.length]).toEqual([others, 1]);
    }
  });

  it('is all that uninstall removes, for any surroundings', () => {
    const table = fc.constantFrom(
      '[tui]\ntheme = "dark"\n',
      '# my comment\n',
      '\n',
      '[mcp_servers.a]\ncommand = "npx"\nargs = [\n  "x", # [[hooks.PreToolUse]]\n  "# >>> shieldwatch: written by `shieldwatch install`",\n]\n',
      '[[hooks.PreToolUse]]\nmatcher = "Bash"\n[[hooks.PreToolUse.hooks]]\ntype = "command"\ncommand = "mine"\n',
      '[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = "command"\ncommand = """\nmine\n[[hooks.PreToolUse.hooks]]\n# <<< shieldwatch\n"""\n[[hooks.PreToolUse.hooks]]\ntype = "command"\ncommand = "mine too"\n',
      '[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = "command"\ncommand = "other"\n',
      "[notes]\ntext = '''\n[[hooks.PreToolUse]]\n'''\n",
    );
    const unique = (parts: readonly string[]): string[] =>
      parts.filter((part, index) => !/^\[(?:tui|mcp|notes)/.test(part) || parts.indexOf(part) === index);
    fc.assert(
      fc.property(
        fc.array(table, { maxLength: 5 }),
        fc.array(table, { maxLength: 3 }),
        fc.constantFrom('\n', '\r\n'),
        (before, after, eol) => {
          const parts = unique([...before, '<ours>', ...after]);
          const at = parts.indexOf('<ours>');
          const text = (of: readonly string[]): string => of.join('').replaceAll('\n', eol);
          const foreign = text(['model = "x"\n', ...parts.slice(0, at)]);
          const added = text(parts.slice(at + 1));
          const installed = codex.install('f', foreign, 'user', wanted());
          expect(codex.install('f', installed, 'user', wanted())).toBe(installed);
          // Codex puts what it adds before the comment that ends our block.
          const end = `# <<< shieldwatch${eol}`;
          const left = codex.uninstall('f', `${installed.slice(0, -end.length)}${added}${end}`);
          expect(parse(left)).toEqual(parse(foreign + added));
          expect(left.replace(/\s+/g, ' ')).toBe((foreign + added).replace(/\s+/g, ' '));
          expect(codex.uninstall('f', installed)).toBe(foreign);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is removed from a shared group, and kept when the form cannot be edited', () => {
    const group = (hooks: string): string => `[[hooks.PreToolUse]]\n${hooks}`;
    const other = '[[hooks.PreToolUse.hooks]]\ntype = "command"\ncommand = "mine"\n';
    expect(codex.uninstall('f', group(`[[hooks.PreToolUse.hooks]]\ntype = "command"\n${ours}\n${other}`))).toBe(
      group(other),
    );
    expect(() => codex.uninstall('f', `[hooks]\nPreToolUse = [{ hooks = [{ type = "command", ${ours} }] }]\n`)).toThrow(
      /by hand/,
    );
  });
});

describe('Gemini CLI', () => {
  it('gets the hook under its own event; comments stay, telemetry excludes prompts', () => {
    const file = write(geminiCli, 'project', '{\n  // mine\n  "theme": "dark"\n}\n');
    install(geminiCli, 'project', { telemetryUrl: 'http://gateway.test:4000' });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('// mine');
    expect(text).toMatch(/"BeforeTool"[\s\S]*"timeout": 10000/);
    expect(text).toMatch(/"logPrompts": false/);
    expect(planInstall(geminiCli, 'project', places, wanted()).diff).toEqual([]);
    applyUninstall(planUninstall(geminiCli, 'project', places), places.env);
    expect(readFileSync(file, 'utf8')).not.toContain('BeforeTool');
  });
});

describe('any settings', () => {
  it('are unchanged after install and uninstall', () => {
    const key = fc.constantFrom('env', 'model', 'permissions', 'x');
    const value = fc.jsonValue({ maxDepth: 2 });
    fc.assert(
      fc.property(fc.dictionary(key, value), fc.constantFrom(0, 2, 4, '\t'), (settings, indent) => {
        const text = `${JSON.stringify(settings, null, indent)}\n`;
        const installed = claudeCode.install('f', text, 'project', wanted());
        expect(claudeCode.install('f', installed, 'project', wanted())).toBe(installed);
        expect(JSON.parse(claudeCode.uninstall('f', installed))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses a file that is no JSON object, naming the line, and leaves it unchanged', () => {
    for (const text of ['{\n  "a": 1\n  "b": 2\n}', '[]', '"x"']) {
      const file = write(claudeCode, 'user', text);
      expect(() => planInstall(claudeCode, 'user', places, wanted())).toThrow(
        /settings\.json(: line 3 is not strict JSON| is not a JSON object)/,
      );
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });

  it('never overwrites a file that changed meanwhile', () => {
    const file = write(claudeCode, 'user', '{}');
    const plan = planInstall(claudeCode, 'user', places, wanted());
    writeFileSync(file, '{"mine":1}');
    expect(() => applyPlan(plan, places.env)).toThrow(/was changed by another program/);
    expect(readFileSync(file, 'utf8')).toBe('{"mine":1}');
    expect(readdirSync(dirname(file))).toEqual(['settings.json']);
  });
});

describe('the probe', () => {
  it('distinguishes a hook that judges from one that does not, for each agent’s event', async () => {
    for (const client of CLIENTS)
      expect(await probe({ type: 'command', command }, client.events[0] ?? '')).toBeUndefined();
    expect(await probe({ type: 'command', command: 'true # shieldwatch-hook' }, 'PreToolUse')).toMatch(
      /let a call pass/,
    );
    expect(await probe({ type: 'command', command: '/nowhere/hook' }, 'PreToolUse')).toMatch(/exit code 127/);
    expect(await probe({ type: 'command', command: 'echo hello' }, 'PreToolUse')).toMatch(/exit code 0/);
  });

  it('calls an HTTP hook and leaves no record', async () => {
    const env = { HOME: places.home };
    const hook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'strict', env });
    expect(await probe({ type: 'http', url: hook.url, token: hookToken(env) }, 'PreToolUse')).toBeUndefined();
    expect(await probe({ type: 'http', url: hook.url, token: 'wrong' }, 'PreToolUse')).toMatch(/answered 401/);
    await hook.close();
    expect(await probe({ type: 'http', url: hook.url, token: 'x' }, 'PreToolUse')).toMatch(/shieldwatch agent/);
    const spool = join(places.home, '.shieldwatch', 'spool');
    expect(existsSync(spool) ? spoolRecords(spool) : []).toEqual([]);
  });
});

it('an unknown client or scope is refused with the list of known ones', () => {
  expect(() => clientNamed('cursor')).toThrow(/claude-code, codex, gemini-cli/);
  expect(() => scopeOf(codex, 'project')).toThrow(/codex has no project settings; there are: user/);
  expect([isOurs('shieldwatch hook'), isOurs('node x.js'), isOurs(hookUrl(1))]).toEqual([true, false, true]);
});
