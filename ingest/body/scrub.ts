import { redactText } from '#schemas/redaction.js';

/**
 * Text that may be stored: secrets replaced, control characters and broken surrogates made harmless, cut to
 * `maxLength`. The cut comes last, since a secret cut in half is not recognised any more.
 */
export function scrubText(text: string, maxLength: number): string {
  const printable = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').replace(/\p{Surrogate}/gu, '\ufffd');
  return redactText(printable).slice(0, maxLength).replace(/\p{Surrogate}/gu, '\ufffd').trim();
}
