import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Packages = Readonly<Record<string, string>>;

/**
 * The agents' real clients, from npm into a cache outside the tree, for what is in this folder. Nothing of these packages
 * is part of the project. As a program (deploy/setup.mjs --for-tests) it installs these versions.
 */
export const AGENT_PACKAGES: Packages = {
  '@anthropic-ai/claude-code': '2.1.332',
  '@openai/codex': '0.171.0',
  '@google/gemini-cli': '0.61.0',
};

/** Folder of what tests download: outside the tree, and kept. */
export const CACHE_FOLDER =
  process.env['SHIELDWATCH_CACHE_DIR'] ||
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'shieldwatch');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Folder of a set of versions, installed or not. */
export function folderOf(packages: Packages): string {
  const key = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 12);
  return join(CACHE_FOLDER, `agents-${key}`);
}

/** Folder of the versions above. */
export const AGENTS_FOLDER = folderOf(AGENT_PACKAGES);

const done = (folder: string): string => join(folder, '.installed');

/** True when all are there; a half-finished installation is done again. */
export const areInstalled = (): boolean => existsSync(done(AGENTS_FOLDER));

/** Installs a set of versions. Their install scripts are not run: what is tested needs none of them. */
export function installAgents(packages = AGENT_PACKAGES): boolean {
  const folder = folderOf(packages);
  if (existsSync(done(folder))) return true;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: packages }));
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync(npm, args, { cwd: folder, stdio: ['ignore', 2, 2] });
  if (status === 0) writeFileSync(done(folder), '');
  return status === 0;
}

/** The newest versions that the registry has. */
export function newestPackages(): Packages {
  return Object.fromEntries(
    Object.keys(AGENT_PACKAGES).map((name) => {
      const { status, stdout } = spawnSync(npm, ['view', name, 'version'], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`npm does not tell the newest version of ${name}`);
      return [name, stdout.trim()];
    }),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = installAgents() ? 0 : 1;
