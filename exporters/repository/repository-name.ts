import { basename, resolve } from 'node:path';
import { REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import { scrubText } from '../scrub.js';
import { remoteUrl } from './git-config.js';
import { findGitFolder, gitFolderName, readOptional, type GitFolder } from './git-folder.js';
import { remoteName } from './remote-name.js';

/** Longest name a record may carry. */
const MAX_LENGTH = 200;

/**
 * Full name of the repository that `folders` belong to: `SHIELDWATCH_REPOSITORY`, else the remote of the
 * first folder that is in a git repository, else that repository's folder, else what GitHub Actions or GitLab CI says,
 * else the last folder's own name.
 */
export function repositoryName(folders: readonly string[], env: NodeJS.ProcessEnv): string {
  const configured = claimed(env['SHIELDWATCH_REPOSITORY']);
  if (configured !== undefined) return configured;
  for (const folder of folders) {
    const name = remembered(folder);
    if (name !== undefined) return name;
  }
  return claimedByCi(env) ?? cleanRepositoryName(basename(resolve(folders.at(-1) ?? '.'))) ?? 'unknown';
}

/** A claimed name made fit for a record: scrubbed, without spaces, cut; undefined when it is no name. */
export function cleanRepositoryName(name: string): string | undefined {
  const scrubbed = scrubText(name, MAX_LENGTH);
  if (REPOSITORY_PATTERN.test(scrubbed)) return scrubbed;
  const clean = scrubbed.replace(/\s+/g, '-').replace(/\/+$/, '');
  return REPOSITORY_PATTERN.test(clean) ? clean : undefined;
}

function claimed(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : cleanRepositoryName(name);
}

function claimedByCi(env: NodeJS.ProcessEnv): string | undefined {
  if (env['GITHUB_ACTIONS'] === 'true') return claimed(env['GITHUB_REPOSITORY']);
  return env['GITLAB_CI'] === 'true' ? claimed(env['CI_PROJECT_PATH']) : undefined;
}

/** What is remembered of a folder, and for how long: a process that judges every call asks for the same few. */
const MEMORY_MS = 10_000;
const MEMORY_SIZE = 500;
const memory = new Map<string, { readonly name: string | undefined; readonly until: number }>();

function remembered(folder: string): string | undefined {
  const now = Date.now();
  const known = memory.get(folder);
  if (known !== undefined && known.until > now) return known.name;
  const git = findGitFolder(folder);
  const name = git === undefined ? undefined : nameOf(git);
  if (memory.size >= MEMORY_SIZE) memory.clear();
  memory.set(folder, { name, until: now + MEMORY_MS });
  return name;
}

function nameOf(git: GitFolder): string | undefined {
  return claimed(remoteOf(git)) ?? cleanRepositoryName(gitFolderName(git));
}

function remoteOf(git: GitFolder): string | undefined {
  const url = remoteUrl(readOptional(`${git.common}/config`) ?? '');
  return url === undefined ? undefined : remoteName(url);
}
