import { BOUNDED_KEYWORDS, FREE_KEYWORDS, NAME_KEYWORDS } from './redaction-keywords.js';
import { hasBoundary } from './redaction-text.js';

/** What is shorter is no secret of any rule. */
const SHORTEST = 6;

/** Twelve bytes of text in base64, in base64 of UTF-16, or in hexadecimal, at any alignment; the places of `redaction-encoded.ts`. */
const ENCODED = new RegExp(
  [
    '(?:[C-Za-f][AC-HQS-Xgi-nwyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){4}',
    '(?:[C-Za-f][AQgw][AB][A-Za-z0-9+/_-]A[A-H][AEIMQUYcgkosw048]A){4}',
    '(?:[02-7][0-9A-Fa-f]){12}',
  ].join('|'),
);

/**
 * False only where `redact()` would surely find nothing, which is true of most short texts. Costs far less than making
 * the scanner does: for a process that lives for a millisecond and looks at a few names.
 */
export function mayHoldSecret(text: string): boolean {
  if (text.length < SHORTEST) return false;
  // Beyond ASCII, lower case may have another length; escapes and forms are read twice, and lines of base64 joined.
  if (Buffer.byteLength(text) !== text.length || /[%\\&+\n\r]/.test(text)) return true;
  return holdsKeyword(text) || ENCODED.test(text);
}

function holdsKeyword(text: string): boolean {
  const lower = text.toLowerCase();
  const isIn = (keyword: string): boolean => lower.includes(keyword);
  if (FREE_KEYWORDS.some(isIn)) return true;
  // Nothing is assigned, and there is no user, without one of these.
  if (/[\s:=>,]/.test(text) && NAME_KEYWORDS.some(isIn)) return true;
  if (text.includes('@') && text.includes(':')) return true;
  return BOUNDED_KEYWORDS.some((keyword) => {
    for (let at = lower.indexOf(keyword); at !== -1; at = lower.indexOf(keyword, at + 1))
      if (hasBoundary(text, at)) return true;
    return false;
  });
}
