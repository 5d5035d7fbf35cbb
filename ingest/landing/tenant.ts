import {
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
} from '#schemas/semconv.js';
import { createPseudonyms, masked } from '#schemas/pseudonyms.js';
import type { Caller } from '../auth/caller.js';
import { Scrubber } from './scrubber.js';

/** Sets the tenant attributes, after those that the client sent were removed. */
export function stampTenant(attributes: Map<string, string>, caller: Caller): Map<string, string> {
  attributes.set(ATTR_TENANT_ORG_ID, caller.orgId);
  attributes.set(ATTR_TENANT_TOKEN_ID, caller.tokenId);
  attributes.set(ATTR_TENANT_RETENTION_DAYS, String(caller.retentionDays));
  if (caller.repository !== null) attributes.set(ATTR_TENANT_REPOSITORY, caller.repository);
  return attributes;
}

/** Settings of the operator that affect what is stored. */
export interface LandingSettings {
  /** Additional allowed attribute keys (schemas/attribute-keys.ts). */
  readonly allowedKeys: readonly string[];
  /** Secret from which pseudonyms are derived (schemas/pseudonyms.ts); without it personal data is masked. */
  readonly pseudonymKey?: string | undefined;
}

/** Creates the scrubber for a caller's organisation. */
export function createScrubber(caller: Caller, { allowedKeys, pseudonymKey }: LandingSettings): Scrubber {
  const pseudonyms = pseudonymKey === undefined ? masked : createPseudonyms(pseudonymKey, caller.orgId);
  return new Scrubber({
    keepContent: caller.keepContent === true,
    allowedKeys,
    personal: caller.keepIdentities === true ? undefined : pseudonyms,
  });
}
