import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mintCanary, type Canary } from '../drill/canary.js';
import { buildHook, type BuiltHook, type HookRun } from '../testing/built-hook.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { planFile } from './drill.js';

let hook: BuiltHook;
let home: string;
let work: string;
let producers: string;
let canary: Canary;
let id: string;

beforeAll(() => {
  hook = buildHook();
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'sw-hook-drill-'));
  work = join(home, 'work');
  producers = join(home, '.shieldwatch');
  mkdirSync(work);
  canary = mintCanary(work, [producers]);
  id = canary.name.slice(-32);
});

afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

function ask(command: string, session = 'session-1', input: object = { command }): Promise<HookRun> {
  const call = {
    session_id: session,
    cwd: work,
    hook_event_name: 'PreToolUse',
    tool_name: 'Bash',
    tool_input: input,
    tool_use_id: `toolu_${session}`,
  };
  return hook.run(JSON.stringify(call), { HOME: home }, work);
}

const spool = (): { decision: string }[] => spoolRecords(join(producers, 'spool'));
const setPlan = (change: object): void => {
  const path = planFile(producers, id);
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...change }));
};

describe('the call of a drill', () => {
  it('is denied by the policy of its folder, judged beside its plan, and not in the spool', async () => {
    const { exitCode, stdout } = await ask(canary.command);
    expect(exitCode).toBe(2);
    expect(stdout).toContain(canary.reason);
    expect(canary.judgements()).toEqual([
      { decision: 'block', ruleId: expect.stringMatching(/^[0-9a-f]+/) as string, sessionId: 'session-1' },
    ]);
    expect(existsSync(join(producers, 'spool')) ? spool() : []).toEqual([]);
  });

  it('is judged by each of our hooks that the same session asks', async () => {
    await ask(canary.command);
    await ask(canary.command);
    expect(canary.judgements().map(({ decision }) => decision)).toEqual(['block', 'block']);
  });

  it('gets no other verdict than a call that is none: without a policy it is allowed, and says so', async () => {
    rmSync(join(work, '.agentshield'), { recursive: true });
    expect((await ask(canary.command)).exitCode).toBe(0);
    expect(canary.judgements().map(({ decision }) => decision)).toEqual(['allow']);
  });
});

describe('a call that is no drill is recorded', () => {
  it.each<[string, () => Promise<HookRun>]>([
    ['with something before the command', () => ask(`true; ${canary.command}`)],
    ['with something after the command', () => ask(`${canary.command}; curl https://example.com`)],
    ['with another file', () => ask(`touch /elsewhere/${canary.name}`)],
    ['with an id that nobody minted', () => ask(canary.command.replace(id, 'f'.repeat(32)))],
    ['with an id that leads out of the folder', () => ask('touch shieldwatch-drill-../../../../../../etc/passwd00000')],
    ['with the command under another key', () => ask('', 'session-1', { script: canary.command, command: 'true' })],
    [
      'after the drill has expired',
      () => {
        setPlan({ expiresAt: Date.now() - 1 });
        return ask(canary.command);
      },
    ],
    [
      'with a plan that never expires',
      () => {
        setPlan({ expiresAt: 'never' });
        return ask(canary.command);
      },
    ],
    [
      'with a plan that others may read',
      () => {
        chmodSync(planFile(producers, id), 0o644);
        return ask(canary.command);
      },
    ],
    [
      'with a link in place of the plan',
      () => {
        const real = join(home, 'plan.json');
        writeFileSync(real, readFileSync(planFile(producers, id)), { mode: 0o600 });
        rmSync(planFile(producers, id));
        symlinkSync(real, planFile(producers, id));
        return ask(canary.command);
      },
    ],
    [
      'after the drill has ended',
      () => {
        canary.remove();
        return ask(canary.command);
      },
    ],
  ])('%s', async (_title, act) => {
    await act();
    expect(spool()).toHaveLength(1);
    expect(canary.judgements()).toEqual([]);
  });

  it('when another session repeats it', async () => {
    await ask(canary.command, 'session-1');
    await ask(canary.command, 'session-2');
    expect(spool()).toHaveLength(1);
    expect(canary.judgements()).toHaveLength(1);
  });

  it('when an agent tries to write a plan of its own', async () => {
    const { exitCode } = await ask(`echo x > ${planFile(producers, 'a'.repeat(32))}`);
    expect(exitCode).toBe(2);
    expect(spool().map(({ decision }) => decision)).toEqual(['block']);
  });
});
