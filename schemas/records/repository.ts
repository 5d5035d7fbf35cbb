import { ATTR_VCS_OWNER_NAME, ATTR_VCS_REPOSITORY_NAME } from '../semconv.js';
import { hashOfId, idOf } from './ids.js';

/**
 * `owner/name` on github.com, `host/path` elsewhere, or a bare `name` for a folder without a remote. At most 200
 * characters, without white space and control characters.
 */
export const REPOSITORY_PATTERN = /^[^\s/\u0000-\u001f]+(?:\/[^\s/\u0000-\u001f]+)*$/;

/** Hosts whose repositories may differ by letter case only. */
const CASE_SENSITIVE_HOST = /^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)\//i;

/**
 * Returns the canonical name of a repository. ASCII letters become lower case, because hosts ignore case, except in the
 * path of {@link CASE_SENSITIVE_HOST} and in the bare name of a folder. `github.com/owner/name` becomes `owner/name`.
 * Landing converts names in OTLP in the same way (column `Repository`).
 */
export function canonicalRepository(fullName: string): string {
  const slash = fullName.indexOf('/');
  if (slash < 0) return fullName;
  const folded = foldCase(fullName);
  if (CASE_SENSITIVE_HOST.test(fullName)) return folded.slice(0, slash) + fullName.slice(slash);
  return /^github\.com\/[^/]+\/[^/]+$/.test(folded) ? folded.slice(slash + 1) : folded;
}

/**
 * Converts ASCII letters to lower case. Other letters stay, because the languages that fold names here disagree on
 * them.
 */
export function foldCase(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/**
 * Returns the resource attributes that name a repository: `vcs.owner.name` is everything before the last slash (GitLab
 * groups nest), `vcs.repository.name` the rest. Landing joins them to `owner/name`.
 */
export function repositoryAttributes(fullName: string): Record<string, string> {
  const slash = fullName.lastIndexOf('/');
  if (slash < 0) return { [ATTR_VCS_REPOSITORY_NAME]: fullName };
  return {
    [ATTR_VCS_OWNER_NAME]: fullName.slice(0, slash),
    [ATTR_VCS_REPOSITORY_NAME]: fullName.slice(slash + 1),
  };
}

/** Returns the API id of a repository. It is derived from its name, so that two gateways assign the same id. */
export function repositoryId(orgId: string, fullName: string): string {
  return idOf('repo', orgId, fullName);
}

/**
 * Returns a ClickHouse condition that a column holds the name of the repository with an id, for ids without a row in
 * Postgres. Parameters: `{orgId:String}` and `{idHash:String}`.
 */
export const IS_REPOSITORY_OF_ID = (column: string): string =>
  `lower(hex(substring(SHA256(concat({orgId:String}, '\\0', ${column})), 2, 16))) = {idHash:String}`;

/** Returns `{idHash:String}` of an id; undefined for ids that are not of a repository. */
export const repositoryIdHash = (id: string): string | undefined => hashOfId('repo', id);
