import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { spoolRecords } from './testing/spool-lines.js';

// What `npm run pack:producers` makes, installed by npm into an empty folder, away from this tree.

let folder: string;
let installed: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shieldwatch-package-'));
  const tarball = execFileSync(
    process.execPath,
    [join(packageRoot(), 'exporters', 'pack.mjs'), join(folder, 'package')],
    { encoding: 'utf8' },
  ).trim();
  mkdirSync(join(folder, 'empty'));
  folder = join(folder, 'empty');
  execFileSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  installed = join(folder, 'node_modules', 'shieldwatch-producers');
});

afterAll(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

function size(path: string): number {
  return readdirSync(path, { withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isDirectory() ? size(join(path, entry.name)) : statSync(join(path, entry.name)).size),
    0,
  );
}

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function shieldwatch(args: string[], options: { input?: string; env?: Record<string, string> } = {}): Run {
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, ...options.env };
  return spawnSync(join(folder, 'node_modules', '.bin', 'shieldwatch'), args, {
    cwd: folder,
    encoding: 'utf8',
    env,
    input: options.input ?? '',
  });
}

describe('the installable package', () => {
  it('depends on AgentShield alone and stays under its size limit', () => {
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(dependencies)).toEqual(['ecc-agentshield']);
    expect(size(installed)).toBeLessThan(2_200_000);
    const code = readdirSync(installed)
      .filter((name) => /js$/.test(name))
      .map((name) => readFileSync(join(installed, name), 'utf8'))
      .join('');
    expect(code).not.toMatch(/@clickhouse\/|fastify|pglite/i);
    // No path of the machine it was made on.
    expect(code).not.toContain(packageRoot());
  });

  it('scans', () => {
    cpSync(join(packageRoot(), 'deploy', 'demo', 'repos', 'risky'), join(folder, 'risky'), { recursive: true });
    const { status, stdout, stderr } = shieldwatch(['scan', 'risky', '--repository', 'acme/risky']);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/acme\/risky: score \d+\/100, grade F/)]);
    expect(stdout).toContain('AgentShield Security Report');
  });

  it('installs a hook that judges, and reports its status', () => {
    mkdirSync(join(folder, 'project'));
    const install = shieldwatch(['install', 'claude-code', '--dir', 'project', '--yes']);
    expect([install.status, install.stdout]).toEqual([
      0,
      expect.stringContaining('tried out: it blocks what a policy forbids'),
    ]);
    expect(shieldwatch(['install', 'claude-code', '--dir', 'project', '--yes']).stdout).toContain(
      'it is installed already',
    );
    expect(shieldwatch(['status', '--dir', 'project']).stdout).toMatch(
      /claude-code \(project, command hook\): judges as it should/,
    );
    const settings = JSON.parse(readFileSync(join(folder, 'project', '.claude', 'settings.json'), 'utf8')) as {
      hooks: { PreToolUse: { hooks: { command: string }[] }[] };
    };
    expect(settings.hooks.PreToolUse[0]?.hooks[0]?.command).toContain(join('shieldwatch-producers', 'hook.cjs'));
    expect(shieldwatch(['install', 'codex', '--dry-run']).stdout).toContain('+ [[hooks.PreToolUse.hooks]]');
    const refused = shieldwatch(['install', 'gemini-cli']);
    expect([refused.status, refused.stderr]).toEqual([
      1,
      expect.stringContaining('there is no terminal to ask on; say --yes'),
    ]);
    expect(shieldwatch(['uninstall', 'claude-code', '--dir', 'project', '--yes']).status).toBe(0);
    expect(shieldwatch(['status', '--dir', 'project']).stdout).toContain('no agent calls the hook');
  });

  it('judges through `shieldwatch hook`', () => {
    mkdirSync(join(folder, '.agentshield'), { recursive: true });
    writeFileSync(
      join(folder, '.agentshield', 'runtime-policy.json'),
      '{"version":1,"deny":[{"tool":"Bash","pattern":"forbidden"}]}',
    );
    const call = (command: string): string =>
      JSON.stringify({ hook_event_name: 'PreToolUse', cwd: folder, tool_name: 'Bash', tool_input: { command } });
    expect(shieldwatch(['hook'], { input: call('forbidden') }).status).toBe(2);
    expect(shieldwatch(['hook'], { input: call('fine') })).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(spoolRecords(join(folder, '.shieldwatch', 'spool')).map(({ decision }) => decision)).toEqual([
      'block',
      'allow',
    ]);
  });

  it('exports the libraries for GenAI agents and for scans', () => {
    cpSync(
      join(packageRoot(), 'node_modules', '@opentelemetry', 'api'),
      join(folder, 'node_modules', '@opentelemetry', 'api'),
      { recursive: true },
    );
    const script = `import { shieldwatch, wrapTool } from 'shieldwatch-producers/genai'; import { runScan } from 'shieldwatch-producers/scan';
      const processor = shieldwatch(); const tool = wrapTool(async (x) => x + 1, { name: 'add' });
      console.log(typeof processor.onEnd, await tool(1), typeof runScan);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', HOME: folder },
    });
    expect([stdout, stderr]).toEqual(['function 2 function\n', '']);
  });
});
