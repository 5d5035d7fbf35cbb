import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decisionAttributes, decisionRecord } from '#schemas/records/decision.js';
import { packageRoot } from '#schemas/root.js';
import { refuseAgents } from '../commands/policy.js';
import { buildHook, type BuiltHook } from '../testing/built-hook.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { acceptPolicies, changedSessions } from './session-accept.js';

let hook: BuiltHook;
let home: string;
let project: string;

beforeAll(() => {
  hook = buildHook();
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-session-'));
  project = join(home, 'work', 'app');
  mkdirSync(join(project, '.git'), { recursive: true });
  writePolicy(project, {
    deny: [{ tool: 'Bash', pattern: 'forbidden' }],
    rateLimit: { maxPerMinute: 3, tools: ['Read'] },
  });
});

const policyOf = (folder: string): string => join(folder, '.agentshield', 'runtime-policy.json');

/** Behind the agent's back, as a script would that the hook has not seen. */
function writePolicy(folder: string, policy: unknown): void {
  mkdirSync(dirname(policyOf(folder)), { recursive: true });
  writeFileSync(policyOf(folder), JSON.stringify(policy));
}

interface Call {
  readonly cwd?: string;
  readonly started?: string;
  readonly session?: string;
  readonly tool?: string;
  readonly command?: string;
  readonly event?: string;
}

let calls = 0;

/** Exit code of one call. The process is started in `started`, which no call chooses. */
async function call({
  cwd = project,
  started = project,
  session = 's1',
  tool = 'Bash',
  command = 'forbidden',
  event = 'PreToolUse',
}: Call = {}): Promise<number | null> {
  const input = {
    session_id: session,
    turn_id: 't',
    cwd,
    hook_event_name: event,
    tool_name: tool,
    tool_input: { command },
    tool_use_id: `call_${String((calls += 1))}`,
  };
  return (await hook.run(JSON.stringify(input), { HOME: home }, started)).exitCode;
}

const records = (): ReturnType<typeof spoolRecords> => spoolRecords(join(home, '.shieldwatch', 'spool'));

describe('a session is held to the policy it began with', () => {
  it('when the file is emptied, replaced or removed, and the record says so', async () => {
    expect([await call(), await call({ command: 'ls' })]).toEqual([2, 0]);
    writePolicy(project, { deny: [{ tool: 'Bash', pattern: 'new' }] });
    expect([await call(), await call({ command: 'new' }), await call({ command: 'ls' })]).toEqual([2, 2, 0]);
    rmSync(policyOf(project));
    expect([await call(), await call({ command: 'new' })]).toEqual([2, 0]);
    rmSync(dirname(policyOf(project)), { recursive: true });
    expect(await call()).toBe(2);
    expect(records().map(({ policyChange }) => policyChange)).toEqual([
      undefined,
      undefined,
      'changed',
      'changed',
      'changed',
      'removed',
      'removed',
      'removed',
    ]);
    expect(records().every((record) => decisionRecord.safeParse(record).success)).toBe(true);
    expect(decisionAttributes(decisionRecord.parse(records()[2]))).toMatchObject({
      'agentshield.policy.change': 'changed',
    });
  });

  it('a later session is held to the policy of its own start', async () => {
    await call();
    writePolicy(project, { deny: [] });
    expect([await call(), await call({ session: 's2' })]).toEqual([2, 0]);
  });

  it('with the lower of both rate limits, counted once', async () => {
    const read = (): Promise<number | null> => call({ tool: 'Read', command: 'x' });
    expect([await read(), await read()]).toEqual([0, 0]);
    writePolicy(project, { deny: [], rateLimit: { maxPerMinute: 1000, tools: ['Read'] } });
    expect([await read(), await read()]).toEqual([0, 2]);
  });

  it('by a copy that only its owner can read, for any session id, with an expiry', async () => {
    const folder = join(home, '.shieldwatch', 'sessions');
    for (const session of ['s1', '../../x', 'ä/b', 'x'.repeat(500)]) await call({ session });
    const names = readdirSync(folder);
    expect(names).toHaveLength(4);
    for (const name of names) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    utimesSync(join(folder, 's1.json'), 1, 1);
    await call({ session: 's5' });
    expect(readdirSync(folder)).toHaveLength(4);
    // A copy that cannot be read does not lift the policy.
    writeFileSync(join(folder, 's5.json'), '{');
    expect(await call({ session: 's5', command: 'ls' })).toBe(2);
  });

  it('until a person accepts the change', async () => {
    await call();
    writePolicy(project, { deny: [] });
    const folder = join(home, '.shieldwatch');
    expect(changedSessions(folder, project)).toEqual([
      { session: 's1.json', path: policyOf(project), what: 'has changed' },
    ]);
    expect(changedSessions(folder, join(home, 'elsewhere'))).toEqual([]);
    expect(acceptPolicies(folder, project)).toBe(1);
    expect([await call(), changedSessions(folder, project)]).toEqual([0, []]);
  });

  it('accepting needs a terminal and no agent', () => {
    expect(() => {
      refuseAgents({}, false);
    }).toThrow(/no terminal/);
    for (const name of ['CLAUDECODE', 'AI_AGENT', 'GEMINI_CLI', 'CODEX_SANDBOX_NETWORK_DISABLED', 'CODEX_THREAD_ID'])
      expect(() => {
        refuseAgents({ [name]: '1' }, true);
      }).toThrow(/an agent started this command/);
    refuseAgents({ PATH: '/bin' }, true);
    const cli = join(packageRoot(), 'dist', 'exporters', 'cli.js');
    expect(existsSync(cli)).toBe(true);
    const run = spawnSync(process.execPath, [cli, 'policy', 'accept'], {
      env: { PATH: process.env['PATH'], HOME: home },
      encoding: 'utf8',
    });
    expect([run.status, run.stderr]).toEqual([1, expect.stringContaining('no terminal to ask on')]);
  });
});

describe('the folder a call names', () => {
  const outside = (): string => {
    const folder = join(home, 'outside');
    mkdirSync(folder, { recursive: true });
    return folder;
  };

  it('loosens nothing: the policy of the agent’s start folder applies too', async () => {
    expect(await call({ cwd: outside() })).toBe(2);
    writePolicy(outside(), {});
    expect(await call({ cwd: outside(), session: 's2' })).toBe(2);
    writePolicy(outside(), { deny: [{ tool: 'Write' }] });
    expect(await call({ cwd: outside(), session: 's3', tool: 'Write' })).toBe(2);
  });

  it('loosens nothing by a .git, policy or link that the agent made below the project', async () => {
    const below = join(project, 'a', 'b');
    mkdirSync(join(below, '.git'), { recursive: true });
    writePolicy(below, {});
    symlinkSync(below, join(home, 'link'));
    for (const cwd of [below, join(home, 'link')]) expect(await call({ cwd, started: cwd, session: cwd })).toBe(2);
  });

  it('applies from where the session began', async () => {
    expect(await call({ started: outside(), command: 'ls' })).toBe(0);
    expect(await call({ started: outside(), cwd: outside() })).toBe(2);
    expect(await call({ started: outside(), cwd: outside(), session: 's2' })).toBe(0);
  });

  it.runIf(process.getuid?.() === 0)('ignores a policy above the repository that belongs to another user', async () => {
    writePolicy(join(home, 'work'), { deny: [{ tool: 'Bash', pattern: 'above' }] });
    expect(await call({ command: 'above' })).toBe(2);
    chownSync(policyOf(join(home, 'work')), 65_534, 65_534);
    expect(await call({ command: 'above', session: 's2' })).toBe(0);
  });
});

it('a shell command of a skill is judged as a call, answered for its event and recorded with it', async () => {
  const input = {
    session_id: 's',
    prompt_id: 'p',
    cwd: project,
    hook_event_name: 'PreSkillShellCommand',
    tool_name: 'Bash',
    tool_input: { command: 'forbidden' },
    tool_use_id: 'x',
    command_name: 'deploy',
    command_source: 'project',
    invoked_by: 'claude',
  };
  const { exitCode, stdout } = await hook.run(JSON.stringify(input), { HOME: home }, project);
  expect([exitCode, JSON.parse(stdout)]).toEqual([
    2,
    expect.objectContaining({
      hookSpecificOutput: expect.objectContaining({ hookEventName: 'PreSkillShellCommand' }) as unknown,
    }),
  ]);
  expect(records()[0]).toMatchObject({ tool: 'Bash', decision: 'block', hookEvent: 'PreSkillShellCommand' });
  expect(decisionAttributes(decisionRecord.parse(records()[0]))).toMatchObject({
    'agentshield.hook.event': 'PreSkillShellCommand',
  });
  expect(readFileSync(join(home, '.shieldwatch', 'sessions', 's.json'), 'utf8')).toContain('forbidden');
});
