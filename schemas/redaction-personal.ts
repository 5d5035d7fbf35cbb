/**
 * Finds personal data in text: e-mail addresses, and login names in paths of home folders. The collector's processor
 * implements the same in Go (personal.go); both are tested with `redaction-personal.vectors.json`.
 */
import type { RedactionRule } from './redaction-rules.js';
import {
  BACKSLASH,
  hasBoundary,
  isAlphanumeric,
  isDigit,
  isHexDigit,
  isLetter,
  isNameCharacter,
  isQuote,
  isWordAt,
  setOf,
} from './redaction-text.js';
import { VOCABULARY } from './redaction-vocabulary.js';

export type PersonalKind = 'email' | 'login';

/** Called with the range `[start, end)` of personal data and its value: an address or a login name. */
export type TakePersonal = (start: number, end: number, value: string) => void;

/** Ordered after all other rules, because a secret takes precedence. */
export const PERSONAL_RULES: readonly (RedactionRule & { readonly name: PersonalKind })[] = [
  {
    name: 'email',
    keywords: ['@'],
    reads: 'address',
    stock:
      "[A-Za-z0-9._%+'-]{1,64}(?:@|%40|\\\\u0040|&#64;|&#x40;|&commat;)(?:[A-Za-z0-9-]{1,63}\\.){1,8}[A-Za-z]{2,24}",
  },
  {
    name: 'login',
    keywords: ['/home/', '/users/', '\\users\\', '/projects/-home-', '/projects/-users-'],
    reads: 'login',
    stock: '(?:/home/|/Users/|\\\\[Uu]sers\\\\{1,4}|%2Fhome%2F|%2FUsers%2F)[A-Za-z0-9._-]{1,64}',
  },
];

const serviceUsers = new Set(VOCABULARY.service_users);
const sharedLogins = new Set(VOCABULARY.shared_logins);
const fileEnds = new Set(VOCABULARY.file_ends);
const homesBelow = new Set(VOCABULARY.homes_below);

/** Maximum characters of a local part, of a domain, and of a login name. */
const LONGEST_LOCAL = 256;
const LONGEST_QUOTED_LOCAL = 64;
const LONGEST_DOMAIN = 253;
const LONGEST_LOGIN = 64;
/** Maximum characters of an escape before a local part, such as `u003c`. */
const LONGEST_ESCAPE = 12;
/** Maximum characters searched in the path after `user@host:`, and in a URL's authority for another `@`. */
const LONGEST_LOOK = 200;
/** Replacement for an escaped character beyond ASCII. */
const UNKNOWN_CHARACTER = 0xfffd;
/** From this code on, scripts have no blanks between words, so a word may directly precede an address. */
const FIRST_CJK = 0x2e80;
const QUOTE = 34;

/**
 * Returns whether the code is a letter or digit beyond ASCII, by stable Unicode blocks without punctuation, symbols or
 * emoji.
 */
function isWide(code: number): boolean {
  if (code < 0xaa) return false;
  return (
    code === 0xaa ||
    code === 0xb5 ||
    code === 0xba ||
    (code >= 0xc0 && code < 0x2000 && code !== 0xd7 && code !== 0xf7) ||
    (code >= 0x2c00 && code < 0x2e00) ||
    (code >= 0x3040 && code < 0xd800) ||
    (code >= 0xf900 && code < 0xfe00) ||
    (code >= 0xfe70 && code < 0xfeff) ||
    (code >= 0xff10 && code < 0xff1a) ||
    (code >= 0xff21 && code < 0xff3b) ||
    (code >= 0xff41 && code < 0xff5b) ||
    (code >= 0xff66 && code < 0xffdd) ||
    code === UNKNOWN_CHARACTER ||
    (code >= 0x10000 && code < 0x1f000) ||
    (code >= 0x20000 && code < 0x40000)
  );
}

/** Returns the character that ends at `at`. Half a surrogate pair counts as unknown, as in Go. */
function characterBefore(text: string, at: number): number {
  const last = text.charCodeAt(at - 1);
  if (last < 0xd800 || last > 0xdfff) return last;
  const whole = last >= 0xdc00 && at > 1 ? (text.codePointAt(at - 2) ?? last) : last;
  return whole > 0xffff ? whole : UNKNOWN_CHARACTER;
}

function characterAt(text: string, at: number): number {
  const code = text.codePointAt(at) ?? 0;
  return code >= 0xd800 && code <= 0xdfff ? UNKNOWN_CHARACTER : code;
}

const width = (code: number): number => (code > 0xffff ? 2 : 1);

/**
 * Reads the address around the `@` at `at`. For a repository remote (`ssh://alice@host/x`, `alice@host:x/y`) the user
 * and the `@` are reported. Not addresses: `git@host`, a package with its version (`@scope/name@1.2.3`), a file, a
 * unit, and names without a dot.
 */
export function readAddress(text: string, at: number, take: TakePersonal): void {
  const start = localStart(text, at);
  if (start >= at || serviceUsers.has(text.slice(start, at).toLowerCase())) return;
  const end = domainEnd(text, at + 1);
  if (end === -1) return;
  take(start, isRemote(text, start, end) ? at + 1 : end, text.slice(start, end));
}

/** Returns the start of the local part that ends at `at`; `at` if there is none. */
function localStart(text: string, at: number): number {
  if (text.charCodeAt(at - 1) === QUOTE) return quotedStart(text, at - 1);
  let start = at;
  const isCjk = characterBefore(text, at) >= FIRST_CJK;
  for (let count = 0; start > 0 && count < LONGEST_LOCAL; count++) {
    const code = characterBefore(text, start);
    const isPart =
      isAlphanumeric(code) ||
      code === 46 ||
      code === 95 ||
      code === 43 ||
      code === 45 ||
      // An apostrophe within a word, as in o'brien.
      (code === 39 &&
        start < at &&
        isAlphanumeric(text.charCodeAt(start)) &&
        isAlphanumeric(text.charCodeAt(start - 2))) ||
      (isWide(code) && (isCjk || code < FIRST_CJK || code === UNKNOWN_CHARACTER));
    if (!isPart) break;
    start -= width(code);
  }
  // The end of an escape is not part of the address: `
  // alice@`, `%3Calice@`, a terminal colour.
  for (let i = beginsEscape(text.charCodeAt(start - 1)) ? start + 1 : at; i < at && i <= start + LONGEST_ESCAPE; i++) {
    if (
      isAlphanumeric(text.charCodeAt(i - 1)) &&
      hasBoundary(text, i) &&
      (text.charCodeAt(i - 2) !== BACKSLASH || 'nrt'.includes(text.charAt(i - 1)))
    )
      start = i;
  }
  while (
    start < at &&
    !isAlphanumeric(text.charCodeAt(start)) &&
    text.charCodeAt(start) !== 95 &&
    (text.charCodeAt(start) < 128 || text.charCodeAt(start) === UNKNOWN_CHARACTER)
  )
    start += 1;
  return start;
}

/** Characters before the letters and digits of an escape. */
const beginsEscape = setOf('\\%[;:?');

/**
 * Returns the start of `"a local part"` with its closing quote at `quote`; the position after the quote if there is
 * none.
 */
function quotedStart(text: string, quote: number): number {
  let end = quote;
  while (text.charCodeAt(end - 1) === BACKSLASH) end -= 1;
  let i = end;
  for (let count = 0; i > 0 && count < LONGEST_QUOTED_LOCAL; count++) {
    const code = characterBefore(text, i);
    if (code === QUOTE && i < end) {
      let start = i - 1;
      for (let depth = quote - end; depth > 0 && text.charCodeAt(start - 1) === BACKSLASH; depth--) start -= 1;
      return start;
    }
    if (
      code < 32 ||
      code === QUOTE ||
      code === 64 ||
      code === 58 ||
      code === 60 ||
      code === 62 ||
      code === 91 ||
      code === 93
    )
      break;
    i -= width(code);
  }
  return quote + 1;
}

/**
 * Returns the end of the domain that begins at `from`, or -1. It needs at least two labels, the last one of letters.
 */
function domainEnd(text: string, from: number): number {
  if (text.charAt(from) === '[') return literalEnd(text, from);
  let best = -1;
  let label = from;
  for (let labels = 0, count = 0; count < LONGEST_DOMAIN; labels++) {
    let end = label;
    for (; end < text.length && count < LONGEST_DOMAIN; count++) {
      const code = characterAt(text, end);
      if (!isAlphanumeric(code) && code !== 45 && !isWide(code)) break;
      end += width(code);
    }
    if (end === label) break;
    if (labels === 0 && isVersion(text, label, end)) return -1;
    if (labels > 0) {
      const cut = topLevelEnd(text, label, end);
      if (cut !== -1) best = cut;
    }
    if (text.charAt(end) !== '.') break;
    count += 1;
    label = end + 1;
  }
  return best;
}

/** Returns whether the first label belongs to a version or a scaled picture: `1.2.3-rc.one`, `v0.3.beta1`, `2x.png`. */
function isVersion(text: string, start: number, end: number): boolean {
  let i = start;
  if (text.charAt(i) === 'v') i += 1;
  const digits = i;
  while (i < end && isDigit(text.charCodeAt(i))) i += 1;
  if (i === digits) return false;
  if (i === end) return text.charAt(end) === '.' && isDigit(text.charCodeAt(end + 1));
  return i === end - 1 && text.charAt(i) === 'x';
}

/**
 * Returns the end of a domain's last label at `[start, end)` or at its beginning; -1 if it is not a top-level domain.
 */
function topLevelEnd(text: string, start: number, end: number): number {
  if (isWordAt(text, start, 'xn--')) return end > start + 4 ? end : -1;
  let i = start;
  if (text.charCodeAt(i) < 128) {
    while (i < end && isLetter(text.charCodeAt(i))) i += 1;
    return i - start < 2 || fileEnds.has(text.slice(start, i).toLowerCase()) ? -1 : i;
  }
  while (i < end && text.charCodeAt(i) >= 128) i += 1;
  return i;
}

/** Returns the position after `[192.0.2.1]` or `[IPv6:2001:db8::1]`, or -1. */
function literalEnd(text: string, open: number): number {
  let i = open + 1;
  if (isWordAt(text, i, 'ipv6:')) i += 5;
  let signs = 0;
  for (; i < open + 64; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 || code === 58) signs += 1;
    else if (!isHexDigit(code)) break;
  }
  return text.charAt(i) === ']' && signs > 1 ? i + 1 : -1;
}

/** Returns whether `user@host` at `[start, end)` begins a URL's authority, or a path on another machine. */
function isRemote(text: string, start: number, end: number): boolean {
  if (text.charAt(start - 1) === '/' && text.charAt(start - 2) === '/') {
    // The user may itself be an address: the last `@` of the authority ends it.
    for (let i = end; i < text.length && i < end + LONGEST_LOOK; i++) {
      const code = text.charCodeAt(i);
      if (code === 64) return false;
      if (code <= 32 || code === 47 || code === 63 || code === 35 || isQuote(code)) break;
    }
    return true;
  }
  if (text.charAt(end) !== ':') return false;
  for (let i = end + 1; i < text.length && i < end + LONGEST_LOOK; i++) {
    const code = text.charCodeAt(i);
    if (code === 47) return i > end + 1 || isNameCharacter(text.charCodeAt(i + 1));
    if (!isNameCharacter(code) && code !== 46 && code !== 126) return false;
    if (text.startsWith('.git', i) && !isNameCharacter(text.charCodeAt(i + 4))) return true;
  }
  return false;
}

/** Reads the login name after the start of a home folder's path, which is at `[start, end)`. */
export function readLogin(text: string, start: number, end: number, take: TakePersonal): void {
  let from = end;
  const keyword = text.slice(start, end);
  const isWindows = keyword.startsWith('\\');
  const isSlug = keyword.endsWith('-');
  if (isWindows) while (text.charCodeAt(from) === BACKSLASH) from += 1;
  else if (!isSlug && !beginsPath(text, start, keyword)) return;
  let to = loginEnd(text, from, isSlug);
  // Windows allows a full name with blanks, if the path continues after it.
  for (let rest = to; isWindows && text.charAt(rest) === ' ';) {
    const next = loginEnd(text, rest + 1, false);
    if (next === rest + 1) break;
    if (text.charCodeAt(next) === BACKSLASH) to = next;
    rest = next;
  }
  while (to > from && text.charAt(to - 1) === '.') to -= 1;
  if (to === from || sharedLogins.has(text.slice(from, to).toLowerCase())) return;
  take(from, to, text.slice(from, to));
}

function loginEnd(text: string, from: number, isSlug: boolean): number {
  let i = from;
  for (let count = 0; i < text.length && count < LONGEST_LOGIN; count++) {
    const code = characterAt(text, i);
    if (!isAlphanumeric(code) && code !== 95 && !isWide(code) && (isSlug || (code !== 45 && code !== 46))) break;
    i += width(code);
  }
  return i;
}

/** Returns whether `/home/` or `/Users/` at `start` begins a path, and is not part of a URL such as `/api/users/`. */
function beginsPath(text: string, start: number, keyword: string): boolean {
  const isDrive = text.charAt(start - 1) === ':' && isLetter(text.charCodeAt(start - 2));
  if (keyword !== '/home/' && keyword !== '/Users/' && !isDrive) return false;
  if (hasBoundary(text, start)) return !'-_'.includes(text.charAt(start - 1) || ' ');
  let i = start;
  while (i > 0 && (isNameCharacter(text.charCodeAt(i - 1)) || text.charAt(i - 1) === '.') && start - i < LONGEST_LOOK)
    i -= 1;
  // After a host with its user: `ssh://alice@host/home/alice`.
  if (text.charAt(i - 1) === '@') return true;
  i = start;
  while (i > 0 && isAlphanumeric(text.charCodeAt(i - 1)) && start - i < 8) i -= 1;
  return (
    text.charAt(i - 1) === '/' &&
    (homesBelow.has(text.slice(i, start)) || (start - i === 1 && isLetter(text.charCodeAt(i))))
  );
}
