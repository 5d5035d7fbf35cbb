import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { buildHook, type BuiltHook } from '../testing/built-hook.js';
import { writeCodeCache } from './code-cache.js';

let hook: BuiltHook;
let project: string;

beforeEach(() => {
  hook = buildHook();
  project = mkdtempSync(join(tmpdir(), 'shieldwatch-cached-'));
  mkdirSync(join(project, '.agentshield'));
  writeFileSync(
    join(project, '.agentshield', 'runtime-policy.json'),
    '{"version":1,"deny":[{"tool":"Bash","pattern":"forbidden"}]}',
  );
});

const cacheFile = (): string =>
  join(dirname(hook.file), readdirSync(dirname(hook.file)).find((name) => name.endsWith('.cache')) ?? '');

async function verdicts(): Promise<unknown[]> {
  const call = (command: string): string =>
    JSON.stringify({
      session_id: 's',
      cwd: project,
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_input: { command },
    });
  const [denied, allowed] = [
    await hook.run(call('forbidden'), { HOME: project }),
    await hook.run(call('fine'), { HOME: project }),
  ];
  return [denied.exitCode, (JSON.parse(denied.stdout) as { decision: string }).decision, allowed];
}

const SAME = [2, 'block', { exitCode: 0, stdout: '', stderr: '' }];

it('the hook judges the same with and without compiled code', async () => {
  expect(await verdicts()).toEqual(SAME);
  expect(writeCodeCache(hook.file)).toBe(true);
  expect(cacheFile()).toContain(process.version);
  expect(await verdicts()).toEqual(SAME);
  // It left no decision of its own behind.
  expect(readdirSync(dirname(hook.file))).toHaveLength(3);
});

it('the hook judges the same with an empty, torn, foreign or missing cache', async () => {
  writeCodeCache(hook.file);
  const [file, whole] = [cacheFile(), readFileSync(cacheFile())];
  for (const bytes of [
    Buffer.alloc(0),
    whole.subarray(0, 10),
    whole.subarray(0, whole.length / 2),
    Buffer.alloc(whole.length),
    Buffer.from('x'.repeat(whole.length)),
  ]) {
    writeFileSync(file, bytes);
    expect(await verdicts()).toEqual(SAME);
  }
  rmSync(file);
  mkdirSync(file);
  expect(await verdicts()).toEqual(SAME);
});

it('is not made when the hook cannot run', () => {
  expect(writeCodeCache(join(project, 'missing.cjs'))).toBe(false);
});
