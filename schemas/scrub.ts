import { mayHoldSecret } from './redaction-gate.js';
import { redactText } from './redaction.js';

/**
 * Text that may leave the machine: secrets replaced by placeholders, control characters and broken
 * surrogates made harmless, cut to `maxLength` UTF-16 units. The cut comes last, since half a secret is
 * no longer recognised as one.
 */
export function scrubText(text: string, maxLength: number): string {
  if (isClean(text)) return text.slice(0, maxLength).trim();
  const printable = redactText(text).replace(/[\u0000-\u001f\u007f]+/g, ' ');
  // UTF-8 has no half characters: what the cut left of one becomes U+FFFD.
  return Buffer.from(printable.slice(0, maxLength)).toString().trim();
}

/** {@link scrubText} of several short texts, which mostly need but one look. */
export function scrubTexts(texts: readonly string[], maxLength: number): string[] {
  const areClean = isClean(texts.join(' '));
  return texts.map((text) => (areClean ? text.slice(0, maxLength).trim() : scrubText(text, maxLength)));
}

/**
 * Printable ASCII that surely holds no secret: most names, and the hook has no time to make the engine for those.
 * JSON leaves what is printable as it is, but for two characters. Told by functions of Node's own: a loop over
 * characters takes a process that has just started a microsecond for two.
 */
function isClean(text: string): boolean {
  return JSON.stringify(text).length === text.length + 2 && !text.includes('\u007f') && !mayHoldSecret(text);
}
