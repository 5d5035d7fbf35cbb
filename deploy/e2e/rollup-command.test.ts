import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseShard } from '#deploy/rollup-command.js';
import { runShieldwatch } from '../demo/run-cli.js';
import { startStackProcess, until, type RunningStack } from '../testing/stack.js';

let stack: RunningStack;
beforeAll(async () => {
  stack = await startStackProcess({ withCollector: false });
});
afterAll(() => stack.dispose());

const rollup = (...args: string[]) =>
  runShieldwatch(['rollup', ...args, '--data-dir', stack.dataDir], { cwd: stack.dataDir, env: {} });

describe('shieldwatch', () => {
  it('shows how current the series are, and explains a point from its facts', async () => {
    const timestamp = new Date().toISOString();
    const entry = (decision: string, i: number) => ({
      timestamp,
      tool: 'Bash',
      decision,
      durationMs: i,
      eventId: `e${i}`,
      ...(decision === 'block' ? { reason: 'denied' } : {}),
    });
    const entries = [entry('allow', 1), entry('block', 2), entry('allow', 3)];
    const token = await stack.token('ingest:runtime');
    // Twice, as a client that lost the answer would.
    for (let i = 0; i < 2; i++) {
      const answer = await fetch(`${stack.status.gateway}/v1/ingest/runtime`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ repository: 'acme/app', sessionId: 's', entries }),
      });
      expect(answer.status, await answer.text()).toBe(200);
    }
    const explain = async () =>
      JSON.parse((await rollup('explain', 'blocked_command_rate', 'acme/app', timestamp)).stdout) as {
        rows: unknown[];
        computed: { run: unknown }[];
        facts: unknown[];
      };
    // A pass writes its points first, and what it cost when all of it is done.
    const explained = await until('the point and its run are there', async () => {
      const explanation = await explain();
      return explanation.computed.some(({ run }) => run !== null) ? explanation : undefined;
    });
    expect(explained).toMatchObject({
      computed: [{ formula: 0, facts: 3, run: { cause: 'mark' } }],
      facts: [{ fact: 'runtime_event', count: 3, duplicatesIgnored: 3 }],
    });

    const status = await rollup('status', '--json');
    expect(status.code, status.stderr).toBe(0);
    expect(JSON.parse(status.stdout)).toContainEqual(
      expect.objectContaining({ series: 'blocked_command_rate', kind: 'interval', formula: 0, isShown: true }),
    );
    expect((await rollup('status')).stdout).toContain('finding_transition');
  });

  it('recomputes history with progress, reports no difference, and runs a pass on request', async () => {
    const backfill = await rollup('backfill', 'blocked_command_rate');
    expect(backfill.code, backfill.stderr).toBe(0);
    expect(backfill.stderr).toMatch(
      /^1 of 2: blocked_command_rate, \d{4}-\d\d: 1 buckets\n2 of 2: blocked_command_rate_day, \d{4}-\d\d: 1 buckets\n$/,
    );
    const reconcile = await rollup('reconcile');
    expect(reconcile.code, reconcile.stderr).toBe(0);
    expect(reconcile.stdout).toBe('0 buckets differed from their facts and have been marked\n');
    expect((await rollup('run')).code).toBe(0);
  });

  it('names what is wrong with its arguments', async () => {
    const wrong = async (...args: string[]) => {
      const { code, stderr } = await rollup(...args);
      expect(code).toBe(1);
      return stderr;
    };
    expect(await wrong('explain', 'nonsense', 'acme/app', '2026-11-20T10:00Z')).toMatch(
      /^series: .*blocked_command_rate/,
    );
    expect(await wrong('explain', 'coverage', 'acme/app', 'yesterday')).toBe(
      'bucket: not a time; expected ISO 8601, e.g. 2026-11-20T10:00Z\n',
    );
    expect(await wrong('backfill', 'nonsense')).toMatch(/^no data of a series nonsense; there is /);
    expect(await wrong('run', '--shard', '1/2')).toMatch(/^--shard is for workers of a named server/);
    for (const shard of ['0/2', '3/2', '1', 'a/b', '1/0'])
      expect(() => parseShard(shard), shard).toThrow('expected i/n');
    expect(parseShard('2/4')).toEqual({ index: 1, count: 4 });
  });

  it('deletes a repository after confirmation, and updates the series', async () => {
    const forget = (...args: string[]) =>
      runShieldwatch(['facts', 'delete', '--data-dir', stack.dataDir, ...args], { cwd: stack.dataDir, env: {} });
    expect((await forget('--yes')).stderr).toMatch(/^name what to forget/);
    expect((await forget('--repository', 'acme/app')).stderr).toMatch(/add --yes/);
    const deleted = await forget('--repository', 'acme/app', '--yes');
    expect(deleted.code, deleted.stderr).toBe(0);
    await until('the point is gone', async () => {
      const { stdout } = await rollup(
        'explain',
        'blocked_command_rate',
        'acme/app',
        new Date().toISOString(),
        '--grain',
        'week',
      );
      return (JSON.parse(stdout) as { rows: unknown[] }).rows.length === 0;
    });
  });
});
