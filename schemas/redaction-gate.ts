import { BOUNDED_KEYWORDS, FREE_KEYWORDS, NAME_KEYWORDS } from './redaction-keywords.js';
import { hasBoundary } from './redaction-text.js';

/** No rule matches anything shorter. */
const SHORTEST = 6;

/**
 * Twelve bytes of text in base64, in base64 of UTF-16, or in hexadecimal, at any alignment; the positions of
 * `redaction-encoded.ts`.
 */
const ENCODED = new RegExp(
  [
    '(?:[C-Za-f][AC-HQS-Xgi-nwyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){4}',
    '(?:[C-Za-f][AQgw][AB][A-Za-z0-9+/_-]A[A-H][AEIMQUYcgkosw048]A){4}',
    '(?:[02-7][0-9A-Fa-f]){12}',
  ].join('|'),
);

/**
 * Returns false only if `redact()` would find nothing, as in most short texts. Much cheaper than creating the scanner,
 * for a short-lived process that checks a few names.
 */
export function mayHoldSecret(text: string): boolean {
  if (text.length < SHORTEST) return false;
  // Beyond ASCII, lower-casing may change the length; escapes and forms are read twice, and lines of base64 are joined.
  if (Buffer.byteLength(text) !== text.length || /[%\\&+\n\r]/.test(text)) return true;
  return holdsKeyword(text) || ENCODED.test(text);
}

function holdsKeyword(text: string): boolean {
  const lower = text.toLowerCase();
  const isIn = (keyword: string): boolean => lower.includes(keyword);
  if (FREE_KEYWORDS.some(isIn)) return true;
  // Without one of these there is no assignment and no user.
  if (/[\s:=>,]/.test(text) && NAME_KEYWORDS.some(isIn)) return true;
  if (text.includes('@') && text.includes(':')) return true;
  return BOUNDED_KEYWORDS.some((keyword) => {
    for (let at = lower.indexOf(keyword); at !== -1; at = lower.indexOf(keyword, at + 1))
      if (hasBoundary(text, at)) return true;
    return false;
  });
}
