import { createHash } from 'node:crypto';
import { scrubText } from '#schemas/scrub.js';
import type { DenyRule } from './policy.js';

/**
 * Returns the identity of a rule as a UUID (version 8: from a hash), derived from what it denies: it stays when rules
 * are reordered or their reason is reworded. Scrubbed before hashing: a pattern may quote a secret, and a short one
 * could be guessed from the hash.
 */
export function ruleId(rule: Pick<DenyRule, 'tool' | 'pattern'>): string {
  const content = JSON.stringify([scrubText(rule.tool, 1000), scrubText(rule.pattern?.source ?? '', 10_000)]);
  const hex = createHash('sha256').update(content).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
