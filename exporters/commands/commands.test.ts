import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import { registerProducerCommands } from './register.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { spoolLine } from '../testing/spool-lines.js';

let server: OtlpServer;
let root: string;
let stdout: string;
let stderr: string;

beforeEach(async () => {
  server = await OtlpServer.start();
  root = mkdtempSync(join(tmpdir(), 'shieldwatch-commands-'));
  vi.stubEnv('SHIELDWATCH_URL', server.url);
  vi.stubEnv('SHIELDWATCH_TOKEN', 'eccp_test');
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true));
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  await server.stop();
});

async function run(...args: string[]): Promise<void> {
  const program = new Command('shieldwatch').exitOverride();
  registerProducerCommands(program);
  await program.parseAsync(['node', 'shieldwatch', ...args]);
}

describe('shieldwatch scan', () => {
  it('prints a summary, sends, and exits as AgentShield did', async () => {
    cpSync(join(packageRoot(), 'deploy', 'demo', 'repos', 'risky'), join(root, 'risky'), { recursive: true });
    await run('scan', join(root, 'risky'), '--repository', 'acme/risky', '--min-severity', 'critical');
    expect(stdout).toContain('AgentShield Security Report');
    expect(stderr).toMatch(
      /acme\/risky: score \d+\/100, grade F \(AgentShield [\d.]+\)\n28 findings in 9 files: 28 critical, 0 high, .*\nsent to http:\/\/127\.0\.0\.1:\d+\n$/,
    );
    expect([process.exitCode, server.logRecords.length]).toEqual([2, 28]);
  });

  it('reports what was not sent', async () => {
    vi.stubEnv('SHIELDWATCH_TOKEN', '');
    await run('scan', root, '--repository', 'acme/empty');
    expect(stderr).toMatch(/acme\/empty: nothing scanned/);
    expect(stderr).toMatch(/warning: nothing scanned.*\nnothing was sent: no token \(SHIELDWATCH_TOKEN\)\n$/);
    expect([process.exitCode, server.requests.length]).toEqual([0, 0]);
  });

  it('passes options after -- to AgentShield', async () => {
    await expect(run('scan', root, '--', '--fix')).rejects.toThrow(/--fix is set by shieldwatch/);
  });
});

describe('shieldwatch ship', () => {
  it('sends the spool and prints how many records', async () => {
    writeFileSync(
      join(root, 'decisions-2099-01-01-000000.ndjson'),
      `${spoolLine(0)}${spoolLine(1, { decision: 'block' })}x\n`,
    );
    vi.stubEnv('SHIELDWATCH_SPOOL_DIR', root);
    await run('ship');
    expect(stdout).toBe('2 decisions sent from 1 files: 1 blocked, 1 allowed\n');
    expect(stderr).toBe('warning: 1 lines were not decisions and were skipped\n');
    expect(server.spans).toHaveLength(2);
  });

  it('requires a token', async () => {
    vi.stubEnv('SHIELDWATCH_TOKEN', '');
    await expect(run('ship')).rejects.toThrow(/^no token: set SHIELDWATCH_TOKEN/);
  });
});

describe('shieldwatch install', () => {
  beforeEach(() => {
    vi.stubEnv('HOME', root);
    // No agent is asked, even if one is installed here.
    vi.stubEnv('PATH', '/usr/bin:/bin');
  });

  it('requires full paths in --command, since an agent may shadow a name', async () => {
    for (const command of [
      'npx shieldwatch hook || exit 2',
      'node /opt/hook.cjs shieldwatch-hook',
      'exec shieldwatch hook',
      './hook shieldwatch-hook',
    ]) {
      await expect(run('install', 'claude-code', '--dir', root, '--yes', '--command', command)).rejects.toThrow(
        /does not begin with a full path/,
      );
    }
    await run(
      'install',
      'claude-code',
      '--dir',
      root,
      '--dry-run',
      '--command',
      'NODE_OPTIONS= "/usr/bin/node" "/opt/hook.cjs" shieldwatch-hook || exit 2',
    );
    expect(stdout).toContain('/opt/hook.cjs');
  });

  it('requires consent for --http in addition to --yes', async () => {
    await expect(run('install', 'claude-code', '--scope', 'user', '--http', '--yes')).rejects.toThrow(
      /any user of this machine may take its port.*--accept-http-risk/,
    );
  });
});

it('shieldwatch hook --help shows help and judges nothing', () => {
  for (const cli of ['deploy/cli.js', 'exporters/cli.js']) {
    const { status, stdout: help } = spawnSync(process.execPath, [join(packageRoot(), 'dist', cli), 'hook', '--help'], {
      encoding: 'utf8',
      input: '',
    });
    expect([status, help]).toEqual([0, expect.stringMatching(/--policy-mode[\s\S]*--user-home/)]);
  }
});
