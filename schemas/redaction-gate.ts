import { BOUNDED_KEYWORDS, FREE_KEYWORDS } from './redaction-keywords.js';

/** What is shorter is no secret of any rule. */
const SHORTEST = 6;

/**
 * False only where `redact()` would surely find nothing, which is true of most short texts. Costs far less than making
 * the scanner does: for a process that lives for a millisecond and looks at a few names.
 */
export function mayHoldSecret(text: string): boolean {
  if (text.length < SHORTEST) return false;
  // Beyond ASCII, lower case may have another length.
  if (Buffer.byteLength(text) !== text.length || text.includes('%')) return true;
  return holdsKeyword(text) || (text.match(/[\w+/-]{16,}/g) ?? []).some(mayDecodeToSecret);
}

/** The run decoded as `redaction-encoded.ts` does, by functions of Node's own. */
function mayDecodeToSecret(run: string): boolean {
  const decoded = Buffer.from(run, /^[\da-f]+$/i.test(run) ? 'hex' : 'base64').toString('latin1');
   
  return /^[^\0-\x08\x0b\x0c\x0e-\x1f\x7f]{12}/.test(decoded) && holdsKeyword(decoded);
}

function holdsKeyword(text: string): boolean {
  const lower = text.toLowerCase();
  for (const keyword of FREE_KEYWORDS) if (lower.includes(keyword)) return true;
  for (const keyword of BOUNDED_KEYWORDS) {
    for (let at = lower.indexOf(keyword); at !== -1; at = lower.indexOf(keyword, at + 1)) {
      if (at === 0 || !isAlphanumeric(lower.charCodeAt(at - 1))) return true;
    }
  }
  return false;
}

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 97 && code <= 122);
}
