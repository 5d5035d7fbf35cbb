import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { findGitFolder, readOptional } from './git-folder.js';
import { localPath } from './local-path.js';

/** The checked-out commit and branch. */
export interface GitHead {
  /** Commit id; undefined before the first commit. */
  readonly revision: string | undefined;
  /** Undefined if no branch is checked out. */
  readonly branch: string | undefined;
}

/** Reads the repository's own files, worktrees and packed refs included, without starting git. */
export function gitHead(folder: string): GitHead {
  const git = findGitFolder(folder);
  if (git === undefined) return { revision: undefined, branch: undefined };
  const head = readOptional(join(ownFolder(git.root), 'HEAD'))?.trim() ?? '';
  const ref = /^ref: (refs\/.+)$/.exec(head)?.[1];
  if (ref === undefined) return { revision: commitId(head), branch: undefined };
  const packed = readOptional(join(git.common, 'packed-refs'))
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  const loose = readOptional(join(git.common, ref)) ?? readOptional(join(ownFolder(git.root), ref));
  return {
    revision: commitId(loose?.trim() ?? packed?.split(' ')[0] ?? ''),
    branch: /^refs\/heads\/(.+)$/.exec(ref)?.[1],
  };
}

/** A worktree has its own HEAD, in the folder that its `.git` file names. */
function ownFolder(root: string): string {
  const dotGit = join(root, '.git');
  if (statSync(dotGit).isDirectory()) return dotGit;
  const named = /^gitdir: (.+)$/m.exec(readOptional(dotGit) ?? '')?.[1];
  return named === undefined ? dotGit : resolve(dirname(dotGit), localPath(named.trim()));
}

function commitId(text: string): string | undefined {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text) ? text : undefined;
}
