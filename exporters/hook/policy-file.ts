import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readFile } from '../read-file.js';
import { PolicyError } from './policy.js';

// Paths are put together with slashes, which Windows takes too: `join` costs a hook more than reading the file.
const POLICY_PATH = '.agentshield/runtime-policy.json';

/** Bytes of a policy; ten thousand rules have one. */
const MAX_POLICY = 4 * 1024 * 1024;

/** A policy file that is there. */
export interface PolicyFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Text by path of every policy in one of `folders` or above it, up to the home folder where that is above, else to the
 * root. All of them apply: an agent that changes into a folder of its own making, with a `.git` or a policy in it, leaves
 * none behind. Above a git root only files of this user and of root count, since other users may write there.
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

/** The folders, and what they are where links lead to them. */
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

/** Whether a policy's folder is one of `folders` or above it. */
export function isPolicyOf(path: string, folders: readonly string[]): boolean {
  const folder = path.slice(0, -POLICY_PATH.length - 1) || '/';
  return withRealPaths(folders).some((it) => it === folder || folder === '/' || it.startsWith(`${folder}/`));
}

function isTrusted(path: string): boolean {
  const uid = statSync(path, { throwIfNoEntry: false })?.uid;
  return uid === undefined || uid === 0 || process.getuid === undefined || uid === process.getuid();
}

/** The one policy AgentShield's own hook looks at. */
export function readStockPolicy(cwd: string): PolicyFile[] {
  const path = `${resolve(cwd)}/${POLICY_PATH}`;
  const text = readPolicy(path);
  return text === undefined ? [] : [{ path, text }];
}

/** Undefined when there is no such file; a file that is there but cannot be read is an invalid policy. */
function readPolicy(path: string): string | undefined {
  try {
    // Most folders have none, and an error costs more than a look. What a look cannot see may yet be there.
    return existsSync(path) || statSync(path, { throwIfNoEntry: false }) !== undefined
      ? readFile(path, MAX_POLICY)
      : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new PolicyError(`the policy cannot be read (${code ?? 'unknown error'})`);
  }
}
