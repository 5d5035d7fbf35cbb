import { redactText } from '#schemas/redaction.js';

/**
 * Text that may leave the machine: secrets replaced by placeholders, control characters and broken
 * surrogates made harmless, cut to `maxLength` UTF-16 units. The cut comes last, since half a secret is
 * no longer recognised as one.
 */
export function scrubText(text: string, maxLength: number): string {
  const printable = text.replace(/[\u0000-\u001f\u007f]+/g, ' ');
  // UTF-8 has no half characters: what the cut left of one becomes U+FFFD.
  return Buffer.from(redactText(printable).slice(0, maxLength)).toString().trim();
}
