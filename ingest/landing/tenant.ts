import {
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
} from '#schemas/semconv.js';
import type { Caller } from '../auth/caller.js';
import { Scrubber } from './scrubber.js';

/** Stamps who sent it on resource attributes that have lost what the client said about that. */
export function stampTenant(attributes: Map<string, string>, caller: Caller): Map<string, string> {
  attributes.set(ATTR_TENANT_ORG_ID, caller.orgId);
  attributes.set(ATTR_TENANT_TOKEN_ID, caller.tokenId);
  attributes.set(ATTR_TENANT_RETENTION_DAYS, String(caller.retentionDays));
  if (caller.repository !== null) attributes.set(ATTR_TENANT_REPOSITORY, caller.repository);
  return attributes;
}

/** Takes out what this caller's organisation does not keep. */
export function createScrubber(caller: Caller, allowedKeys: readonly string[] = []): Scrubber {
  return new Scrubber({ keepContent: caller.keepContent === true, allowedKeys });
}
