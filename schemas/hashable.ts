import { masked } from './pseudonyms.js';
import { redactText } from './redaction.js';

/**
 * Returns text as it may go into a hash that is stored: without secrets and without persons. Such a hash has no key, so
 * what is short could be guessed from it.
 */
export function hashable(text: string): string {
  return redactText(text, masked);
}
