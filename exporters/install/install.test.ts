import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hookToken } from '../agent/hook-token.js';
import { startHttpHook } from '../agent/http-hook.js';
import { buildHook } from '../testdata/built-hook.js';
import { spoolRecords } from '../testdata/spool-lines.js';
import { claudeCode } from './claude-code.js';
import type { Client, Places, Scope, Wanted } from './client.js';
import { codex } from './codex.js';
import { geminiCli } from './gemini-cli.js';
import { hookUrl, isOurs, type InstalledHook } from './hook-command.js';
import { carryOut, CLIENTS, clientNamed, hookStatus, planInstall, planUninstall, scopeOf } from './install.js';
import { probe } from './probe.js';

let places: Places;
let command: string;

beforeAll(() => {
  command = `"${process.execPath}" "${buildHook().file}" shieldwatch-hook`;
});

beforeEach(() => {
  const home = mkdtempSync(join(tmpdir(), 'shieldwatch-install-'));
  places = { project: join(home, 'project'), home, env: {}, platform: 'linux' };
  mkdirSync(places.project);
});

const wanted = (changes: Partial<Wanted> = {}): Wanted => ({ hook: { type: 'command', command }, onFailure: 'block', telemetryUrl: undefined, repository: 'acme/app', ...changes });

function install(client: Client, scope: Scope, changes: Partial<Wanted> = {}): string {
  const plan = planInstall(client, scope, places, wanted(changes));
  carryOut(plan);
  return plan.file;
}

function write(client: Client, scope: Scope, text: string): string {
  const file = client.file(scope, places);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'));

describe('Claude Code', () => {
  const OURS = { matcher: '', hooks: [{ type: 'command', command: expect.stringContaining('shieldwatch-hook') as string, timeout: 10, onFailure: 'block' }] };

  it('gets the hook into new settings, private to the user', () => {
    const file = install(claudeCode, 'user');
    expect(read(file)).toEqual({ hooks: { PreToolUse: [OURS] } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(claudeCode.find(file, readFileSync(file, 'utf8'))).toEqual({ type: 'command', command });
  });

  it('keeps what is there, with its spaces, and a backup', () => {
    const before = '{\n    "permissions": { "deny": ["Bash(rm:*)"] },\n    "hooks": {\n        "Stop": [ { "hooks": [] } ],\n        "PreToolUse": [ { "matcher": "Bash", "hooks": [ { "type": "command", "command": "mine" } ] } ]\n    },\n    "model": "opus"\n}\n';
    const file = write(claudeCode, 'project', before);
    const plan = planInstall(claudeCode, 'project', places, wanted());
    expect(plan.diff.some((line) => line.startsWith('+') && line.includes('onFailure'))).toBe(true);
    const backup = carryOut(plan);
    const after = readFileSync(file, 'utf8');
    for (const kept of ['    "permissions": { "deny": ["Bash(rm:*)"] },', '        "Stop": [ { "hooks": [] } ],', '    "model": "opus"']) expect(after).toContain(kept);
    expect((read(file) as { hooks: { PreToolUse: unknown[] } }).hooks.PreToolUse).toEqual([{ matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] }, OURS]);
    expect(readFileSync(backup ?? '', 'utf8')).toBe(before);
  });

  it('is changed once and no second time, and loses ours alone', () => {
    const file = write(claudeCode, 'project', '{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"mine"}]}]}}');
    install(claudeCode, 'project');
    const once = readFileSync(file, 'utf8');
    expect(planInstall(claudeCode, 'project', places, wanted()).diff).toEqual([]);
    // Another Node, another folder: the entry is replaced, not doubled.
    install(claudeCode, 'project', { hook: { type: 'command', command: `"/other/node" ${command}` } });
    expect((read(file) as { hooks: { PreToolUse: unknown[] } }).hooks.PreToolUse).toHaveLength(2);
    install(claudeCode, 'project');
    expect(read(file)).toEqual(JSON.parse(once));
    carryOut(planUninstall(claudeCode, 'project', places));
    expect(read(file)).toEqual({ hooks: { PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'mine' }] }] } });
    expect(planUninstall(claudeCode, 'project', places).diff).toEqual([]);
  });

  it('leaves others’ hooks of a group that ours was put into by hand', () => {
    const file = write(claudeCode, 'user', JSON.stringify({ hooks: { PreToolUse: [{ matcher: '', hooks: [{ type: 'command', command: 'shieldwatch hook' }, { type: 'command', command: 'mine' }] }] } }));
    carryOut(planUninstall(claudeCode, 'user', places));
    expect(read(file)).toEqual({ hooks: { PreToolUse: [{ matcher: '', hooks: [{ type: 'command', command: 'mine' }] }] } });
  });

  it('has the choice of going on when the hook fails, and is told what that means', () => {
    const file = install(claudeCode, 'user', { onFailure: 'continue' });
    expect(readFileSync(file, 'utf8')).not.toContain('onFailure');
    expect(claudeCode.notes('user', wanted({ onFailure: 'continue' })).join(' ')).toMatch(/RUNS/);
    expect(claudeCode.notes('user', wanted()).join(' ')).toMatch(/--on-failure continue/);
  });

  it('takes an HTTP hook with its token only where nobody else reads it', () => {
    const hook: InstalledHook = { type: 'http', url: hookUrl(4327), token: hookToken({ HOME: places.home }) };
    expect(() => planInstall(claudeCode, 'project', places, wanted({ hook }))).toThrow(/project settings are shared/);
    expect(() => planInstall(codex, 'user', places, wanted({ hook }))).toThrow(/no HTTP hooks/);
    const plan = planInstall(claudeCode, 'local', places, wanted({ hook }));
    expect(plan.diff.join('\n')).not.toContain(hook.token);
    carryOut(plan);
    expect(claudeCode.find(plan.file, readFileSync(plan.file, 'utf8'))).toEqual(hook);
  });

  it('sets its telemetry where that is honoured, and prints it where it would be ignored without a word', () => {
    const telemetryUrl = 'http://gateway.test:4000';
    const user = install(claudeCode, 'user', { telemetryUrl });
    expect((read(user) as { env: object }).env).toEqual({
      CLAUDE_CODE_ENABLE_TELEMETRY: '1', OTEL_LOGS_EXPORTER: 'otlp', OTEL_METRICS_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_EXPORTER_OTLP_ENDPOINT: telemetryUrl,
    });
    const project = install(claudeCode, 'project', { telemetryUrl });
    expect((read(project) as { env: object }).env).toEqual({ OTEL_RESOURCE_ATTRIBUTES: 'vcs.owner.name=acme,vcs.repository.name=app' });
    expect(claudeCode.notes('project', wanted({ telemetryUrl })).join('\n')).toMatch(/export OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/gateway\.test:4000/);
  });

  it('says why the hook would not be called', async () => {
    install(claudeCode, 'project');
    write(claudeCode, 'user', '{"disableAllHooks":true}');
    const [found] = (await hookStatus(places)).filter(({ hook }) => hook !== undefined);
    expect(found).toMatchObject({ client: 'claude-code', scope: 'project', problem: undefined, obstacles: [expect.stringMatching(/disableAllHooks is set in .*\.claude/)] });
    const managed = { file: '/etc/claude-code/managed-settings.json', text: '{"allowManagedHooksOnly":true}' };
    expect(claudeCode.obstacles(new Map([['managed', managed]]), 'user')).toEqual([expect.stringMatching(/allowManagedHooksOnly/)]);
    expect(claudeCode.obstacles(new Map([['managed', managed]]), 'managed')).toEqual([]);
  });
});

describe('Codex', () => {
  it('gets a block of its own at the end of its TOML, once, and loses it again', () => {
    const before = 'model = "gpt-5"\n# a comment\n\n[tui]\ntheme = "dark"\n';
    const file = write(codex, 'user', before);
    install(codex, 'user');
    const text = readFileSync(file, 'utf8');
    expect(text.startsWith(before)).toBe(true);
    expect(parse(text)).toMatchObject({ model: 'gpt-5', hooks: { PreToolUse: [{ hooks: [{ type: 'command', command, timeout: 10 }] }] } });
    expect(planInstall(codex, 'user', places, wanted()).diff).toEqual([]);
    carryOut(planUninstall(codex, 'user', places));
    expect(readFileSync(file, 'utf8')).toBe(before);
  });

  it('says that an untrusted hook is skipped in silence', () => {
    expect(codex.notes('user', wanted()).join(' ')).toMatch(/does not trust, in silence/);
    expect(codex.obstacles(new Map(), 'user')).toHaveLength(1);
  });

  it('leaves a file alone that it cannot add to', () => {
    for (const [text, message] of [['= nonsense', /not TOML/], ['hooks = { PreToolUse = [] }\n', /not TOML/], ['[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype="command"\ncommand="shieldwatch hook"\n', /outside of the block/]] as const) {
      const file = write(codex, 'user', text);
      expect(() => planInstall(codex, 'user', places, wanted())).toThrow(message);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });
});

describe('Gemini CLI', () => {
  it('gets the hook under its own event, with comments kept, and telemetry without prompts', () => {
    const file = write(geminiCli, 'project', '{\n  // mine\n  "theme": "dark",\n}\n');
    install(geminiCli, 'project', { telemetryUrl: 'http://gateway.test:4000' });
    const text = readFileSync(file, 'utf8');
    expect(text).toContain('// mine');
    expect(text).toMatch(/"BeforeTool"[\s\S]*"timeout": 10000/);
    expect(text).toMatch(/"logPrompts": false/);
    expect(planInstall(geminiCli, 'project', places, wanted()).diff).toEqual([]);
    carryOut(planUninstall(geminiCli, 'project', places));
    expect(readFileSync(file, 'utf8')).not.toContain('BeforeTool');
  });
});

describe('whatever the settings hold', () => {
  it('installing and uninstalling leaves them as they were', () => {
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

  it('a file that is no object of JSON is refused with its line, and left alone', () => {
    for (const text of ['{\n  "a": 1\n  "b": 2\n}', '[]', '"x"']) {
      const file = write(claudeCode, 'user', text);
      expect(() => planInstall(claudeCode, 'user', places, wanted())).toThrow(/settings\.json is not (JSON \(line 3|a JSON object)/);
      expect(readFileSync(file, 'utf8')).toBe(text);
    }
  });

  it('a file that somebody changed meanwhile is not overwritten', () => {
    const file = write(claudeCode, 'user', '{}');
    const plan = planInstall(claudeCode, 'user', places, wanted());
    writeFileSync(file, '{"mine":1}');
    expect(() => carryOut(plan)).toThrow(/just been changed/);
    expect(readFileSync(file, 'utf8')).toBe('{"mine":1}');
    expect(readdirSync(dirname(file))).toEqual(['settings.json']);
  });
});

describe('the probe', () => {
  it('tells a hook that judges from one that does not, for each agent’s event', async () => {
    for (const client of CLIENTS) expect(await probe({ type: 'command', command }, client.event)).toBeUndefined();
    expect(await probe({ type: 'command', command: 'true # shieldwatch-hook' }, 'PreToolUse')).toMatch(/let a call pass/);
    expect(await probe({ type: 'command', command: '/nowhere/hook' }, 'PreToolUse')).toMatch(/exit code 127/);
    expect(await probe({ type: 'command', command: 'echo hello' }, 'PreToolUse')).toMatch(/exit code 0/);
  });

  it('asks an HTTP hook, and leaves no record', async () => {
    const env = { HOME: places.home };
    const hook = await startHttpHook({ port: 0, token: hookToken(env), mode: 'safe', env });
    expect(await probe({ type: 'http', url: hook.url, token: hookToken(env) }, 'PreToolUse')).toBeUndefined();
    expect(await probe({ type: 'http', url: hook.url, token: 'wrong' }, 'PreToolUse')).toMatch(/answered 401/);
    await hook.close();
    expect(await probe({ type: 'http', url: hook.url, token: 'x' }, 'PreToolUse')).toMatch(/shieldwatch agent/);
    const spool = join(places.home, '.shieldwatch', 'spool');
    expect(existsSync(spool) ? spoolRecords(spool) : []).toEqual([]);
  });
});

it('names and scopes that there are not are told with those that there are', () => {
  expect(() => clientNamed('cursor')).toThrow(/claude-code, codex, gemini-cli/);
  expect(() => scopeOf(codex, 'project')).toThrow(/codex has no project settings; there are: user/);
  expect([isOurs('shieldwatch hook'), isOurs('node x.js'), isOurs(hookUrl(1))]).toEqual([true, false, true]);
});
