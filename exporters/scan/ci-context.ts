import type { PROVIDERS } from '#schemas/records/enums.js';
import type { ScanCi } from '#schemas/records/scan.js';
import { ciOfGithub, claims } from '#schemas/mapping/scan-body.js';
import { gitHead } from '../repository/git-head.js';

/** Where a scan ran, and on which commit. */
export interface CiContext {
  readonly provider: (typeof PROVIDERS)[number];
  readonly ci: ScanCi;
}

/**
 * Returns the values of GitHub Actions or GitLab CI in the environment, else those of git. The caller of the scan can
 * set all of them: they are claims.
 */
export function ciContext(folder: string, env: NodeJS.ProcessEnv): CiContext {
  if (env['GITHUB_ACTIONS'] === 'true') return { provider: 'github-actions', ci: github(env) };
  if (env['GITLAB_CI'] === 'true') return { provider: 'gitlab-ci', ci: gitlab(env) };
  const { revision, branch } = gitHead(folder);
  return {
    provider: 'local',
    ci: claims({ sha: revision, refName: branch, refType: branch === undefined ? undefined : 'branch' }),
  };
}

const github = (env: NodeJS.ProcessEnv): ScanCi =>
  ciOfGithub({
    sha: env['GITHUB_SHA'],
    ref: env['GITHUB_REF'],
    headRef: env['GITHUB_HEAD_REF'],
    runId: env['GITHUB_RUN_ID'],
    workflow: env['GITHUB_WORKFLOW'],
    job: env['GITHUB_JOB'],
    repository: env['GITHUB_REPOSITORY'],
    repositoryId: env['GITHUB_REPOSITORY_ID'],
    serverUrl: env['GITHUB_SERVER_URL'],
  });

function gitlab(env: NodeJS.ProcessEnv): ScanCi {
  return claims({
    sha: env['CI_COMMIT_SHA'],
    refName: env['CI_MERGE_REQUEST_SOURCE_BRANCH_NAME'] || env['CI_COMMIT_REF_NAME'],
    refType: env['CI_COMMIT_TAG'] ? 'tag' : 'branch',
    changeId: env['CI_MERGE_REQUEST_IID'],
    runId: env['CI_PIPELINE_ID'],
    runUrl: env['CI_PIPELINE_URL'],
    workflow: env['CI_PIPELINE_NAME'] || env['CI_PROJECT_NAME'],
    job: env['CI_JOB_NAME'],
    vcsProvider: 'gitlab',
    repositoryUrl: env['CI_PROJECT_URL'],
  });
}
