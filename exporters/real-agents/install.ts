import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

type Packages = Readonly<Record<string, string>>;

/**
 * Installs the agents' real clients from npm into a cache outside of the tree, for this folder's tests. They are not
 * part of the project. As a program (deploy/setup.mjs --for-tests) it installs these versions.
 */
export const AGENT_PACKAGES: Packages = {
  '@anthropic-ai/claude-code': '2.1.332',
  '@openai/codex': '0.171.0',
  '@google/gemini-cli': '0.61.0',
};

/** Folder of test downloads: outside of the tree, and kept. */
export const CACHE_FOLDER =
  process.env['SHIELDWATCH_CACHE_DIR'] ||
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'shieldwatch');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

/** Returns the folder of a set of versions, installed or not. */
export function folderOf(packages: Packages): string {
  const key = createHash('sha256').update(JSON.stringify(packages)).digest('hex').slice(0, 12);
  return join(CACHE_FOLDER, `agents-${key}`);
}

/** Folder of the versions above. */
export const AGENTS_FOLDER = folderOf(AGENT_PACKAGES);

const done = (folder: string): string => join(folder, '.installed');

/** Returns whether all are installed; an incomplete installation is repeated. */
export const areInstalled = (): boolean => existsSync(done(AGENTS_FOLDER));

/** Installs a set of versions, without their install scripts, which the tests do not need. */
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

/** Returns the newest versions in the registry. */
export function newestPackages(): Packages {
  return Object.fromEntries(
    Object.keys(AGENT_PACKAGES).map((name) => {
      const { status, stdout } = spawnSync(npm, ['view', name, 'version'], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`npm reports no newest version of ${name}`);
      return [name, stdout.trim()];
    }),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = installAgents() ? 0 : 1;
