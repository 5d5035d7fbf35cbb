import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readFile } from '../read-file.js';
import { localPath } from './local-path.js';
import { localName } from './remote-name.js';

/** Size limit of git's files in bytes: `packed-refs` of a very large repository has some megabytes. */
const MAX_GIT_FILE = 16 * 1024 * 1024;

/** A working tree and its shared git files. */
export interface GitFolder {
  /** Top of the working tree: the folder that contains `.git`. */
  readonly root: string;
  /** Folder with the repository's `config`; worktrees share that of their main repository. */
  readonly common: string;
}

/** Finds the working tree that contains `folder` by reading git's files: starting git costs more than a verdict. */
export function findGitFolder(folder: string): GitFolder | undefined {
  for (let dir = resolve(localPath(folder)); ; dir = dirname(dir)) {
    const common = commonFolder(`${dir}/.git`);
    if (common !== undefined) return { root: dir, common };
    if (dir === dirname(dir)) return undefined;
  }
}

/** Returns a name for a repository without a remote: its folder's, for a worktree that of the main repository. */
export function gitFolderName(git: GitFolder): string | undefined {
  return localName(basename(git.common) === '.git' ? dirname(git.common) : git.root);
}

function commonFolder(dotGit: string): string | undefined {
  if (existsSync(`${dotGit}/config`)) return dotGit;
  if (!existsSync(dotGit)) return undefined;
  if (statSync(dotGit).isDirectory()) return dotGit;
  const gitDir = /^gitdir: (.+)$/m.exec(readOptional(dotGit) ?? '')?.[1];
  if (gitDir === undefined) return undefined;
  const absolute = resolve(dirname(dotGit), localPath(gitDir.trim()));
  const shared = readOptional(join(absolute, 'commondir'))?.trim();
  return shared === undefined || shared === '' ? absolute : resolve(absolute, localPath(shared));
}

/** Returns the text of one of git's files; undefined if it does not exist or cannot be read. */
export function readOptional(path: string): string | undefined {
  try {
    return readFile(path, MAX_GIT_FILE);
  } catch {
    return undefined;
  }
}
