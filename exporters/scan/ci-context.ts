import type { ScanCi } from '#schemas/records/scan.js';
import { gitHead } from '../repository/git-head.js';
import { scrubText } from '../scrub.js';

/** Where a scan ran, and on which state of the repository. */
export interface CiContext {
  readonly provider: 'github-actions' | 'gitlab-ci' | 'local';
  readonly ci: ScanCi;
}

/**
 * What GitHub Actions or GitLab CI say in the environment, else what git says of the folder. All of it can
 * be set by whoever runs the scan: it is a claim.
 */
export function ciContext(folder: string, env: NodeJS.ProcessEnv): CiContext {
  if (env['GITHUB_ACTIONS'] === 'true') return { provider: 'github-actions', ci: present(github(env)) };
  if (env['GITLAB_CI'] === 'true') return { provider: 'gitlab-ci', ci: present(gitlab(env)) };
  const { revision, branch } = gitHead(folder);
  return { provider: 'local', ci: present({ sha: revision, refName: branch, refType: branch === undefined ? undefined : 'branch' }) };
}

type Claims = Record<keyof ScanCi, string | undefined>;

function github(env: NodeJS.ProcessEnv): Partial<Claims> {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, GITHUB_REF: ref } = env;
  const url = server !== undefined && repository !== undefined ? `${server}/${repository}` : undefined;
  return {
    sha: env['GITHUB_SHA'],
    // The head of a pull request where it is one: GITHUB_REF_NAME is then `<number>/merge`.
    refName: env['GITHUB_HEAD_REF'] || env['GITHUB_REF_NAME'],
    refType: env['GITHUB_REF_TYPE'],
    changeId: /^refs\/pull\/(\d+)\//.exec(ref ?? '')?.[1],
    runId: run,
    runUrl: url !== undefined && run !== undefined ? `${url}/actions/runs/${run}` : undefined,
    workflow: env['GITHUB_WORKFLOW'],
    job: env['GITHUB_JOB'],
    vcsProvider: 'github',
    repositoryUrl: url,
  };
}

function gitlab(env: NodeJS.ProcessEnv): Partial<Claims> {
  return {
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
  };
}

/** Scrubbed, without what is empty. */
function present(claims: Partial<Claims>): ScanCi {
  const entries = (Object.entries(claims) as [string, string | undefined][]).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, scrubText(value, 300)] as const]));
  return Object.fromEntries(entries);
}
