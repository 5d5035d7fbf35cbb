import { resolve } from 'node:path';
import { canonicalRepository, REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import { scrubText } from '#schemas/scrub.js';
import { remoteUrl } from './git-config.js';
import { findGitFolder, gitFolderName, readOptional, type GitFolder } from './git-folder.js';
import { aliasesOf } from './host-alias.js';
import { localPath } from './local-path.js';
import { localName, remoteName } from './remote-name.js';
import { variable } from '../environment.js';

/** Longest name in a record. */
const MAX_LENGTH = 200;

/**
 * Returns the name of the repository that `folders` belong to: `SHIELDWATCH_REPOSITORY`, else the remote of the first
 * folder in a git repository, else that repository's folder, else the CI system's value, else the last folder's own
 * name.
 */
export function repositoryName(folders: readonly string[], env: NodeJS.ProcessEnv): string {
  const configured = claimed(variable(env, 'SHIELDWATCH_REPOSITORY'));
  if (configured !== undefined) return configured;
  for (const folder of folders) {
    const name = remembered(folder, env);
    if (name !== undefined) return name;
  }
  return claimed(ciRepository(env)) ?? claimed(localName(resolve(localPath(folders.at(-1) ?? '.')))) ?? 'unknown';
}

/**
 * Normalises a claimed name or remote URL for a record: scrubbed, without spaces, truncated, canonical; undefined if it
 * is not a name.
 */
export function cleanRepositoryName(name: string): string | undefined {
  const scrubbed = scrubText(name.includes('://') ? (remoteName(name) ?? '') : name, MAX_LENGTH);
  const clean = REPOSITORY_PATTERN.test(scrubbed) ? scrubbed : scrubbed.replace(/\s+/g, '-').replace(/\/+$/, '');
  return REPOSITORY_PATTERN.test(clean) ? canonicalRepository(clean) : undefined;
}

/** Returns the repository URL on the server that a GitHub job runs for; without a server github.com. */
export function githubUrl(server: string | undefined, repository: string): string {
  return `${server === undefined || server === '' ? 'https://github.com' : server}/${repository}`;
}

function claimed(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : cleanRepositoryName(name);
}

/** Returns the repository URL of a CI job: GitHub Actions, GitLab CI, Azure Pipelines, Bitbucket Pipelines. */
function ciRepository(env: NodeJS.ProcessEnv): string | undefined {
  if (env['GITHUB_ACTIONS'] === 'true')
    return env['GITHUB_REPOSITORY'] && githubUrl(env['GITHUB_SERVER_URL'], env['GITHUB_REPOSITORY']);
  if (env['GITLAB_CI'] === 'true') return env['CI_PROJECT_URL'] || env['CI_PROJECT_PATH'];
  if (env['TF_BUILD'] === 'True') return env['BUILD_REPOSITORY_URI'];
  return env['BITBUCKET_BUILD_NUMBER'] ? env['BITBUCKET_GIT_HTTP_ORIGIN'] : undefined;
}

/** Cache of repository names by folder, with a time to live. */
const MEMORY_MS = 10_000;
const MEMORY_SIZE = 500;
const memory = new Map<string, { readonly name: string | undefined; readonly until: number }>();

function remembered(folder: string, env: NodeJS.ProcessEnv): string | undefined {
  const now = Date.now();
  const known = memory.get(folder);
  if (known !== undefined && known.until > now) return known.name;
  const git = findGitFolder(folder);
  const name = git === undefined ? undefined : nameOf(git, env);
  if (memory.size >= MEMORY_SIZE) memory.clear();
  memory.set(folder, { name, until: now + MEMORY_MS });
  return name;
}

function nameOf(git: GitFolder, env: NodeJS.ProcessEnv): string | undefined {
  const url = remoteUrl(readOptional(`${git.common}/config`) ?? '');
  return claimed(url === undefined ? undefined : remoteName(url, aliasesOf(env))) ?? claimed(gitFolderName(git));
}
