import { createHash } from 'node:crypto';
import { ATTR_VCS_OWNER_NAME, ATTR_VCS_REPOSITORY_NAME } from '../semconv.js';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

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
 * The id a repository has in the API: `repo_` and 26 Crockford base32 characters of
 * SHA-256(org id, NUL, full name). Made from what it is, so two gateways that see a repository for the
 * first time give it the same id.
 */
export function repositoryId(orgId: string, fullName: string): string {
  const digest = createHash('sha256').update(`${orgId}\0${fullName}`).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  let id = '';
  for (let i = 0; i < 26; i += 1) {
    id = CROCKFORD.charAt(Number(bits & 31n)) + id;
    bits >>= 5n;
  }
  return `repo_${id}`;
}
