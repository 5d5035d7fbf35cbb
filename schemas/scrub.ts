import { mayHoldSecret } from './redaction-gate.js';
import { redactText } from './redaction.js';

/**
 * Returns text that may leave the machine: secrets replaced, control characters and unpaired surrogates neutralised,
 * cut to `maxLength` UTF-16 units. Truncates last, because half a secret would not be recognised.
 */
export function scrubText(text: string, maxLength: number): string {
  if (isClean(text)) return text.slice(0, maxLength).trim();
  const printable = redactText(text).replace(/[\u0000-\u001f\u007f]+/g, ' ');
  // UTF-8 cannot encode half a surrogate pair: what truncation left of one becomes U+FFFD.
  return Buffer.from(printable.slice(0, maxLength)).toString().trim();
}

/** Applies {@link scrubText} to several short texts, most of which need only one check. */
export function scrubTexts(texts: readonly string[], maxLength: number): string[] {
  const areClean = isClean(texts.join(' '));
  return texts.map((text) => (areClean ? text.slice(0, maxLength).trim() : scrubText(text, maxLength)));
}

/**
 * Returns true for printable ASCII that cannot contain a secret, as most names: the hook has no time to load the engine
 * for those. JSON.stringify leaves printable characters unchanged, except two. Uses native functions, because in a new
 * process a loop over characters takes a microsecond for two.
 */
function isClean(text: string): boolean {
  return JSON.stringify(text).length === text.length + 2 && !text.includes('\u007f') && !mayHoldSecret(text);
}
