// Installs the agents' real clients from npm into a cache outside the tree, for the tests in this folder.
// Run by deploy/setup.mjs --for-tests; prints the folder. Nothing of these packages is part of the project.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const AGENT_PACKAGES = {
  '@anthropic-ai/claude-code': '2.1.332',
  '@openai/codex': '0.171.0',
  '@google/gemini-cli': '0.61.0',
};

const key = createHash('sha256').update(JSON.stringify(AGENT_PACKAGES)).digest('hex').slice(0, 12);
const cache = process.env.SHIELDWATCH_CACHE_DIR || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'shieldwatch');

/** Folder of this set of versions, installed or not. */
export const AGENTS_FOLDER = join(cache, `agents-${key}`);
const DONE = join(AGENTS_FOLDER, '.installed');

/** True when all are there; a half-finished installation is done again. */
export const areInstalled = () => existsSync(DONE);

/** Their install scripts are not run: what is tested needs none of them. */
export function installAgents() {
  if (areInstalled()) return true;
  mkdirSync(AGENTS_FOLDER, { recursive: true });
  writeFileSync(join(AGENTS_FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: AGENT_PACKAGES }));
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync(npm, args, { cwd: AGENTS_FOLDER, stdio: ['ignore', 2, 2] });
  if (status === 0) writeFileSync(DONE, '');
  return status === 0;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = installAgents() ? 0 : 1;
