import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildHook } from '../testing/built-hook.js';
import { spoolRecords } from '../testing/spool-lines.js';
import { fixedValues, hookCommand, type HookCommandOptions } from './hook-command.js';

let file: string;
let home: string;
let project: string;

beforeAll(() => {
  ({ file } = buildHook());
});

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'shieldwatch-command-'));
  project = join(home, 'project');
  mkdirSync(join(project, '.agentshield'), { recursive: true });
  writeFileSync(
    join(project, '.agentshield', 'runtime-policy.json'),
    JSON.stringify({ version: 1, deny: [{ tool: 'Bash', pattern: 'forbidden' }] }),
  );
});

const forbidden = (): string =>
  JSON.stringify({
    session_id: 's',
    cwd: project,
    hook_event_name: 'PreToolUse',
    tool_name: 'Bash',
    tool_input: { command: 'forbidden' },
    tool_use_id: 'toolu_1',
  });

/** Exit code of the installed command in an environment that the agent's settings have changed. */
function exitCode(options: HookCommandOptions, env: Record<string, string>): number | null {
  return spawnSync('sh', ['-c', hookCommand({ file, fixed: fixedValues({ HOME: home }, false), ...options })], {
    cwd: project,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env },
    input: forbidden(),
  }).status;
}

const ownSpool = (): string => join(home, '.shieldwatch', 'spool');

describe('the installed command', () => {
  it.each(['NODE_OPTIONS', 'LD_PRELOAD', 'LD_AUDIT', 'LD_LIBRARY_PATH', 'OPENSSL_CONF', 'NODE_COMPILE_CACHE'])(
    'starts the hook unchanged, for any value of %s',
    (name) => {
      const script = join(home, 'exit-0.cjs');
      writeFileSync(script, 'process.exit(0)');
      const value = name === 'NODE_OPTIONS' ? `--require=${script}` : script;
      // What affects the shell itself cannot be undone by the command: `status` reports it.
      const run = (env: Record<string, string>): number | null =>
        spawnSync(
          'sh',
          [
            '-c',
            `export ${Object.entries(env)
              .map(([key, text]) => `${key}=${text}`)
              .join(' ')}; ${hookCommand({ file, fixed: fixedValues({ HOME: home }, false) })}`,
          ],
          { cwd: project, env: { PATH: process.env['PATH'] ?? '', HOME: home }, input: forbidden() },
        ).status;
      expect(run({ [name]: value })).toBe(2);
    },
  );

  it('finds Node without PATH', () => {
    const { status } = spawnSync('/bin/sh', ['-c', hookCommand({ file, fixed: fixedValues({ HOME: home }, false) })], {
      cwd: project,
      env: { PATH: '/nowhere', HOME: home },
      input: forbidden(),
    });
    expect(status).toBe(2);
  });

  it.each(['block', 'continue'] as const)(
    'keeps home, spool, cap and repository in any environment (on failure: %s)',
    (onFailure) => {
      const elsewhere = join(home, 'elsewhere');
      const env = {
        HOME: elsewhere,
        SHIELDWATCH_HOME: elsewhere,
        SHIELDWATCH_SPOOL_DIR: elsewhere,
        SHIELDWATCH_SPOOL_MAX_MB: '1',
        SHIELDWATCH_REPOSITORY: 'acme/other',
      };
      const fixed = fixedValues({ HOME: home, SHIELDWATCH_REPOSITORY: 'acme/app' }, false);
      expect(exitCode({ onFailure, fixed }, env)).toBe(2);
      expect(existsSync(elsewhere)).toBe(false);
      expect(spoolRecords(ownSpool())).toMatchObject([{ repository: 'acme/app', decision: 'block' }]);
    },
  );

  it('asks the system for the home folder when installed for all users', () => {
    const command = hookCommand({
      file,
      fixed: fixedValues({ HOME: home, SHIELDWATCH_HOME: home, SHIELDWATCH_SPOOL_DIR: home }, true),
    });
    expect(command).toContain('--user-home');
    expect(command).not.toContain(home);
  });

  it('lets the environment make its mode stricter and never laxer', () => {
    // A policy that cannot be read allows in stock mode alone.
    writeFileSync(join(project, '.agentshield', 'runtime-policy.json'), '{');
    expect([
      exitCode({}, { SHIELDWATCH_POLICY_MODE: 'compat' }),
      exitCode({ mode: 'compat' }, {}),
      exitCode({ mode: 'compat' }, { SHIELDWATCH_POLICY_MODE: 'strict' }),
    ]).toEqual([2, 0, 2]);
  });

  it('quotes any path as one shell word', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', ' ', '"', "'", '$', '`', '\\', '(', ';', '&', '*', '\n', '$HOME', '$(id)'),
          minLength: 1,
        }),
        (name) => {
          const producers = `/nowhere/${name}`;
          const command = hookCommand({
            file: '/nowhere/hook.cjs',
            onFailure: 'continue',
            fixed: { home: { producers, user: '/' } },
          });
          const printed = spawnSync(
            'sh',
            [
              '-c',
              command.replace(
                /exec ".*?" --v8/,
                `exec "${process.execPath}" -e "process.stdout.write(process.argv[process.argv.indexOf('--home') + 1])" -- --v8`,
              ),
            ],
            { encoding: 'utf8' },
          ).stdout;
          expect(printed).toBe(producers);
        },
      ),
      { numRuns: 15 },
    );
  });
});
