/**
 * Reads secrets that no regular expression describes: the value of an assignment, of an option or a header, user and
 * password of a URL, a block with a BEGIN and an END. The collector's processor has the same in Go (readers.go).
 *
 * A reader is given the place of a keyword and tells the secret's begin and end. Each looks at a bounded number of
 * characters before it decides, and goes on without a bound only where the text is taken as a secret and so passed.
 */
import { Ahead, Kind, WORK, type Argument } from './redaction-ahead.js';
import { saysUserAndPassword } from './redaction-encoded.js';
import {
  beginsSentence,
  isAddress,
  isNames,
  isOnlyNamed,
  isPasswordsName,
  isPlatform,
  isReference,
  isSentence,
  isSource,
  isTokenName,
  LONGEST_LOOK,
  readIdentifier,
} from './redaction-shapes.js';
import {
  BACKSLASH,
  hasBoundary,
  isAlphanumeric,
  isDigit,
  isLetter,
  isLineBreak,
  isLower,
  isNameCharacter,
  isQuote,
  isSpace,
  isTypographicQuote,
  isUpper,
  isWordAt,
  skipBareColour,
  setOf,
  skipColour,
} from './redaction-text.js';
import { VOCABULARY } from './redaction-vocabulary.js';

/** How much the shape of a value has to say: the name of a password says enough, that of a token does not. */
export type Strength = 'password' | 'token';

/** Says that a secret stands at `[start, end)`. */
export type Take = (start: number, end: number) => void;

const COLON = 58;
const EQUALS = 61;
const WIDE_COLON = 0xff1a;
const WIDE_EQUALS = 0xff1d;

/** A shorter value is not taken for a secret by its name alone. */
const SHORTEST_VALUE = 8;
/** A quoted value that does not end within so many characters has no end. */
const LONGEST_QUOTED = 1024;
const LONGEST_NAME = 60;
const LONGEST_LITERAL = 20;
/** Blanks between a name, a sign and a value: columns are aligned by them. */
const LONGEST_GAP = 32;
/** Of the part of a command line in which the options of a program are looked for. */
const LONGEST_COMMAND = 1000;
const LONGEST_AUTHORITY = 512;
/** Backslashes that are counted: JSON in JSON, six times over. */
const DEEPEST_ESCAPE = 64;
/** How far an `@` is looked for behind a character that usually ends an authority. */
const LONGEST_ODD_PASSWORD = 128;
/** Parts of the name of a cookie or of a pair, with signs between. */
const MOST_PARTS = 16;
/** Characters that are looked at to tell chance from words by the case of the letters. */
const LONGEST_CASE = 64;
/** Characters of base64 in which the colon of a user and password is looked for. */
const LONGEST_BASIC = 128;
/** Pairs of a header: `Digest` has ten. */
const MOST_PAIRS = 16;
/** Words between a secret's name and its value. */
const SAYS = ['is ', 'was ', 'to '];
/** What may stand before the quote of a text, in languages that have several kinds of them. */
const STRING_PREFIXES = 'bBrRuUnN@';
/** Of what stands between a word and its value in a sentence or a prompt: `Password for alice: `. */
const LONGEST_PROMPT = 60;
/** Entries of a list or object that are looked at, and how deep they stand in one another. */
const MOST_ENTRIES = 8;
const DEEPEST_INNER = 3;
/** Digits before the bar of a token. */
const LONGEST_NUMBER = 16;
/** Digits of an id: 20 of a snowflake or of nanoseconds, and some more. */
const LONGEST_ID = 28;
/** The key of a service that has no form of its own. */
const SHORTEST_KEY = 14;
/** Characters behind the dot of a token of JSON in base64. */
const SHORTEST_SIGNATURE = 16;

const about = new Set(VOCABULARY.about);
const holders = new Set(VOCABULARY.holders);
const literals = new Set(VOCABULARY.literals);
const noUsers = new Set(VOCABULARY.no_users);
const LONGEST_ABOUT = Math.max(...VOCABULARY.about.map((word) => word.length));

// ---------------------------------------------------------------- names

/** Where the name that has a secret's word before `end` ends, or -1 if it is another word or about a secret only. */
export function nameEnd(ahead: Ahead, end: number): number {
  const { text } = ahead;
  const runEnd = ahead.next(Kind.nameEnd, end, end + LONGEST_NAME + 1);
  // Beyond the longest name it is no name but a run of some other kind.
  if (runEnd > end + LONGEST_NAME) return -1;
  const last = text.charCodeAt(end - 1);
  if (isLetter(text.charCodeAt(end)) && !isCamelCase(last, text.charCodeAt(end)) && !isGlued(text, end)) return -1;
  if (ahead.aboutRun !== runEnd || end > ahead.aboutFrom) readAbout(ahead, end, runEnd);
  return ahead.isAbout ? -1 : runEnd;
}

/** Whether a small letter and a capital are the end of a word and the begin of the next one. */
const isCamelCase = (code: number, next: number): boolean => isLower(code) && isUpper(next);

/** Whether one of the words stands at `at` that may follow a name without a sign between. */
function isGlued(text: string, at: number): boolean {
  const code = text.charCodeAt(at) | 32;
  return VOCABULARY.glued.some((word) => {
    if (word.charCodeAt(0) !== code || !isWordAt(text, at, word)) return false;
    const next = text.charCodeAt(at + word.length);
    return !isLetter(next) || isCamelCase(text.charCodeAt(at + word.length - 1), next);
  });
}

/** Reads the last word, no further back than `end`, of the name that ends at `runEnd`. */
function readAbout(ahead: Ahead, end: number, runEnd: number): void {
  const { text } = ahead;
  let to = runEnd;
  while (to > end && !isLetter(text.charCodeAt(to - 1))) to -= 1;
  let from = to;
  while (from > end && from >= to - LONGEST_ABOUT && isLetter(text.charCodeAt(from - 1))) {
    from -= 1;
    if (isUpper(text.charCodeAt(from)) && isLower(text.charCodeAt(from + 1))) break;
  }
  ahead.aboutRun = runEnd;
  ahead.aboutFrom = from;
  ahead.isAbout = from < to && about.has(text.slice(from, to).toLowerCase());
}

/** A password's name says enough; so does `DB_PASS`, but not `pass` alone. */
export function strengthOf(text: string, start: number, end: number): Strength {
  if (!isWordAt(text, start, 'pass')) return isWordAt(text, start, 'pwd') ? 'password' : 'token';
  return end - start > 4 || text.charAt(start - 1) === '_' ? 'password' : 'token';
}

// ---------------------------------------------------------------- values

interface Value {
  readonly start: number;
  readonly end: number;
  readonly isQuoted: boolean;
  /** Whether it goes on behind `end`, where it was not looked at. */
  readonly isCut: boolean;
}

/** Index of a character within `[start, end)`, or -1: no search goes beyond what is read. */
function indexIn(text: string, character: string, start: number, end: number): number {
  for (let i = start; i < end; i++) if (text.charAt(i) === character) return i;
  return -1;
}

const countBackslashes = (text: string, at: number): number => {
  let count = 0;
  while (count < DEEPEST_ESCAPE && text.charCodeAt(at + count) === BACKSLASH) count += 1;
  return count;
};

/** The value that begins at `at`, in quotes of any depth of escaping or without; undefined if there is none. */
function readValue(ahead: Ahead, place: number): Value | undefined {
  const { text } = ahead;
  // `b'X'`, `N'X'`, `@"X"`: what languages write before a text.
  const at =
    STRING_PREFIXES.includes(text.charAt(place) || ' ') && isQuote(text.charCodeAt(place + 1)) ? place + 1 : place;
  const depth = countBackslashes(text, at);
  const quote = text.charCodeAt(at + depth);
  if (isQuote(quote)) {
    const start = at + depth + 1;
    const end = quotedEnd(text, start, quote, depth);
    return end === -1 ? readBare(ahead, start) : { start, end, isQuoted: true, isCut: false };
  }
  if (isTypographicQuote(quote) && depth === 0) {
    const start = at + 1;
    for (let end = start; end < text.length && end < start + LONGEST_QUOTED; end++) {
      const code = text.charCodeAt(end);
      if (isLineBreak(code)) break;
      if (isTypographicQuote(code)) return { start, end, isQuoted: true, isCut: false };
    }
    return readBare(ahead, start);
  }
  return readBare(ahead, at);
}

/** Where the text in quotes ends that was opened with `depth` backslashes before `quote`; -1 if it does not in its line. */
function quotedEnd(text: string, start: number, quote: number, depth: number): number {
  let count = 0;
  for (let i = start; i < text.length && i < start + LONGEST_QUOTED; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) {
      count += 1;
      continue;
    }
    if (isLineBreak(code)) return -1;
    // A quote inside the text has more backslashes than the one that ends it, by whole levels of escaping.
    if (code === quote && (count < depth || count % (2 * depth + 2) === depth)) return i - Math.min(count, depth);
    count = 0;
  }
  return -1;
}

/** The end of a value that is taken: of a long one only the begin was looked at. */
const wholeEnd = (ahead: Ahead, { start, end, isCut }: Value): number => (isCut ? bareEnd(ahead, start) : end);

/** A value without quotes: up to a blank, a quote, or a sign that separates; brackets that it opens itself are of it. */
function readBare(ahead: Ahead, start: number): Value | undefined {
  const { text } = ahead;
  // ODBC's braces, in which signs that separate do not.
  if (text.charCodeAt(start) === 123) {
    const last = Math.min(text.length, start + LONGEST_LOOK);
    const close = ahead.next(Kind.closingBrace, start, last);
    if (close < last && !ahead.has(Kind.blankOrQuote, start, close))
      return { start, end: close + 1, isQuoted: false, isCut: false };
  }
  const end = bareEnd(ahead, start);
  if (end === start) return undefined;
  const last = start + LONGEST_LOOK + 1;
  return end > last
    ? { start, end: last, isQuoted: false, isCut: true }
    : { start, end, isQuoted: false, isCut: false };
}

/** Where the value ends: behind the bar of a token, if it has one. */
function bareEnd(ahead: Ahead, start: number): number {
  const end = ahead.valueEnd(start);
  return ahead.text.charCodeAt(end) === 124 && isNumber(ahead.text, start, end) ? ahead.valueEnd(end + 1) : end;
}

/** A number of few digits, as it stands before a bar and the secret of a token: `12|...`. */
function isNumber(text: string, start: number, end: number): boolean {
  if (end > start + LONGEST_NUMBER) return false;
  for (let i = start; i < end; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return end > start && isAlphanumeric(text.charCodeAt(end + 1));
}

/** The part of a value that is looked at. */
const lookEnd = (start: number, end: number): number => Math.min(end, start + LONGEST_LOOK);
const hasDigit = (ahead: Ahead, start: number, end: number): boolean =>
  ahead.has(Kind.digit, start, lookEnd(start, end));
const hasLetter = (ahead: Ahead, start: number, end: number): boolean =>
  ahead.has(Kind.letter, start, lookEnd(start, end));
const hasUpper = (ahead: Ahead, start: number, end: number): boolean =>
  ahead.has(Kind.upper, start, lookEnd(start, end));
const isMixed = (ahead: Ahead, start: number, end: number): boolean =>
  hasDigit(ahead, start, end) && hasLetter(ahead, start, end);

/** Whether `[start, end)` has that many code points or more. */
function isAsLong(text: string, start: number, end: number, least: number): boolean {
  let length = 0;
  for (let i = start; i < end && length < least; i++) if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) length += 1;
  return length >= least;
}

/** Whether all characters are the same. */
function isUniform(text: string, start: number, end: number): boolean {
  const first = text.codePointAt(start);
  for (let i = start; i < lookEnd(start, end); i++)
    if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00 && text.codePointAt(i) !== first) return false;
  return true;
}

/** Letters of a text, and how often they change between small and capital ones. */
function readCase(text: string, start: number, end: number): { letters: number; upper: number; changes: number } {
  const read = { letters: 0, upper: 0, changes: 0 };
  let before = 0;
  for (let i = start; i < Math.min(end, start + LONGEST_CASE); i++) {
    const code = text.charCodeAt(i);
    if (isLetter(code)) {
      read.letters += 1;
      if (isUpper(code)) read.upper += 1;
      if (isLetter(before) && isUpper(before) !== isUpper(code)) read.changes += 1;
    }
    before = code;
  }
  return read;
}

/** Letters as chance mixes them: words change case at their begin only. */
function isRandomCase(ahead: Ahead, start: number, end: number): boolean {
  if (!hasUpper(ahead, start, end)) return false;
  const { letters, changes } = readCase(ahead.text, start, end);
  return letters >= 16 && changes * 4 >= letters;
}

/** Whether a value may be chance: letters and digits, letters of both cases, or a number too long for an id. */
const isRandom = (ahead: Ahead, start: number, end: number): boolean =>
  isMixed(ahead, start, end) || isRandomCase(ahead, start, end) || isLongNumber(ahead.text, start, end);

/** Digits only, more than any id, time or count has. */
function isLongNumber(text: string, start: number, end: number): boolean {
  if (end - start <= LONGEST_ID) return false;
  for (let i = start; i < lookEnd(start, end); i++) if (!isDigit(text.charCodeAt(i))) return false;
  return true;
}

/** Whether what stands at `[start, end)` is a secret, given that a secret's name says so. */
function isSecretValue(ahead: Ahead, start: number, end: number, isQuoted: boolean, strength: Strength): boolean {
  const { text } = ahead;
  if (!isAsLong(text, start, end, SHORTEST_VALUE) || isUniform(text, start, end)) return false;
  const hasSpace = isQuoted && ahead.has(Kind.space, start, lookEnd(start, end));
  if (strength === 'token' && (hasSpace || !isRandom(ahead, start, end))) return false;
  if (isTemplate(text, start, end) || isLiteral(text, start, end)) return false;
  if (!isQuoted && (isSource(ahead, start, end, strength === 'token') || isPlatform(ahead, start, end))) return false;
  if (hasSpace) return hasLetter(ahead, start, end) && !isSentence(text, start, end);
  if (isReference(text, start)) return false;
  if (strength === 'password')
    return !isPasswordsName(text, start, end, isQuoted) && !(text.charAt(start) === '/' && isNames(text, start, end));
  return !isAddress(ahead, start, end) && !isTokenName(ahead, start, end);
}

/** Whether the whole value of an attribute or entry is a secret, whose name says so: a password may even be a sentence. */
export function isNamedSecret(value: string, strength: Strength): boolean {
  if (strength === 'token') return isSecretValue(new Ahead().begin(value), 0, value.length, true, strength);
  return (
    isAsLong(value, 0, value.length, SHORTEST_VALUE) &&
    !isUniform(value, 0, value.length) &&
    !isTemplate(value, 0, value.length) &&
    !isLiteral(value, 0, value.length)
  );
}

/** What will be replaced by a secret, or has been. */
function isTemplate(text: string, start: number, end: number): boolean {
  const second = text.charCodeAt(start + 1);
  switch (text.charAt(start)) {
    case '$':
      return second === 123 || second === 40 || (isNameCharacter(second) && isNameOnly(text, start + 1, end));
    case '%':
      return text.charAt(end - 1) === '%' && isNameOnly(text, start + 1, end - 1);
    case '#':
    case '@':
      return second === 123;
    case '{':
      return (
        second === 123 ||
        (text.charAt(end - 1) === '}' && isNameOfVariable(text, start + 1, end - 1)) ||
        opensNothing(second) ||
        isObject(text, start + 1, end)
      );
    case '(':
      return opensNothing(second);
    case '[':
      return opensNothing(second) || isWordAt(text, start, '[redacted') || isWordAt(text, start, '[object');
    case '*':
      return text.startsWith('***', start);
    case '.':
      return text.startsWith('...', start);
    case '<':
      return true;
    default:
      return isWordAt(text, start, 'xxxx');
  }
}

/** Whether what follows an opening bracket (NaN: the end) is no value: a list or an object. */
const opensNothing = (code: number): boolean => Number.isNaN(code) || isQuote(code) || isSpace(code);

/** `name:` of source or JSON. */
function isObject(text: string, start: number, end: number): boolean {
  let i = start;
  while (i < end && isNameCharacter(text.charCodeAt(i))) i += 1;
  return i > start && text.charAt(i) === ':';
}

/** Letters, `_` and dots only, which is how a variable is named, a capital's digits aside. */
function isNameOnly(text: string, start: number, end: number): boolean {
  for (let i = start; i < end && i < start + LONGEST_LOOK; i++) {
    const code = text.charCodeAt(i);
    if (!isLetter(code) && code !== 95 && code !== 46 && code !== 58 && !(isDigit(code) && i > start)) return false;
  }
  return end > start;
}

/** {@link isNameOnly}, and not of digits between letters twice, as chance has them. */
function isNameOfVariable(text: string, start: number, end: number): boolean {
  let between = 0;
  for (let i = start + 1; i < lookEnd(start, end - 1); i++)
    if (isDigit(text.charCodeAt(i)) && isLetter(text.charCodeAt(i - 1)) && isLetter(text.charCodeAt(i + 1)))
      between += 1;
  return between < 2 && isNameOnly(text, start, end);
}

/** Whether it is one of the literals, between signs and digits if any. */
function isLiteral(text: string, start: number, end: number): boolean {
  if (end - start > LONGEST_LITERAL) return false;
  let [from, to] = [start, end];
  while (from < to && !isLetter(text.charCodeAt(from))) from += 1;
  while (to > from && !isLetter(text.charCodeAt(to - 1))) to -= 1;
  for (let i = from; i < to; i++) if (!isLetter(text.charCodeAt(i))) return false;
  return literals.has(text.slice(from, to).toLowerCase());
}

// ---------------------------------------------------------------- assignments

/** Where the text goes on behind blanks, at most one line break, and colours. */
function skipGap(text: string, at: number): number {
  let i = at;
  let breaks = 0;
  while (i < at + LONGEST_GAP) {
    const code = text.charCodeAt(i);
    if (isLineBreak(code)) {
      if (breaks === 2) break;
      breaks += 1;
      i += 1;
    } else if (isSpace(code) || code === 0xa0 || code === 0x200b || code === 0xfeff) i += 1;
    else {
      const behind = skipColour(text, i);
      if (behind === i) break;
      i = behind;
    }
  }
  return i;
}

/** Where a value begins behind the sign of an assignment at `at`, or -1. */
function skipSign(text: string, at: number): number {
  const length = signLength(text, at);
  return length === 0 ? -1 : skipGap(text, at + length);
}

/** Length of `=`, `==`, `===`, `=>`, `:`, `:=`, `::=`, `:::=`, `?=`, `.=` or `+=` at `at`, or 0. */
function signLength(text: string, at: number): number {
  const code = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  if (code === EQUALS) {
    if (next !== EQUALS) return next === 62 ? 2 : 1;
    return text.charCodeAt(at + 2) === EQUALS ? 3 : 2;
  }
  if (code === COLON) {
    if (next !== COLON) return next === EQUALS ? 2 : 1;
    // `a::b` is a path, `::=` a rule's or Makefile's assignment.
    if (text.startsWith('::=', at)) return 3;
    return text.startsWith(':::=', at) ? 4 : 0;
  }
  if (code === WIDE_COLON || code === WIDE_EQUALS) return 1;
  return (code === 63 || code === 46 || code === 43) && next === EQUALS ? 2 : 0;
}

/** Reads what is assigned to the name that has a secret's word at `[start, end)`. */
export function readAssignment(ahead: Ahead, start: number, end: number, take: Take): void {
  const { text } = ahead;
  let at = nameEnd(ahead, end);
  if (at === -1) return;
  const strength = strengthOf(text, start, end);
  // `password` has `pass` in it: the value is read once, or twice where a second word of the name says more.
  if (at === ahead.nameRead && (ahead.isPasswordRead || strength === 'token')) return;
  ahead.charge(WORK.reader);
  ahead.nameRead = at;
  ahead.isPasswordRead = strength === 'password';
  const depth = countBackslashes(text, at);
  const isNameQuoted = isQuote(text.charCodeAt(at + depth));
  if (isNameQuoted) at += depth + 1;
  if (text.charAt(at) === ']') at += 1;
  const sign = skipSign(text, skipGap(text, at));
  const from = sign === -1 ? namedValue(text, at, start, isNameQuoted) : behindType(text, sign);
  if (from === -1) {
    const said = isNameQuoted ? -1 : saidValue(ahead, at, start);
    if (said !== -1) takeSaid(ahead, said, start, take);
    return;
  }
  // `arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-1a2b3c`
  if (
    sign === at + 1 &&
    text.charCodeAt(start - 1) === COLON &&
    /[0-9]{12}:$/.test(text.slice(Math.max(0, start - 13), start))
  )
    return;
  // `https://token:...@host`: the user of a URL.
  if (text.charAt(at) === ':' && sign === at + 1 && isUser(text, start)) return;
  if (readInner(ahead, from, start, strength, DEEPEST_INNER, take)) return;
  const value = readValue(ahead, from);
  if (value === undefined) return;
  if (!isAsLong(text, value.start, value.end, SHORTEST_VALUE)) {
    // Counts of tokens are the most frequent candidates of genuine text, and cheap to read.
    ahead.charge(-WORK.judged);
    return;
  }
  // A list, a block or the next key of a file, and no value.
  if (!value.isQuoted && (text.charAt(value.end - 1) === ':' || (sign === -1 && text.charAt(value.start) === '-')))
    return;
  if (text.charAt(value.start) === '{' && !value.isQuoted && !isBraced(text, at, value.start)) return;
  if (!value.isQuoted && text.charAt(at) === ':' && beginsSentence(text, value.start, value.end)) return;
  if (isSecretValue(ahead, value.start, value.end, value.isQuoted, strength)) take(start, wholeEnd(ahead, value));
}

/**
 * Reads the values of a list (`[X, Y]`) at `at`, or the one of an object or block whose name says so (`{"value": X}`); says
 * whether there is one. What stands first is taken from `start` on.
 */
function readInner(ahead: Ahead, at: number, start: number, strength: Strength, depth: number, take: Take): boolean {
  const { text } = ahead;
  const first = text.charAt(at);
  // A placeholder is no list, and a regular expression's class neither: `[0-9A-Z]`.
  if (depth === 0 || isWordAt(text, at, '[redacted') || text.charAt(at + 2) === '-') return false;
  if (first !== '[') {
    const inner = first === '{' ? heldValue(ahead, skipGap(text, at + 1)) : heldValue(ahead, at, 1);
    if (inner === -1) return false;
    if (!readInner(ahead, inner, start, strength, depth - 1, take)) takeValue(ahead, inner, start, strength, take);
    return true;
  }
  let place = skipGap(text, at + 1);
  let isFound = false;
  for (let entries = 0; entries < MOST_ENTRIES; entries++) {
    if (text.charAt(place) === '{' && entries === 0) return readInner(ahead, place, start, strength, depth - 1, take);
    const value = text.charAt(place) === ']' ? undefined : readValue(ahead, place);
    // `[NullString]::Value` of PowerShell.
    if (value === undefined || text.startsWith(']:', value.end)) break;
    // `[constants_1.Socks5Auth.NoAuth]`
    const isMember = !value.isQuoted && strength === 'token' && ahead.has(Kind.dot, value.start, value.end);
    if (!isMember && isSecretValue(ahead, value.start, value.end, value.isQuoted, strength)) {
      take(entries === 0 ? start : place, wholeEnd(ahead, value));
      isFound = true;
    }
    if (value.isCut) break;
    place = skipGap(text, behind(text, value));
    if (text.charAt(place) !== ',') break;
    place = skipGap(text, place + 1);
  }
  return isFound;
}

/** Where a value's closing quote ends. */
const behind = (text: string, { end, isQuoted }: Value): number =>
  isQuoted ? end + countBackslashes(text, end) + 1 : end;

/** Where the value begins that an entry of an object or block at `at` holds, by its name; -1 if none of the first `most` does. */
function heldValue(ahead: Ahead, at: number, most = MOST_ENTRIES): number {
  const { text } = ahead;
  let i = at;
  for (let entries = 0; entries < most; entries++) {
    let depth = countBackslashes(text, i);
    const isNameQuoted = isQuote(text.charCodeAt(i + depth));
    i = isNameQuoted ? i + depth + 1 : i;
    while ('#$_@'.includes(text.charAt(i) || ' ') && i < at + LONGEST_LOOK) i += 1;
    const end = ahead.next(Kind.nameEnd, i, i + LONGEST_NAME);
    if (end === i) return -1;
    const isHolder = holders.has(text.slice(i, end).toLowerCase());
    depth = countBackslashes(text, end);
    i = isNameQuoted && isQuote(text.charCodeAt(end + depth)) ? end + depth + 1 : end;
    i = skipSign(text, skipGap(text, i));
    if (i === -1 || isHolder) return i;
    if (most === 1) return -1;
    const value = readValue(ahead, i);
    if (value === undefined || value.isCut || value.end > at + LONGEST_LOOK) return -1;
    const valueEnd = behind(text, value);
    i = skipGap(text, valueEnd);
    // HCL has a line for each entry.
    if (text.charAt(i) === ',') i = skipGap(text, i + 1);
    else if (!/[\r\n]/.test(text.slice(valueEnd, i))) return -1;
  }
  return -1;
}

/**
 * Where the value begins of a word in a sentence (`password is X`), a prompt (`Password for alice: X`, `Secret Access Key [None]: X`), a
 * table whose lines begin with it (`password    X`), or SQL (`PASSWORD 'X'`); or -1.
 */
function saidValue(ahead: Ahead, at: number, start: number): number {
  const { text } = ahead;
  let i = at;
  while (i <= at + LONGEST_GAP && (text.charAt(i) === ' ' || text.charAt(i) === '\t')) i += 1;
  // The verb, and `Bearer auth is`.
  if (i === at || i > at + LONGEST_GAP || ['pass', 'auth'].includes(text.slice(start, at).toLowerCase())) return -1;
  if (text.charAt(i) === "'" || text.charAt(i) === '"') return i;
  for (const word of SAYS) if (isWordAt(text, i, word)) return i + word.length;
  if (text.charAt(i) === '[' || isWordAt(text, i, 'for ')) {
    const last = Math.min(text.length, i + LONGEST_PROMPT);
    for (let j = ahead.next(Kind.promptSign, i, last); j < last; j = ahead.next(Kind.promptSign, j + 1, last)) {
      if (text.charCodeAt(j) !== COLON) return -1;
      if (text.charAt(j + 1) === ' ') return j + 2;
    }
    if (text.length < i + LONGEST_PROMPT) return -1;
  }
  if (i < at + 2 && text.charAt(at) !== '\t') return -1;
  let begin = start;
  while (begin > 0 && begin > start - 40 && isNameCharacter(text.charCodeAt(begin - 1))) begin -= 1;
  return begin === 0 || isLineBreak(text.charCodeAt(begin - 1)) ? i : -1;
}

/** Takes the value at `at`, which only its shape tells from a word, from `start` on. */
function takeSaid(ahead: Ahead, at: number, start: number, take: Take): void {
  const { text } = ahead;
  const value = readValue(ahead, at);
  if (value === undefined || !isMixed(ahead, value.start, value.end)) return;
  const word = readIdentifier(text, value.start, value.end);
  if (word.isWords && word.end === value.end) return;
  if (isSecretValue(ahead, value.start, value.end, value.isQuoted, 'token')) take(start, wholeEnd(ahead, value));
}

/** Takes the value at `at` from `start` on, if it is a secret. */
function takeValue(ahead: Ahead, at: number, start: number, strength: Strength, take: Take): void {
  const value = readValue(ahead, at);
  if (value !== undefined && isSecretValue(ahead, value.start, value.end, value.isQuoted, strength))
    take(start, wholeEnd(ahead, value));
}

/** Where the value begins of `token: string = X` and `token string = X`, if a type stands at `at`; else `at`. */
function behindType(text: string, at: number): number {
  if (!isWordAt(text, at, 'string')) return at;
  // `string(12) "X"`: PHP's var_dump.
  const [length] = /^\([0-9]{1,6}\) /.exec(text.slice(at + 6, at + 16)) ?? [];
  if (length !== undefined) return at + 6 + length.length;
  const gap = skipGap(text, at + 6);
  return text.charAt(gap) === '=' ? skipSign(text, gap) : at;
}

/** Whether the name at `start` begins the authority of a URL. */
function isUser(text: string, start: number): boolean {
  let i = start;
  while (i > 0 && i > start - 40 && isNameCharacter(text.charCodeAt(i - 1))) i -= 1;
  return text.startsWith('://', i - 3);
}

/** ODBC writes `PWD={...}`: after `=` and no blank. */
const isBraced = (text: string, at: number, start: number): boolean => text.charAt(at) === '=' && start === at + 1;

/** Where the value begins of an option (`--token X`), an element (`<password>X`), or an entry whose value is named (`name: X, value: Y`); or -1. */
function namedValue(text: string, at: number, start: number, isNameQuoted: boolean): number {
  if (text.charAt(at) === '>' && isElement(text, start)) return skipGap(text, at + 1);
  if (text.startsWith('::', at)) return isWorkflowCommand(text, start) ? at + 2 : -1;
  const gap = skipGap(text, at);
  if (gap > at && behindType(text, gap) > gap) return behindType(text, gap);
  if (gap > at && isOption(text, start)) return gap;
  // A block of HCL: `variable "db_password" { ... }`.
  if (isNameQuoted && text.charAt(gap) === '{') return gap;
  if (text.startsWith('</', at)) return nextElement(text, at);
  if (!isNameQuoted && gap === at && text.charAt(at) !== ',') return -1;
  let i = text.charAt(at) === ',' ? skipGap(text, at + 1) : gap;
  if (i === at) return -1;
  if (isNameQuoted && text.charAt(at) === ',' && (isOption(text, start) || isFirstArgument(text, at, start, i)))
    return i;
  const depth = countBackslashes(text, i);
  const isQuoted = isQuote(text.charCodeAt(i + depth));
  if (isQuoted) i += depth + 1;
  // `ParameterValue` is one too.
  const name = i;
  while (i < name + LONGEST_GAP && isLetter(text.charCodeAt(i))) i += 1;
  if (!isWordAt(text, Math.max(name, i - 5), 'value')) return -1;
  if (isQuoted) i += countBackslashes(text, i) + 1;
  return skipSign(text, skipGap(text, i));
}

/** Where the text begins of the element behind `</name>` at `at`, if it holds a value: `<string>`, `<value>`; or -1. */
function nextElement(text: string, at: number): number {
  const close = indexIn(text, '>', at, at + LONGEST_GAP);
  const open = close === -1 ? -1 : skipGap(text, close + 1);
  if (open === -1 || text.charAt(open) !== '<') return -1;
  const end = indexIn(text, '>', open, open + LONGEST_GAP);
  const name = text.slice(open + 1, Math.max(end, open + 1)).toLowerCase();
  return name === 'string' || holders.has(name) ? skipGap(text, end + 1) : -1;
}

/** Whether the name is the first argument of a call, and the value in quotes of the same kind the second: `set("token", "X")`. */
function isFirstArgument(text: string, at: number, start: number, next: number): boolean {
  const quote = text.charAt(at - 1);
  let i = start;
  while (i > 0 && i > start - 40 && (isNameCharacter(text.charCodeAt(i - 1)) || text.charAt(i - 1) === '.')) i -= 1;
  if (text.charAt(i - 1) !== quote || text.charAt(next + countBackslashes(text, next)) !== quote) return false;
  i -= 2;
  while (i > 0 && (text.charCodeAt(i) === BACKSLASH || text.charAt(i) === ' ') && i > start - 60) i -= 1;
  return text.charAt(i) === '(';
}

/** Whether the name at `start` ends what begins with `--`, or with one hyphen, or stands behind `set`. */
function isOption(text: string, start: number): boolean {
  let i = start;
  while (i > 0 && i > start - 40 && isNameCharacter(text.charCodeAt(i - 1))) i -= 1;
  if (text.charAt(i) === '-') return hasBoundary(text, i);
  return (
    text.charAt(i - 1) === ' ' &&
    mayEndSet(text, i - 2) &&
    /(?:^|[^A-Za-z0-9_])set(?:x|env)?(?: -[A-Za-z]{1,3})? $/i.test(text.slice(Math.max(0, i - 14), i))
  );
}

/** A check before the regular expression of {@link isOption}: the last letter of `set`, `setx` and `setenv`, or a hyphen before three letters at most. */
const mayEndSet = (text: string, last: number): boolean =>
  'tTxXvV'.includes(text.charAt(last) || ' ') || indexIn(text, '-', Math.max(0, last - 3), last) !== -1;

/** Whether the name at `start` is what a command of a GitHub workflow sets: `::set-output name=token::X`. */
function isWorkflowCommand(text: string, start: number): boolean {
  let i = start;
  while (i > 0 && i > start - 40 && isNameCharacter(text.charCodeAt(i - 1))) i -= 1;
  return /::(?:set-output|set-env|save-state) name=$/.test(text.slice(Math.max(0, i - 18), i));
}

function isElement(text: string, start: number): boolean {
  let i = start;
  while (
    i > 0 &&
    i > start - 40 &&
    (isNameCharacter(text.charCodeAt(i - 1)) || text.charAt(i - 1) === ':' || text.charAt(i - 1) === '.')
  )
    i -= 1;
  return text.charAt(i - 1) === '<';
}

/** Reads the value that stands at `end`, as of a token. */
export function readToken(ahead: Ahead, start: number, end: number, take: Take): void {
  const value = readValue(ahead, end);
  if (value !== undefined && isSecretValue(ahead, value.start, value.end, value.isQuoted, 'token'))
    take(start, wholeEnd(ahead, value));
}

/**
 * Reads the value that stands at `end`, behind the name of a service: letters, digits and the signs of base64 and URLs, chance in all
 * of it, and no shorter than any service's key.
 */
export function readVendor(ahead: Ahead, start: number, end: number, take: Take): void {
  const { text } = ahead;
  const value = readValue(ahead, end);
  if (value === undefined || value.isCut) return;
  let to = value.start;
  while (
    to < value.end &&
    (isNameCharacter(text.charCodeAt(to)) ||
      '+/=.%~'.includes(text.charAt(to)) ||
      (text.charAt(to) === ':' && isNumber(text, value.start, to)))
  )
    to += 1;
  // A colour's escape character may be lost: `...[0m`.
  if (to < value.start + SHORTEST_KEY || (to < value.end && text.charAt(to) !== '[')) return;
  if (!hasDigit(ahead, value.start, to) || text.charAt(value.start) === '/' || isPort(text, value.start)) return;
  if (isSecretValue(ahead, value.start, to, value.isQuoted, 'token')) take(start, value.end);
}

/** `2181/kafka`: behind the colon of a service's host. */
function isPort(text: string, start: number): boolean {
  let i = start;
  while (isDigit(text.charCodeAt(i))) i += 1;
  return i > start && i <= start + 5 && text.charAt(i) === '/';
}

/** End of the token of JSON in base64 that begins at `start`: behind a dot another part must stand; -1 if none does. */
export function jwtEnd(ahead: Ahead, start: number): number {
  const { text } = ahead;
  let end = ahead.next(Kind.nameEnd, start, text.length);
  const first = end;
  while (text.charAt(end) === '.' && isNameCharacter(text.charCodeAt(end + 1)))
    end = ahead.next(Kind.nameEnd, end + 1, text.length);
  return end - first > SHORTEST_SIGNATURE || text.startsWith('.eyJ', first) ? end : -1;
}

// ---------------------------------------------------------------- headers

/** End of the run of characters that a credential has, or `most`. */
const credentialEnd = (ahead: Ahead, start: number, most = start + LONGEST_QUOTED): number =>
  ahead.next(Kind.credentialEnd, start, most);

const isCredential = (ahead: Ahead, start: number, end: number): boolean => {
  const { text } = ahead;
  return (
    isAsLong(text, start, end, SHORTEST_VALUE) &&
    (hasDigit(ahead, start, end) || text.charAt(end - 1) === '=' || isRandomCase(ahead, start, end)) &&
    !isUniform(text, start, end) &&
    !isTemplate(text, start, end) &&
    !isAddress(ahead, start, end) &&
    !isTokenName(ahead, start, end)
  );
};

/** Reads what follows the name of the header `Authorization`: a scheme, and what belongs to it. */
export function readAuthorization(ahead: Ahead, _start: number, end: number, take: Take): void {
  const { text } = ahead;
  const sign = headerValue(text, end);
  if (sign === -1) return;
  ahead.charge(WORK.reader);
  const depth = countBackslashes(text, sign);
  const first = isQuote(text.charCodeAt(sign + depth)) ? sign + depth + 1 : sign;
  let from = first;
  let to = credentialEnd(ahead, from);
  if (text.charAt(to) === ' ' && isScheme(text, from, to)) {
    from = to + 1;
    while (text.charAt(from) === ' ' && from < to + 4) from += 1;
    to = credentialEnd(ahead, from);
  }
  // `Digest username="...", response="..."`, `AWS4-HMAC-SHA256 Credential=..., Signature=...`
  let pair = pairEnd(ahead, from);
  for (let pairs = 1; pair !== -1; pairs++) {
    to = pair;
    if (text.charAt(pair) !== ',' || pairs === MOST_PAIRS) break;
    let next = pair + 1;
    while (text.charAt(next) === ' ' && next < pair + 4) next += 1;
    pair = pairEnd(ahead, next);
  }
  if (isCredential(ahead, from, to)) take(first, credentialEnd(ahead, to, text.length));
}

const isScheme = (text: string, start: number, end: number): boolean => {
  if (end - start > 24 || !isLetter(text.charCodeAt(start))) return false;
  for (let i = start; i < end; i++) if (!isNameCharacter(text.charCodeAt(i))) return false;
  return end > start;
};

/** Where the value of a header begins whose name ends at `end`, or -1. */
function headerValue(text: string, end: number): number {
  const depth = countBackslashes(text, end);
  const at = isQuote(text.charCodeAt(end + depth)) ? end + depth + 1 : end;
  return skipSign(text, skipGap(text, text.charAt(at) === ']' ? at + 1 : at));
}

/** Where the name that begins at `at` ends: letters, digits, `_`, `-` and `signs`. */
function pairName(ahead: Ahead, at: number, signs: string): number {
  let i = at;
  for (let parts = 0; parts < MOST_PARTS; parts++) {
    i = ahead.next(Kind.nameEnd, i, at + LONGEST_LOOK);
    if (!signs.includes(ahead.text.charAt(i) || ' ')) break;
    i += 1;
  }
  return i;
}

/** End of `name=value` at `at`, or -1. */
function pairEnd(ahead: Ahead, at: number): number {
  const { text } = ahead;
  const i = pairName(ahead, at, '.');
  if (i === at || text.charAt(i) !== '=') return -1;
  const value = i + 1;
  const depth = countBackslashes(text, value);
  if (!isQuote(text.charCodeAt(value + depth))) return credentialEnd(ahead, value);
  const end = quotedEnd(text, value + depth + 1, text.charCodeAt(value + depth), depth);
  return end === -1 ? credentialEnd(ahead, value + depth + 1) : end + depth + 1;
}

/** Reads the pairs of `Cookie` and `Set-Cookie`, if one of their values looks like a secret. */
export function readCookies(ahead: Ahead, _start: number, end: number, take: Take): void {
  const { text } = ahead;
  const sign = headerValue(text, end);
  if (sign === -1) return;
  ahead.charge(WORK.reader);
  const depth = countBackslashes(text, sign);
  const first = isQuote(text.charCodeAt(sign + depth)) ? sign + depth + 1 : sign;
  let isSecret = false;
  let to = first;
  let name = first;
  while (name < first + LONGEST_COMMAND) {
    // Pairs that were read for the name before, and hold no secret.
    if (name > ahead.cookiesFrom && name < ahead.cookiesTo) name = ahead.cookiesTo;
    const from = name;
    name = pairName(ahead, from, '.%');
    if (name === from || text.charAt(name) !== '=') break;
    to = credentialEnd(ahead, name + 1);
    isSecret ||= isCredential(ahead, name + 1, to);
    if (text.charAt(to) !== ';') break;
    name = to + 1;
    while (text.charAt(name) === ' ' && name < to + 4) name += 1;
  }
  if (isSecret) take(first, credentialEnd(ahead, to, text.length));
  else [ahead.cookiesFrom, ahead.cookiesTo] = [first, name];
}

/** End of what follows the scheme `Basic`, if it is padded base64 or says `user:password`; -1 of `basic authentication`. */
export function basicEnd(ahead: Ahead, start: number): number {
  const { text } = ahead;
  let from = start + 'basic'.length;
  while (text.charAt(from) === ' ' || text.charAt(from) === '+') from += 1;
  const padding = ahead.next(Kind.notBase64, from, from + LONGEST_QUOTED);
  let end = padding;
  while (end < padding + 2 && text.charAt(end) === '=') end += 1;
  return end > padding || saysUserAndPassword(text, from, Math.min(padding, from + LONGEST_BASIC)) ? end : -1;
}

// ---------------------------------------------------------------- URLs

/** Whether `code` ends a URL wherever it stands. */
const endsUrl = (code: number): boolean =>
  code <= 32 || isQuote(code) || isTypographicQuote(code) || code === 60 || code === 62;

/** Whether a backslash at `at` begins an escape that ends a text, and is not a character of a password. */
const isEscapeAt = (ahead: Ahead, at: number): boolean => {
  const next = ahead.text.charAt(ahead.next(Kind.notBackslash, at, at + DEEPEST_ESCAPE));
  return next === '' || 'nrtu"\'`/'.includes(next);
};

/** Reads user and password of the URL that has `://` at `start`: up to the last `@` of its authority. */
export function readUrl(ahead: Ahead, start: number, end: number, take: Take): void {
  const { text } = ahead;
  ahead.charge(WORK.part);
  let i = end;
  let at = -1;
  let colon = -1;
  for (; i < text.length && i < end + LONGEST_AUTHORITY; i++) {
    const code = text.charCodeAt(i);
    if (endsUrl(code) || code === 47 || code === 63 || code === 35 || (code === BACKSLASH && isEscapeAt(ahead, i)))
      break;
    if (code === 64) at = i;
    if (code === 58 && colon === -1) colon = i;
  }
  if (at === -1 && colon !== -1 && isNoPort(text, colon + 1, i)) {
    // The password has a sign in it that should have been encoded.
    for (let j = i; j < text.length && j < i + LONGEST_ODD_PASSWORD; j++) {
      const code = text.charCodeAt(j);
      if (endsUrl(code) || text.startsWith('://', j) || (code === BACKSLASH && isEscapeAt(ahead, j))) break;
      if (code === 64 && isHostCharacter(text.charCodeAt(j + 1))) at = j;
    }
  }
  if (at <= end) return;
  if (colon === -1 || colon > at) {
    if (isUserToken(ahead, end, at)) take(start, at + 1);
    return;
  }
  if (colon + 1 === at ? isUserToken(ahead, end, colon) : !isTemplateOnly(text, colon + 1, at)) take(start, at + 1);
}

/** Whether what follows the colon of a host is no port, so that the colon is before a password. */
function isNoPort(text: string, start: number, end: number): boolean {
  if (end === start) return false;
  for (let i = start; i < end; i++) if (!isDigit(text.charCodeAt(i))) return text.charAt(start) !== ']';
  return false;
}

const isHostCharacter = (code: number): boolean => isAlphanumeric(code) || code === 91;

/** A token in the place of a user's name. */
function isUserToken(ahead: Ahead, start: number, end: number): boolean {
  const { text } = ahead;
  return (
    isAsLong(text, start, end, 16) &&
    isMixed(ahead, start, end) &&
    !isTemplate(text, start, end) &&
    !isTokenName(ahead, start, end)
  );
}

/** All of it stands for a password: `${PASSWORD}`, `<password>`, `***`, a placeholder of ours. */
function isTemplateOnly(text: string, start: number, end: number): boolean {
  const [first, last] = [text.charAt(start), text.charAt(end - 1)];
  if (first === '$' && (last === '}' || last === ')' || isNameOnly(text, start + 1, end)))
    return isTemplate(text, start, end);
  if (first === '{' && last === '}') return isTemplate(text, start, end);
  if (isWordAt(text, start, '[redacted') && indexIn(text, ']', start, end) === end - 1) return true;
  return first === '*' && isUniform(text, start, end);
}

/** Reads user and password of an address without a scheme, around the `@` at `start`. */
export function readUserinfo(ahead: Ahead, start: number, end: number, take: Take): void {
  const { text } = ahead;
  if (!isHost(text, end)) return;
  let i = ahead.userStart(start);
  if (ahead.next(Kind.colon, i, start) === start) return;
  ahead.charge(WORK.reader);
  i = skipBareColour(text, i);
  while (i < start && (text.charCodeAt(i) === 47 || !hasBoundary(text, i))) i += 1;
  const colon = ahead.next(Kind.colon, i, start);
  if (colon === i || !isAsLong(text, colon + 1, start, 6)) return;
  for (let j = i; j < colon; j++) {
    const code = text.charCodeAt(j);
    if (!isNameCharacter(code) && !isUserSign(code)) return;
  }
  if (!isUserPassword(ahead, colon + 1, start)) return;
  if (noUsers.has(text.slice(i, colon).toLowerCase())) return;
  if (isTemplate(text, colon + 1, start) || isNames(text, colon + 1, start)) return;
  take(i, end);
}

const isUserSign = setOf('.%+~@');

/** Whether a password stands at `[start, at)`, before the `@` at `at`. */
function isUserPassword(ahead: Ahead, start: number, at: number): boolean {
  if (isMixed(ahead, start, at)) return true;
  const { letters, upper, changes } = readCase(ahead.text, start, at);
  // A lower-case password differs from a word only by the port behind the host.
  return (upper > 0 && upper < letters && changes > 1) || (letters >= SHORTEST_VALUE && hasPort(ahead.text, at + 1));
}

/** Whether a host and its port stand at `start`. */
function hasPort(text: string, start: number): boolean {
  let i = start;
  while (i < start + 253 && (isAlphanumeric(text.charCodeAt(i)) || '-.'.includes(text.charAt(i) || ' '))) i += 1;
  return text.charAt(i) === ':' && isDigit(text.charCodeAt(i + 1));
}

/** A name with a domain of letters, an IPv4 address, or any name with a port. */
function isHost(text: string, start: number): boolean {
  let i = start;
  let dots = 0;
  let label = start;
  let isNumeric = true;
  for (; i < start + 253; i++) {
    const code = text.charCodeAt(i);
    if (code === 46 && isAlphanumeric(text.charCodeAt(i + 1))) {
      dots += 1;
      label = i + 1;
    } else if (!isAlphanumeric(code) && code !== 45) break;
    else if (!isDigit(code)) isNumeric = false;
  }
  if (i === start) return false;
  if (text.charAt(i) === ':' && isDigit(text.charCodeAt(i + 1))) return true;
  if (isWordAt(text, start, 'localhost') && i === start + 9) return true;
  if (isNumeric) return dots === 3;
  if (dots === 0 || i - label < 2) return false;
  for (let j = label; j < i; j++) if (!isLetter(text.charCodeAt(j))) return false;
  return true;
}

// ---------------------------------------------------------------- blocks

/** End of the block whose first line ends at `from`: behind its last line, or of the text; -1 if it is only spoken of. */
export function blockEnd(text: string, from: number): number {
  if (isOnlyNamed(text, from)) return -1;
  const last = /-{4,5} {0,1}END/g;
  last.lastIndex = from;
  const found = last.exec(text);
  if (found === null) return text.length;
  const at = last.lastIndex;
  const dashes = text.slice(at, at + 80).indexOf('----');
  if (dashes === -1) return at;
  let end = at + dashes + 4;
  if (text.charAt(end) === '-') end += 1;
  return end;
}

// ---------------------------------------------------------------- command lines

/** An option of a program: its name, and the sign behind it in the vocabulary, or a blank. */
interface Option {
  readonly name: string;
  readonly sign: string;
  /** Whether its value is never in the same argument. */
  readonly isAlone: boolean;
}

const commands: Readonly<Record<string, readonly Option[]>> = Object.fromEntries(
  Object.entries(VOCABULARY.commands).map(([program, options]) => [
    program,
    options.map((option) => {
      const isSigned = ':%=~ '.includes(option.slice(-1));
      const sign = isSigned ? option.slice(-1) : ' ';
      return { name: isSigned ? option.slice(0, -1) : option, sign, isAlone: option.endsWith(' ') };
    }),
  ]),
);

/** The argument that begins at or behind `at`: read once for all programs whose command line it is in. */
function argumentAt(ahead: Ahead, at: number): Argument | undefined {
  const line = ahead.commandLine;
  let [low, high] = [0, line.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((line[middle] as Argument).at < at) low = middle + 1;
    else high = middle;
  }
  const known = line[low];
  if (known?.at === at) return known;
  const argument = nextArgument(ahead, at);
  if (argument === undefined) return undefined;
  if (line.at(-1)?.next !== at) line.length = 0;
  line.push(argument);
  return argument;
}

const endsCommand = setOf(';|&)]}>\n\r');
const isPartSign = setOf(':=');

/** The argument that begins at or behind `at`, in or without quotes; undefined where the command ends. */
function nextArgument(ahead: Ahead, at: number): Argument | undefined {
  const { text } = ahead;
  let i = at;
  for (; i < at + LONGEST_COMMAND; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH && isLineBreak(text.charCodeAt(i + 1))) {
      i += text.charCodeAt(i + 1) === 13 ? 2 : 1;
      continue;
    }
    if (code !== 32 && code !== 9 && code !== 44 && !(code === 91 && isQuote(text.charCodeAt(i + 1)))) break;
  }
  if (i >= text.length || endsCommand(text.charCodeAt(i))) return undefined;
  const depth = countBackslashes(text, i);
  const quote = text.charCodeAt(i + depth);
  if (isQuote(quote)) {
    const start = i + depth + 1;
    const end = quotedEnd(text, start, quote, depth);
    return end === -1 ? undefined : { at, start, end, next: end + depth + 1 };
  }
  let end = i;
  const last = Math.min(text.length, i + LONGEST_COMMAND);
  while (end < last) {
    const each = text.charCodeAt(end);
    if (isQuote(each)) {
      // `user:'password'`: a part of it is in quotes.
      const close = end > i && isPartSign(text.charCodeAt(end - 1)) ? quotedEnd(text, end + 1, each, 0) : -1;
      if (close === -1) break;
      end = close + 1;
    } else if (isSpace(each) || (each === BACKSLASH && isEscapeAt(ahead, end))) break;
    else end += 1;
  }
  return end === i ? undefined : { at, start: i, end, next: end };
}

/** Reads the secrets among the arguments of the program whose name is at `[start, end)`. Returns where it has read up to. */
export function readCommand(ahead: Ahead, start: number, end: number, take: Take): number {
  const { text } = ahead;
  const options = commands[text.slice(start, end).toLowerCase()] ?? [];
  let at = text.charAt(end - 1) === ' ' ? end - 1 : end;
  if (at === end && isNameCharacter(text.charCodeAt(at))) return end;
  ahead.charge(WORK.reader);
  // The quote behind a program's name that stands alone in a list of arguments.
  const depth = countBackslashes(text, at);
  if (isQuote(text.charCodeAt(at + depth)) && text.charAt(at + depth + 1) === ',') at += depth + 1;
  const limit = Math.min(text.length, end + LONGEST_COMMAND);
  let wanted = '';
  for (;;) {
    const argument = argumentAt(ahead, at);
    if (argument === undefined || argument.start >= limit) return at;
    at = argument.next;
    if (wanted !== '') {
      takeArgument(ahead, argument.start, argument.end, wanted, false, take);
      wanted = '';
    } else if (text.charCodeAt(argument.start) === 45) wanted = readOption(ahead, argument, options, take);
  }
}

/** Takes the value of the option at the begin of the argument, if it has one; returns the option's sign if the next argument is its value, or nothing. */
function readOption(ahead: Ahead, { start, end }: Argument, options: readonly Option[], take: Take): string {
  const { text } = ahead;
  const second = text.charCodeAt(start + 1);
  for (const { name, sign, isAlone } of options) {
    if (name.charCodeAt(1) !== second || start + name.length > end || !text.startsWith(name, start)) continue;
    const rest = start + name.length;
    if (rest === end) return sign;
    if (isAlone) continue;
    const isSigned = text.charCodeAt(rest) === EQUALS || text.charCodeAt(rest) === 32;
    if (!isSigned && name.startsWith('--')) continue;
    takeArgument(ahead, isSigned ? rest + 1 : rest, end, sign, true, take);
    break;
  }
  return '';
}

/** Takes the value of an option, by the sign behind the option; see COMMANDS. */
function takeArgument(ahead: Ahead, start: number, end: number, sign: string, isGlued: boolean, take: Take): void {
  const { text } = ahead;
  if (end <= start || isTemplateOnly(text, start, end) || isTemplate(text, start, end)) return;
  if (sign === ':' || sign === '%') {
    const at = indexIn(text, sign, start, end);
    // A token may be the user alone, or the password alone.
    const isPair =
      at === -1 || at + 1 === end ? false : !isTemplateOnly(text, at + 1, end) && !isTemplate(text, at + 1, end);
    if (
      isPair ||
      (at + 1 === end &&
        isAsLong(text, start, at, SHORTEST_VALUE) &&
        isMixed(ahead, start, at) &&
        !isNames(text, start, at))
    )
      take(start, end);
    return;
  }
  if (sign === '=') {
    const at = indexIn(text, '=', start, end);
    if (at !== -1 && isCredential(ahead, at + 1, end)) take(start, end);
    return;
  }
  if (
    sign === '~' &&
    !isGlued &&
    (!isAsLong(text, start, end, 6) || !isMixed(ahead, start, end) || isNames(text, start, end))
  )
    return;
  if (text.charAt(start) !== '-') take(start, end);
}

/** Reads `user:password` behind `-u`, of whatever program: only where the password looks like one. */
export function readUserFlag(ahead: Ahead, start: number, end: number, take: Take): void {
  const { text } = ahead;
  const value = readValue(ahead, end);
  if (value === undefined || isWordAt(text, value.start, '[redacted')) return;
  const colon = ahead.next(Kind.colon, value.start, Math.min(value.end, value.start + 100));
  if (colon <= value.start || colon >= value.end - 1 || text.charAt(colon) !== ':') return;
  if (ahead.has(Kind.space, value.start, colon)) return;
  const from = colon + 1;
  if (!isAsLong(text, from, value.end, 6) || !hasLetter(ahead, from, value.end)) return;
  if (!hasDigit(ahead, from, value.end) && !hasUpper(ahead, from, value.end)) return;
  if (isTemplateOnly(text, from, value.end) || isTemplate(text, from, value.end) || isNames(text, from, value.end))
    return;
  take(start, wholeEnd(ahead, value));
}
