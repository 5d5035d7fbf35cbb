import { masked } from './pseudonyms.js';
import { redactText } from './redaction.js';

/**
 * Returns text that may be part of a stored hash: without secrets and personal data. The hash has no key, so short
 * values could be guessed from it.
 */
export function hashable(text: string): string {
  return redactText(text, masked);
}
