import {
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
} from '#schemas/semconv.js';
import { createPseudonyms, masked } from '#schemas/pseudonyms.js';
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

/** What the operator decides of what is stored. */
export interface LandingSettings {
  /** Attribute keys that the operator allows besides ours (schemas/attribute-keys.ts). */
  readonly allowedKeys: readonly string[];
  /** The secret that pseudonyms of persons are made from (schemas/pseudonyms.ts); absent: they are masked. */
  readonly pseudonymKey?: string | undefined;
}

/** Takes out what this caller's organisation does not keep. */
export function createScrubber(caller: Caller, { allowedKeys, pseudonymKey }: LandingSettings): Scrubber {
  const pseudonyms = pseudonymKey === undefined ? masked : createPseudonyms(pseudonymKey, caller.orgId);
  return new Scrubber({
    keepContent: caller.keepContent === true,
    allowedKeys,
    personal: caller.keepIdentities === true ? undefined : pseudonyms,
  });
}
