import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findAgentshield } from '../scan/agentshield-package.js';
import { actor } from './actor.js';
import { coversTool, policyMode, POLICY_MODES, type PolicyMode } from './policy-mode.js';
import { countCall } from './rate-limit.js';
import { ruleId } from './rule-id.js';
import { judge } from './verdict.js';

let project: string;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'shieldwatch-modes-'));
  mkdirSync(join(project, '.agentshield'));
});

function writePolicy(policy: unknown): void {
  writeFileSync(
    join(project, '.agentshield', 'runtime-policy.json'),
    typeof policy === 'string' ? policy : JSON.stringify(policy),
  );
}

function verdict(tool: string, input: unknown, mode: PolicyMode, cwd = project): string {
  const env = { HOME: project, SHIELDWATCH_SPOOL_DIR: join(project, 'spool') };
  return judge(
    { event: 'PreToolUse', tool, input: JSON.stringify(input), cwd, sessionId: 's', agent: '' },
    { mode, env, projectDir: '' },
  ).decision;
}

describe('coversTool', () => {
  it('matches by each mode’s own rule', () => {
    const cases: [string, string, boolean, boolean, boolean][] = [
      // rule, tool, strict, exact, compat
      ['Bash', 'Bash', true, true, true],
      ['Bash', 'BashOutput', true, false, true],
      ['mcp__shell*', 'mcp__shell__run', true, true, true],
      ['mcp__*__write', 'mcp__files__write', true, true, false],
      ['mcp__*__write', 'mcp__files__read', false, false, false],
      ['*', 'anything', true, true, true],
      ['', 'anything', true, false, true],
      ['*Output', 'BashOutput', true, true, false],
      ['Read', 'Write', false, false, false],
      ['a*b*c', 'aXbXc', true, true, false],
      ['ab*ba', 'aba', false, false, false],
    ];
    expect(
      cases.map(([rule, tool]) => [
        rule,
        tool,
        ...(['strict', 'exact', 'compat'] as const).map((mode) => coversTool(rule, tool, mode)),
      ]),
    ).toEqual(cases);
  });

  it('is never laxer in safe mode than in another', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '*', '_'), maxLength: 6 });
    fc.assert(
      fc.property(name, name, (rule, tool) => {
        if (POLICY_MODES.some((mode) => coversTool(rule, tool, mode)))
          expect(coversTool(rule, tool, 'strict')).toBe(true);
      }),
    );
  });

  it('reads * as a regular expression would read .*', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 7 });
    const plain = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 7 });
    fc.assert(
      fc.property(name, plain, (rule, tool) => {
        expect(coversTool(rule, tool, 'exact')).toBe(new RegExp(`^${rule.replaceAll('*', '.*')}$`).test(tool));
      }),
    );
  });
});

describe('the stock mode', () => {
  let script: string;

  beforeAll(() => {
    // AgentShield's own hook, as its `runtime install` writes it.
    const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-stock-'));
    mkdirSync(join(folder, '.claude'));
    writeFileSync(join(folder, '.claude', 'settings.json'), '{}');
    execFileSync(process.execPath, [findAgentshield().cli, 'runtime', 'install', '-p', folder], {
      cwd: folder,
      stdio: 'ignore',
    });
    const settings = execFileSync('cat', [join(folder, '.claude', 'settings.json')], { encoding: 'utf8' });
    const { hooks } = JSON.parse(settings) as { hooks: { PreToolUse: { hook: string }[] } };
    script = hooks.PreToolUse[0]?.hook ?? '';
  });

  function stock(tool: string, input: unknown): string {
    const env = { PATH: process.env['PATH'] ?? '', TOOL_NAME: tool, TOOL_INPUT: JSON.stringify(input) };
    return spawnSync(script, { shell: true, cwd: project, env, input: '' }).status === 2 ? 'block' : 'allow';
  }

  it('gives the verdicts of AgentShield’s own hook', () => {
    expect(script).toMatch(/^node -e/);
    const policy = {
      version: 1,
      deny: [
        { tool: 'Bash', pattern: 'rm -rf /' },
        { tool: 'mcp__*__write' },
        { tool: 'mcp__shell*' },
        { tool: 'Edit', pattern: '' },
      ],
      rateLimit: { maxPerMinute: 0, tools: ['Read'] },
    };
    const calls: [string, unknown][] = [
      ['Bash', { command: 'RM -RF /' }],
      ['Bash', { command: 'ls' }],
      ['BashOutput', { a: 'rm -rf /' }],
      ['mcp__files__write', {}],
      ['mcp__shell__x', {}],
      ['Edit', {}],
      ['Read', {}],
    ];
    writePolicy(policy);
    expect(calls.map(([tool, input]) => verdict(tool, input, 'compat'))).toEqual(
      calls.map(([tool, input]) => stock(tool, input)),
    );
    for (const broken of ['{', '{"version":1,"deny":[{"tool":"Bash","pattern":"("}]}']) {
      writePolicy(broken);
      expect([verdict('Bash', {}, 'compat'), stock('Bash', {})]).toEqual(['allow', 'allow']);
      expect([verdict('Bash', {}, 'strict'), verdict('Bash', {}, 'exact')]).toEqual(['block', 'block']);
    }
    rmSync(join(project, '.agentshield', 'runtime-policy.json'));
    expect(stock('Bash', { command: 'rm -rf /' })).toBe('allow');
  });

  it('reads the policy of the call’s own folder only', () => {
    writePolicy({ deny: [{ tool: 'Bash' }] });
    mkdirSync(join(project, 'below'));
    expect(POLICY_MODES.map((mode) => verdict('Bash', {}, mode, join(project, 'below')))).toEqual([
      'block',
      'block',
      'allow',
    ]);
  });
});

it('falls back to `strict` for an unknown mode, and accepts the former names', () => {
  expect([policyMode(undefined), policyMode('stocks'), policyMode('toString')]).toEqual(['strict', 'strict', 'strict']);
  expect([policyMode('safe'), policyMode('mended'), policyMode('stock')]).toEqual(['strict', 'exact', 'compat']);
});

describe('the rate limit', () => {
  const limit = { maxPerMinute: 3, tools: ['Bash'] };

  it('blocks calls beyond the limit of the named tools, in strict and exact mode', () => {
    writePolicy({ version: 1, deny: [], rateLimit: limit });
    expect(Array.from({ length: 5 }, () => verdict('Bash', {}, 'strict'))).toEqual([
      'allow',
      'allow',
      'allow',
      'block',
      'block',
    ]);
    expect(verdict('Read', {}, 'strict')).toBe('allow');
    expect(verdict('Bash', {}, 'exact')).toBe('block');
    expect(verdict('Bash', {}, 'compat')).toBe('allow');
  });

  it('counts each session over the last minute', () => {
    const folder = join(project, 'rate');
    const at = (now: number, sessionId = 's'): string =>
      countCall(limit, { folder, policyPath: '/p', sessionId }, { tool: 'Bash', input: '{}' }, now);
    const start = 60_000 * 1000;
    expect([at(start), at(start + 1), at(start + 2), at(start + 3)]).toEqual([
      'within',
      'within',
      'within',
      'exceeded',
    ]);
    expect(at(start, 'another')).toBe('within');
    // Ten seconds into the next minute five sixths of the three calls still count.
    expect([at(start + 70_000), at(start + 70_001)]).toEqual(['within', 'exceeded']);
    expect(at(start + 10 * 60_000)).toBe('within');
    expect(readdirSync(folder)).toHaveLength(1);
  });

  it('counts a call once for any number of hooks, also across a minute boundary', () => {
    const folder = join(project, 'once');
    const at = (now: number, toolCallId: string, input = '{}'): string =>
      countCall(limit, { folder, policyPath: '/p', sessionId: 's' }, { toolCallId, tool: 'Bash', input }, now);
    const start = 60_000 * 1000;
    expect(['a', 'a', 'b', 'b', 'c', 'c', 'a'].map((id) => at(start + 59_999, id))).toEqual(
      Array.from({ length: 7 }, () => 'within'),
    );
    expect(at(start + 60_001, 'c')).toBe('within');
    expect([at(start + 60_002, 'd'), at(start + 60_003, 'd')]).toEqual(['within', 'within']);
    expect(at(start + 60_004, 'e')).toBe('exceeded');
    expect(at(start + 60_005, 'e')).toBe('exceeded');
  });

  it('distinguishes calls of equal id by their input', () => {
    const folder = join(project, 'same-id');
    const answers = ['1', '2', '3', '4'].map((input) =>
      countCall(limit, { folder, policyPath: '/p', sessionId: 's' }, { toolCallId: 'call_0', tool: 'Bash', input }, 0),
    );
    expect(answers).toEqual(['within', 'within', 'within', 'exceeded']);
  });

  it('is reported as not enforced when calls cannot be counted', () => {
    const folder = join(project, 'file');
    writeFileSync(folder, '');
    expect(countCall(limit, { folder, policyPath: '/p', sessionId: 's' }, { tool: 'Bash', input: '{}' }, 0)).toBe(
      'unknown',
    );
    writePolicy({ version: 1, rateLimit: { maxPerMinute: 0, tools: ['Bash'] } });
    const env = { HOME: project, SHIELDWATCH_SPOOL_DIR: folder };
    const call = { event: 'PreToolUse', tool: 'Bash', input: '{}', cwd: project, sessionId: 's', agent: '' };
    expect(judge(call, { mode: 'strict', env, projectDir: '' })).toEqual({
      decision: 'allow',
      rateLimit: 'not-enforced',
    });
    expect(judge(call, { mode: 'compat', env, projectDir: '' })).toEqual({
      decision: 'allow',
      rateLimit: 'not-enforced',
    });
  });

  it('of a wrong type makes the policy invalid', () => {
    for (const rateLimit of [
      {},
      { maxPerMinute: '3', tools: [] },
      { maxPerMinute: 3, tools: 'Bash' },
      3,
      { maxPerMinute: -1, tools: [] },
    ]) {
      writePolicy({ version: 1, rateLimit });
      expect(verdict('Read', {}, 'strict')).toBe('block');
    }
  });
});

it('a rule’s id is independent of its reason and of secrets in its pattern', () => {
  const id = ruleId({ tool: 'Bash', pattern: /rm -rf/i });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(ruleId({ tool: 'Bash', pattern: /rm -rf/i })).toBe(id);
  expect(ruleId({ tool: 'Bash', pattern: /rm -r/i })).not.toBe(id);
  const [one, two] = ['aaaaaaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbbbbbb'].map((secret) =>
    ruleId({ tool: 'Bash', pattern: new RegExp(`ghp_${secret}`) }),
  );
  expect(one).toBe(two);
});

it('an actor is recorded only with a key, as an HMAC', () => {
  expect(actor({})).toBeUndefined();
  const mine = actor({ SHIELDWATCH_ACTOR_KEY: 'k', SHIELDWATCH_ACTOR: 'Ada@example.test' });
  expect(mine).toMatch(/^[0-9a-f]{32}$/);
  expect(actor({ SHIELDWATCH_ACTOR_KEY: 'k', SHIELDWATCH_ACTOR: ' ada@example.test' })).toBe(mine);
  expect(actor({ SHIELDWATCH_ACTOR_KEY: 'other', SHIELDWATCH_ACTOR: 'ada@example.test' })).not.toBe(mine);
});
