import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hookFile, NODE_OPTIONS } from './hook-command.js';
import { environment } from '../environment.js';

const TIME_LIMIT_MS = 10_000;

/**
 * Stores Node's compile cache for the hook in a file beside it, which saves each call a millisecond. The file is valid
 * for this Node only; another one, or one that cannot write the folder, compiles at each start.
 */
export function writeCodeCache(file = hookFile()): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'shieldwatch-cache-'));
  try {
    mkdirSync(join(folder, '.agentshield'));
    mkdirSync(join(folder, '.git'));
    writeFileSync(join(folder, '.git', 'config'), '[remote "origin"]\n\turl = https://github.com/acme/app.git\n');
    // A typical call, since only executed functions are compiled.
    const policy = {
      version: 1,
      deny: [{ tool: 'Bash', pattern: 'rm -rf /' }, { tool: 'mcp__*__write' }],
      rateLimit: { maxPerMinute: 60, tools: ['Bash'] },
    };
    writeFileSync(join(folder, '.agentshield', 'runtime-policy.json'), JSON.stringify(policy));
    const input = JSON.stringify({
      session_id: 'sample',
      prompt_id: 'sample',
      cwd: folder,
      hook_event_name: 'PreToolUse',
      tool_name: 'Bash',
      tool_input: { command: 'true' },
      tool_use_id: 'sample',
    });
    const env = { PATH: environment['PATH'] ?? '', HOME: folder };
    const run = (...args: string[]): boolean =>
      spawnSync(process.execPath, [...NODE_OPTIONS, file, ...args], { cwd: folder, env, input, timeout: TIME_LIMIT_MS })
        .status === 0;
    // The first run creates the spool.
    return run() && run('--write-code-cache');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
