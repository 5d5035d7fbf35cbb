import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';

/** Creates a project with the demo's policy and a git remote. */
export async function writeProject(folder: string): Promise<string> {
  const project = join(folder, 'project');
  await mkdir(join(project, '.agentshield'), { recursive: true });
  await mkdir(join(project, '.git'));
  await writeFile(join(project, '.git', 'config'), '[remote "origin"]\n\turl = git@github.com:acme/app.git\n');
  const policy = JSON.parse(
    await readFile(join(packageRoot(), 'deploy', 'demo', 'runtime-policy.json'), 'utf8'),
  ) as object;
  // Counted, but too high to reach: a bench calls faster than any agent.
  const unlimited = { ...policy, rateLimit: { maxPerMinute: 1_000_000, tools: ['Bash', 'Write'] } };
  await writeFile(join(project, '.agentshield', 'runtime-policy.json'), JSON.stringify(unlimited));
  return project;
}

/** Returns AgentShield's own hook command, as its CLI installs it. */
export function installStockHook(project: string): string {
  const cli = join(packageRoot(), 'node_modules', 'ecc-agentshield', 'dist', 'index.js');
  const settings = join(project, '.claude', 'settings.json');
  mkdirSync(join(project, '.claude'), { recursive: true });
  writeFileSync(settings, '{}');
  execFileSync(process.execPath, [cli, 'runtime', 'install', '-p', project], { cwd: project, stdio: 'ignore' });
  const { hooks } = JSON.parse(readFileSync(settings, 'utf8')) as { hooks: { PreToolUse: { hook: string }[] } };
  return hooks.PreToolUse[0]?.hook ?? '';
}

/** Returns what Claude Code writes to a hook's standard input. */
export function hookInput(cwd: string, command = 'ls -la'): string {
  return JSON.stringify({
    session_id: '58cb0000-0000-4000-8000-000000000000',
    transcript_path: `${cwd}/transcript.jsonl`,
    cwd,
    prompt_id: 'bbc60000-0000-4000-8000-000000000000',
    permission_mode: 'default',
    effort: { level: 'medium' },
    hook_event_name: 'PreToolUse',
    tool_name: 'Bash',
    tool_input: { command, description: 'list files' },
    tool_use_id: 'toolu_01FAKE000000abcdefghij',
  });
}

/** Checks that the hook recorded every call, so that it cannot be fast by doing nothing. */
export function expectRecorded(spool: string, calls: number): void {
  const lines = readdirSync(spool)
    .filter((name) => name.endsWith('.ndjson'))
    .reduce((sum, name) => sum + readFileSync(join(spool, name), 'utf8').split('\n').length - 1, 0);
  if (lines !== calls) throw new Error(`the hook recorded ${String(lines)} of ${String(calls)} calls`);
}
