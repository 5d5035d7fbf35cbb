import { ATTR_VCS_OWNER_NAME, ATTR_VCS_REPOSITORY_NAME } from '../semconv.js';
import { hashOfId, idOf } from './ids.js';

/**
 * `owner/name` on github.com, `host/path` elsewhere, or a bare `name` for a folder without a remote; at most 200
 * characters, no white space, no control characters.
 */
export const REPOSITORY_PATTERN = /^[^\s/\u0000-\u001f]+(?:\/[^\s/\u0000-\u001f]+)*$/;

/** Hosts on which two repositories may differ by letter case alone. */
const CASE_SENSITIVE_HOST = /^([^/]+[.])?(googlesource[.]com|amazonaws[.]com|sr[.]ht|kernel[.]org)\//i;

/**
 * The one name of a repository. ASCII letters are folded to lower case, since the hosts fold them, except in the path of
 * {@link CASE_SENSITIVE_HOST} and in a bare name, which is a folder's. `github.com/owner/name` becomes `owner/name`.
 * Landing does the same to what OTLP claims (its column `Repository`).
 */
export function canonicalRepository(fullName: string): string {
  const slash = fullName.indexOf('/');
  if (slash < 0) return fullName;
  const folded = foldCase(fullName);
  if (CASE_SENSITIVE_HOST.test(fullName)) return folded.slice(0, slash) + fullName.slice(slash);
  return /^github\.com\/[^/]+\/[^/]+$/.test(folded) ? folded.slice(slash + 1) : folded;
}

/** ASCII letters in lower case; other letters stay, since the languages that fold names here disagree on them. */
export function foldCase(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}

/**
 * Resource attributes that name a repository: `vcs.owner.name` holds all before the last slash (GitLab
 * groups nest), `vcs.repository.name` the rest. Landing joins them again to `owner/name`.
 */
export function repositoryAttributes(fullName: string): Record<string, string> {
  const slash = fullName.lastIndexOf('/');
  if (slash < 0) return { [ATTR_VCS_REPOSITORY_NAME]: fullName };
  return {
    [ATTR_VCS_OWNER_NAME]: fullName.slice(0, slash),
    [ATTR_VCS_REPOSITORY_NAME]: fullName.slice(slash + 1),
  };
}

/**
 * The id a repository has in the API. Made from what it is, so two gateways that see a repository for the
 * first time give it the same id.
 */
export function repositoryId(orgId: string, fullName: string): string {
  return idOf('repo', orgId, fullName);
}

/**
 * Condition of ClickHouse that a column holds the full name of the repository with an id: for ids that no row of Postgres
 * names yet. `{orgId:String}` and `{idHash:String}` are its parameters.
 */
export const IS_REPOSITORY_OF_ID = (column: string): string =>
  `lower(hex(substring(SHA256(concat({orgId:String}, '\\0', ${column})), 2, 16))) = {idHash:String}`;

/** `{idHash:String}` of an id; undefined: it is the id of no repository. */
export const repositoryIdHash = (id: string): string | undefined => hashOfId('repo', id);
