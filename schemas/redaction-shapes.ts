/**
 * Tells by its shape what a value is that no secret is: a name, source, an address, a number, a sentence. The
 * collector's processor has the same in Go (shapes.go).
 */
import { Kind, type Ahead, type Identifier } from './redaction-ahead.js';
import {
  isAlphanumeric,
  isDigit,
  isLetter,
  isLower,
  isNameCharacter,
  isSpace,
  isUpper,
  setOf,
} from './redaction-text.js';
import { VOCABULARY } from './redaction-vocabulary.js';

/** Characters that are looked at to decide whether a value is a secret. */
export const LONGEST_LOOK = 256;
/** Where in a value the scheme of a URL is looked for. */
const LONGEST_SCHEME = 64;
/** Words that are looked at to tell names from a secret. */
const MOST_WORDS = 16;
/** Letters of one case, one after the other. */
const LONGEST_WORD = 20;
/** Signs before the first name of an expression: `*(*[]`. */
const MOST_PREFIXES = 6;
/** Words of a text that are looked at for one of a sentence about passwords. */
const MOST_PROSE = 3;

const prose = new Set(VOCABULARY.prose);
const LONGEST_PROSE = Math.max(...VOCABULARY.prose.map((word) => word.length));
const sources = new Set(VOCABULARY.sources);
/** By two letters, `a` to `z` each: whether they follow one another in words. */
const pairs = (() => {
  const table = new Uint8Array(26 * 26);
  VOCABULARY.pairs.forEach((seconds, first) => {
    for (const second of seconds) table[first * 26 + second.charCodeAt(0) - 97] = 1;
  });
  return table;
})();

/** {@link readIdentifier}, once for all that ask for the same one. */
function identifierAt(ahead: Ahead, start: number, end: number): Identifier {
  if (ahead.identifierStart === start && ahead.identifierLast === end && ahead.identifier !== undefined)
    return ahead.identifier;
  ahead.identifierStart = start;
  ahead.identifierLast = end;
  return (ahead.identifier = readIdentifier(ahead.text, start, end));
}

/**
 * Reads the identifier at `start`: `firstTokenOfLine`, `AdminAPIKeys_1`, `utils$1`. Words are of two letters at least, of
 * two and a half on average, with numbers of three digits between; and three of four pairs of their letters are of {@link pairs}. Of
 * random letters and digits 0.4 % look so at 12 characters, 0.05 % at 20.
 */
export function readIdentifier(text: string, start: number, end: number): Identifier {
  const last = Math.min(end, start + LONGEST_LOOK);
  let [words, letters, digits, known, odd, short] = [0, 0, 0, 0, 0, 0];
  let isWords = true;
  let isFirst = true;
  let i = start;
  while (i < last) {
    const code = text.charCodeAt(i);
    if (code === 95 || code === 36) {
      isFirst = true;
      i += 1;
      continue;
    }
    if (!isAlphanumeric(code)) break;
    const from = i;
    if (isDigit(code)) {
      while (i < last && isDigit(text.charCodeAt(i))) i += 1;
      isWords &&= i - from <= 3;
      digits += i - from;
      isFirst = false;
      continue;
    }
    while (i < last && isUpper(text.charCodeAt(i))) i += 1;
    const upper = i - from;
    while (i < last && isLower(text.charCodeAt(i))) i += 1;
    const small = i - from - upper;
    if (upper === 0 && small === 1) isWords &&= isFirst;
    if (upper === 1 && small === 1) short += 1;
    if (upper > 5 && small > 0) isWords = false;
    // Capitals and digits in turn are a key in base32.
    if (upper > 1 && small === 0 && digits > 0 && !isFirst) isWords = false;
    for (let j = from + 1; j < i; j++) {
      // An acronym's letters are no word's: `AdminAPIKeys`.
      if (small > 0 && j < from + upper) continue;
      known += 1;
      if (pairs[((text.charCodeAt(j - 1) | 32) - 97) * 26 + (text.charCodeAt(j) | 32) - 97] === 0) odd += 1;
    }
    words += 1;
    letters += upper + small;
    isFirst = false;
  }
  return {
    end: i,
    words,
    hasDigit: digits > 0,
    isWords:
      isWords &&
      words > 0 &&
      2 * letters >= 5 * words &&
      3 * digits <= letters &&
      4 * odd <= known &&
      3 * short <= words,
  };
}

/** `options.token`, `getToken(user)`, `match2[0]`, `(*api.Key)(x)`, `SecretString = ...`: source that names where a secret comes from. */
export function isSource(ahead: Ahead, start: number, end: number, isToken: boolean): boolean {
  const { text } = ahead;
  let i = start;
  // `[NullString]::Value` of PowerShell.
  if (text.charAt(i) === '[') {
    let to = i + 1;
    while (to < end && (isLetter(text.charCodeAt(to)) || text.charAt(to) === '.')) to += 1;
    if (to > i + 1 && text.startsWith(']::', to)) return true;
  }
  // What stands before the name in an expression: a type's or pointer's sign, a bracket.
  while (i < start + MOST_PREFIXES) {
    if (text.startsWith('[]', i)) i += 2;
    else if ('*&!('.includes(text.charAt(i) || ' ')) i += 1;
    else break;
  }
  const isExpression = i > start;
  let words = 0;
  let first = '';
  let hasDigit = false;
  let isWords = true;
  for (let from = i; ; from = i) {
    if (!isLetter(text.charCodeAt(i)) && text.charAt(i) !== '_') return false;
    const name = identifierAt(ahead, i, end);
    i = name.end;
    hasDigit ||= name.hasDigit;
    isWords &&= name.isWords;
    words += 1;
    if (words === 1) first = text.slice(from, i);
    if (text.charAt(i) === '.' || text.startsWith('::', i) || text.startsWith('?.', i)) {
      i += text.charAt(i) === '.' ? 1 : 2;
      // `value.(bool)`, `data?.[0]`
      if ('(['.includes(text.charAt(i) || ' ')) return !hasDigit || isWords;
      if (i < end && words < 8) continue;
    }
    break;
  }
  const next = text.charAt(i);
  const isPlain = !hasDigit || isWords;
  if (words === 1) {
    const word = first.toLowerCase();
    if (sources.has(word) && (next === '[' || next === '?' || isSpace(text.charCodeAt(i)) || i === text.length))
      return true;
    // `sha256(`: too short for words.
    if (next === '(')
      return isPlain || (isToken && i - start <= 8) || VOCABULARY.getters.some((getter) => word.startsWith(getter));
    if (next === '[' || next === '{' || (isExpression && next === ')')) return isPlain;
    // A type: `secret: SecretString = ...`, `secret: SecretString | None`.
    return i === end && isPlain && (isAssigned(text, i) || isUnion(text, start, i));
  }
  if (i < end && !'([!{)'.includes(next)) return false;
  return next === '(' || sources.has(first.toLowerCase()) || !hasDigit || (isToken && isWords);
}

function isAssigned(text: string, at: number): boolean {
  let i = at;
  while (text.charAt(i) === ' ' && i < at + 3) i += 1;
  return i > at && text.charAt(i) === '=' && text.charAt(i + 1) !== '=';
}

/** Whether a type at `[start, end)`, which has a capital, is one of several: `HiddenText | None`. */
function isUnion(text: string, start: number, end: number): boolean {
  if (!text.startsWith(' | ', end) || !(isLetter(text.charCodeAt(end + 3)) || text.charAt(end + 3) === '_'))
    return false;
  for (let i = start; i < end; i++) if (isUpper(text.charCodeAt(i))) return true;
  return false;
}

/** A value with blanks that speaks of passwords. */
export function isSentence(text: string, start: number, end: number): boolean {
  const last = Math.min(end, start + LONGEST_LOOK);
  let words = 0;
  for (let i = start, from = start; i <= last; i++) {
    if (i < last && isAlphanumeric(text.charCodeAt(i))) continue;
    if (i > from) {
      words += 1;
      if (i - from <= LONGEST_PROSE && prose.has(text.slice(from, i).toLowerCase())) return true;
    }
    from = i + 1;
  }
  return words > 12;
}

/** Whether a value of small letters, which is no sentence by itself, begins one: `password: database password. Is typically`. */
export function beginsSentence(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++)
    if (!isLower(text.charCodeAt(i)) && !(i === end - 1 && '.,'.includes(text.charAt(i)))) return false;
  let i = end;
  for (let words = 0; words < MOST_PROSE && text.charAt(i) === ' '; words++) {
    const from = i + 1;
    i = from;
    while (i < from + MOST_WORDS && isLetter(text.charCodeAt(i))) i += 1;
    if (i === from || ':='.includes(text.charAt(i) || ' ')) return false;
    if (prose.has(text.slice(from, i).toLowerCase())) return true;
  }
  return false;
}

/** `your_password`, `hashedPassword`, `auth/wrong-password`, `SENSITIVE_PLACEHOLDER`: letters that name the thing. */
export function isPasswordsName(text: string, start: number, end: number, isQuoted: boolean): boolean {
  if (end - start > LONGEST_LOOK) return false;
  const value = text.slice(start, end);
  return (
    (/^[A-Za-z_./-]{1,256}$/.test(value) && /pass|pwd|secret|token/.test(value.toLowerCase())) ||
    (!isQuoted && /^[A-Z]{2,40}(?:_[A-Z]{2,40}){1,6}$/.test(value))
  );
}

/** A digest, an address, a date, a number, a regular expression, a list of fields: what says where a secret is, or which one. */
export function isAddress(ahead: Ahead, start: number, end: number): boolean {
  const { text } = ahead;
  const last = Math.min(end, start + LONGEST_SCHEME);
  if (ahead.has(Kind.scheme, start, last - 2) || ahead.has(Kind.range, start, last - 3)) return true;
  if (!mayBeginAddress(text, start)) return false;
  return /^(?:arn:|projects\/|vault:|op:\/\/|file:|sha1[:-]|sha256[:-]|sha384[:-]|sha512[:-]|hmac-sha[0-9]{3}:|md5:|[0-9]{4}-[0-9]{2}-[0-9]{2}|0x[0-9a-f]{1,16}$)/.test(
    text.slice(start, last).toLowerCase(),
  );
}

/** The first two letters of what {@link isAddress} looks for. */
const ADDRESS_BEGINS = new Set(['ar', 'pr', 'va', 'op', 'fi', 'sh', 'hm', 'md']);

/** A check before the regular expression of {@link isAddress}: two letters, or the signs of a date or a number. */
function mayBeginAddress(text: string, start: number): boolean {
  if (isDigit(text.charCodeAt(start)))
    return text.charAt(start + 4) === '-' || (text.charCodeAt(start + 1) | 32) === 120;
  return ADDRESS_BEGINS.has(text.slice(start, start + 2).toLowerCase());
}

/** `op://vault/item/password`, `arn:aws:...`: the address of a secret in a store of secrets. */
export const isReference = (text: string, start: number): boolean =>
  'oar'.includes(text.charAt(start) || ' ') &&
  /^(?:op:\/\/|arn:aws|ref\+[a-z]{2,20}:\/\/)/.test(text.slice(start, start + 32));

/** The rest of a name of a platform, after `cpe:2.3:a:passwd`: `base-passwd:3.5.43:*:*:*`. */
export const isPlatform = (ahead: Ahead, start: number, end: number): boolean =>
  ahead.has(Kind.platform, start, Math.min(end, start + LONGEST_LOOK) - 3);

const isJoint = setOf('-_./:@^~');

/** Two words or more, with signs between, each of letters and a short number at most: `app-tls-2`, `^1.2.3-rc.1`. */
export function isNames(text: string, start: number, end: number): boolean {
  if (end - start > LONGEST_LOOK) return false;
  let words = 0;
  for (let i = start; words < MOST_WORDS; i++) {
    i = wordEnd(text, i, end);
    if (i < end && !isJoint(text.charCodeAt(i))) return false;
    words += 1;
    if (i >= end) break;
  }
  return words > 1;
}

/** End of a word at `at`: small letters, capitals, or both as in camelCase, and up to three digits. */
function wordEnd(text: string, at: number, end: number): number {
  let i = upperEnd(text, at, end);
  if (i - at <= 1) {
    const isSmall = i === at;
    const from = i;
    i = lowerEnd(text, i, end);
    for (let parts = 0; isSmall && i > from && parts < 6 && i + 1 < end; parts++) {
      if (!isUpper(text.charCodeAt(i)) || !isLower(text.charCodeAt(i + 1))) break;
      i = lowerEnd(text, i + 1, end);
    }
  }
  for (let digits = 0; digits < 3 && i < end && isDigit(text.charCodeAt(i)); digits++) i += 1;
  return i;
}

function upperEnd(text: string, at: number, end: number): number {
  const last = Math.min(end, at + LONGEST_WORD);
  let i = at;
  while (i < last && isUpper(text.charCodeAt(i))) i += 1;
  return i;
}

function lowerEnd(text: string, at: number, end: number): number {
  const last = Math.min(end, at + LONGEST_WORD);
  let i = at;
  while (i < last && isLower(text.charCodeAt(i))) i += 1;
  return i;
}

/** What no token is: {@link isNames}, an identifier of two words, or several with signs and years between: `defaultToConfig2`, `files-api-2025-04-14`. */
export function isTokenName(ahead: Ahead, start: number, end: number): boolean {
  const { text } = ahead;
  if (isNames(text, start, end)) return true;
  if (end - start > LONGEST_LOOK) return false;
  let words = 0;
  let i = start;
  for (let parts = 0; parts < MOST_WORDS; parts++) {
    if (isDigit(text.charCodeAt(i))) {
      const from = i;
      while (i < end && isDigit(text.charCodeAt(i))) i += 1;
      if (i - from > 3 && !(i - from === 4 && (text.startsWith('19', from) || text.startsWith('20', from))))
        return false;
    } else {
      const name = identifierAt(ahead, i, end);
      if (!name.isWords) return false;
      words += name.words;
      i = name.end;
    }
    if (i >= end) break;
    if (!isJoint(text.charCodeAt(i))) return false;
    i += 1;
    if (i === end) return false;
  }
  return i >= end && words > 1;
}

/** Whether a line that begins a key is only spoken of: `startsWith('-----BEGIN PRIVATE KEY-----')`, not the first of several strings. */
export function isOnlyNamed(text: string, end: number): boolean {
  let i = end;
  while (text.charAt(i) === '-' || text.charAt(i) === '\\') i += 1;
  if (!`"'\``.includes(text.charAt(i) || ' ')) return false;
  i += 1;
  while (i < end + MOST_WORDS && ' \\'.includes(text.charAt(i) || 'x')) i += 1;
  return isNameCharacter(text.charCodeAt(i)) || ');:.]}?=&|'.includes(text.charAt(i) || ' ');
}
