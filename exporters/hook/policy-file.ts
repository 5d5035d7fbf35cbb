import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readFile } from '../read-file.js';
import { PolicyError } from './policy.js';

// Paths are joined with slashes, which Windows accepts too: `join` costs a hook more than reading the file.
const POLICY_PATH = '.agentshield/runtime-policy.json';

/** Maximum bytes of a policy; ten thousand rules have one. */
const MAX_POLICY = 4 * 1024 * 1024;

/** An existing policy file. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Returns the text by path of every policy in one of `folders` or a parent, up to the home folder if that is a parent,
 * else to the root. All of them apply: an agent cannot escape by changing into a new folder with a `.git` or a policy
 * in it. Above a git root only files of this user and of root count, since other users may write there.
 */
export function readPolicies(folders: readonly string[], homeDir: string): Map<string, string> {
  const home = homeDir === '' ? '' : resolve(homeDir);
  const texts = new Map<string, string>();
  const seen = new Set<string>();
  for (const start of withRealPaths(folders)) {
    let isAboveGit = false;
    for (let dir = start; !seen.has(dir); dir = dirname(dir)) {
      seen.add(dir);
      const path = `${dir === '/' ? '' : dir}/${POLICY_PATH}`;
      const text = isAboveGit && !isTrusted(path) ? undefined : readPolicy(path);
      if (text !== undefined) texts.set(path, text);
      if (dir === home) break;
      isAboveGit ||= existsSync(`${dir}/.git`);
    }
  }
  return texts;
}

/** Returns the folders, and their real paths. */
function withRealPaths(folders: readonly string[]): string[] {
  const all = new Set<string>();
  for (const folder of folders) {
    const plain = resolve(folder);
    if (all.has(plain)) continue;
    all.add(plain);
    try {
      all.add(realpathSync.native(plain));
    } catch {
      // Not there.
    }
  }
  return [...all];
}

/** Returns whether a policy's folder is one of `folders` or a parent. */
export function isPolicyOf(path: string, folders: readonly string[]): boolean {
  const folder = path.slice(0, -POLICY_PATH.length - 1) || '/';
  return withRealPaths(folders).some((it) => it === folder || folder === '/' || it.startsWith(`${folder}/`));
}

function isTrusted(path: string): boolean {
  const uid = statSync(path, { throwIfNoEntry: false })?.uid;
  return uid === undefined || uid === 0 || process.getuid === undefined || uid === process.getuid();
}

/** Returns the one policy that AgentShield's own hook reads. */
export function readStockPolicy(cwd: string): PolicyFile[] {
  const path = `${resolve(cwd)}/${POLICY_PATH}`;
  const text = readPolicy(path);
  return text === undefined ? [] : [{ path, text }];
}

/** Undefined if the file does not exist; an existing but unreadable file is an invalid policy. */
function readPolicy(path: string): string | undefined {
  try {
    // Most folders have none, and an error costs more than a check. A file that the check cannot see may still
    // exist.
    return existsSync(path) || statSync(path, { throwIfNoEntry: false }) !== undefined
      ? readFile(path, MAX_POLICY)
      : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new PolicyError(`the policy cannot be read (${code ?? 'unknown error'})`);
  }
}
