import { ATTR_VCS_OWNER_NAME, ATTR_VCS_REPOSITORY_NAME } from '../semconv.js';
import { hashOfId, idOf } from './ids.js';

/** `owner/name`, or a bare `name` for a folder without a remote; at most 200 characters, no control characters. */
export const REPOSITORY_PATTERN = /^[^\s/\u0000-\u001f]+(?:\/[^\s/\u0000-\u001f]+)*$/;

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
export const IS_REPOSITORY_OF_ID = (column: string): string => `lower(hex(substring(SHA256(concat({orgId:String}, '\\0', ${column})), 2, 16))) = {idHash:String}`;

/** `{idHash:String}` of an id; undefined: it is the id of no repository. */
export const repositoryIdHash = (id: string): string | undefined => hashOfId('repo', id);
