/**
 * Pseudonyms of persons: `[REDACTED:email:<16 hexadecimal digits>]` and `[REDACTED:login:...]`. An address has the same
 * pseudonym everywhere within an organisation, and another one in another organisation. The collector's processor
 * implements the same in Go (pseudonyms.go), so both need the same secret.
 */
import { createHmac } from 'node:crypto';
import { domainToUnicode } from 'node:url';
import type { PersonalKind } from './redaction-personal.js';
import { redact, type Personal } from './redaction.js';

/** Environment variable with the path of the file that holds the secret; the gateway and the collector read it. */
export const PSEUDONYM_KEY_FILE_VARIABLE = 'SHIELDWATCH_PSEUDONYM_KEY_FILE';
/** Minimum characters of the secret. */
export const SHORTEST_PSEUDONYM_KEY = 32;

const LABEL = 'shieldwatch/pseudonym/v1';
const DIGITS = 16;
/** Maximum cached addresses; few addresses occur often. */
const MEMO_ENTRIES = 10_000;

/** Replacement without a secret: only the kind. */
export const masked: Personal = (kind) => `[REDACTED:${kind}]`;

/**
 * Creates the pseudonyms of one organisation. Its key is derived from the secret and its id, so there is nothing to
 * look up.
 */
export function createPseudonyms(secret: string, orgId: string): Personal {
  const key = createHmac('sha256', secret).update(`${LABEL}\0${orgId}`).digest();
  const memo = new Map<string, string>();
  return (kind, value) => {
    const known = memo.get(kind + value);
    if (known !== undefined) return known;
    const digest = createHmac('sha256', key)
      .update(`${kind}\0${kind === 'email' ? canonicalAddress(value) : canonicalLogin(value)}`)
      .digest('hex');
    const pseudonym = `[REDACTED:${kind}:${digest.slice(0, DIGITS)}]`;
    if (memo.size >= MEMO_ENTRIES) memo.clear();
    memo.set(kind + value, pseudonym);
    return pseudonym;
  };
}

/** Replaces the whole value of an attribute that names a person. */
export function redactIdentity(
  value: string,
  personal: Personal,
): { readonly text: string; readonly kind: PersonalKind | undefined } {
  const name = trimBlanks(value);
  if (name === '' || /^\[REDACTED:[^\]]*\]$/.test(name)) return { text: value, kind: undefined };
  let address: string | undefined;
  redact(name, (kind, found) => {
    if (kind === 'email') address ??= found;
    return '';
  });
  const kind = address === undefined ? 'login' : 'email';
  return { text: personal(kind, address ?? name), kind };
}

/**
 * Normalizes addresses that reach the same person to one spelling: ASCII lower case, without quotes, without `+tag`
 * (RFC 5233), with a decoded domain. Dots are kept, because only some providers ignore them.
 */
export function canonicalAddress(address: string): string {
  const at = address.lastIndexOf('@');
  const quoted = address.slice(0, at).replace(/^\\*"/, '').replace(/\\*"$/, '');
  const local = lowerAscii(quoted);
  const plus = local.indexOf('+');
  const domain = lowerAscii(address.slice(at + 1));
  return `${plus > 0 ? local.slice(0, plus) : local}@${domain.includes('xn--') ? domainToUnicode(domain) || domain : lowerEach(domain)}`;
}

const canonicalLogin = (login: string): string => lowerAscii(trimBlanks(login));

/** Trims ASCII blanks only, as in Go. */
const trimBlanks = (text: string): string => text.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '');

/**
 * Lower-cases each character separately, as in Go. JavaScript treats a final sigma by its word and turns `İ` into two
 * characters.
 */
const lowerEach = (text: string): string =>
  Array.from(text, (character) => (character === 'İ' ? 'i' : character.toLowerCase())).join('');

export const lowerAscii = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
