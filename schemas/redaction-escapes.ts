/**
 * Reads a text with its escapes resolved: those of JSON and other languages after any number of backslashes,
 * percent-encoding, and character references of HTML and XML. The collector's processor implements the same in Go
 * (escapes.go).
 */
import { Look } from './redaction-scan.js';
import {
  BACKSLASH,
  hexValue,
  isDigit,
  isHex,
  isHexDigit,
  isLetter,
  isOctal,
  isQuote,
  isSpace,
  PERCENT,
} from './redaction-text.js';

const AMPERSAND = 38;
/** Replacement for characters beyond ASCII. */
const BEYOND_ASCII = 0xfffd;

/** HTML references for a single ASCII character. */
export const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
  nbsp: ' ',
  num: '#',
  colon: ':',
  equals: '=',
  commat: '@',
  sol: '/',
  bsol: '\\',
  lowbar: '_',
  hyphen: '-',
  dash: '-',
  period: '.',
  plus: '+',
  dollar: '$',
  excl: '!',
  tab: '\t',
  newline: '\n',
  semi: ';',
  comma: ',',
  quest: '?',
  percnt: '%',
  lpar: '(',
  rpar: ')',
  lsqb: '[',
  rsqb: ']',
  lcub: '{',
  rcub: '}',
  ast: '*',
  grave: '`',
  tilde: '~',
  hat: '^',
  verbar: '|',
};
const LONGEST_ENTITY = 10;

const entities = new Map(Object.entries(ENTITIES).map(([name, character]) => [name, character.charCodeAt(0)]));

/** By character: its meaning after a backslash, or 0. */
const SIMPLE = new Uint8Array(128);
for (const [letter, code] of Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, v: 11, a: 7, e: 27 }))
  SIMPLE[letter.charCodeAt(0)] = code;
for (const sign of '"\'`/') SIMPLE[sign.charCodeAt(0)] = sign.charCodeAt(0);
const LETTER_U = 117;

export interface View {
  readonly text: string;
  /** Converts index `at` of {@link text} to an index in the source text. */
  readonly toSource: (at: number) => number;
}

/**
 * Value of the last escape that was read, and whether it needs an additional reading of the text; `
 * `, `\"` and similar do not.
 */
let unit = 0;
let isHard = false;

/** The resolved text, and pairs of an index in it and the corresponding index in the source. */
let units = new Uint16Array(1024);
let anchors = new Int32Array(1024);

/**
 * Returns the text with its escapes resolved; undefined if it has none, or only those that the reader of the text
 * itself handles (`
 * `, `\"` and similar).
 *
 * @param plus whether `+` is a blank, as in forms.
 */
export function resolveEscapes(text: string, plus: boolean): View | undefined {
  if (units.length < text.length) units = new Uint16Array(text.length * 2);
  let length = 0;
  let count = 0;
  let isAnyHard = false;
  let all = 0;
  for (let i = 0; i < text.length;) {
    const code = text.charCodeAt(i);
    const size = code < 128 && begins[code] === 1 ? readEscape(text, i, code, plus) : 0;
    if (size === 0) {
      units[length++] = code;
      all |= code;
      i += 1;
      continue;
    }
    isAnyHard ||= isHard;
    units[length++] = unit;
    all |= unit;
    i += size;
    if (count === anchors.length) {
      const more = new Int32Array(count * 2);
      more.set(anchors);
      anchors = more;
    }
    anchors[count++] = length;
    anchors[count++] = i;
  }
  if (!isAnyHard) return undefined;
  const own = anchors.slice(0, count);
  return { text: textOf(length, all < 256), toSource: (at) => sourceOf(own, at) };
}

/** By character: 1 where an escape may begin. */
const begins = new Uint8Array(128);
for (const code of [BACKSLASH, PERCENT, AMPERSAND, 43]) begins[code] = 1;

/**
 * Returns the length of the escape at `at`, which begins with `code`; 0 if there is none. Stores its value in {@link
 * unit}.
 */
function readEscape(text: string, at: number, code: number, plus: boolean): number {
  isHard = true;
  if (code === BACKSLASH) return readBackslash(text, at);
  if (code === PERCENT) return readPercent(text, at);
  if (code === AMPERSAND) return readEntity(text, at);
  unit = 32;
  return plus ? 1 : 0;
}

function textOf(length: number, isLatin1: boolean): string {
  const bytes = Buffer.from(units.buffer, 0, length * 2);
  if (!isLatin1) return bytes.toString('utf16le');
  // Half the size, which is read faster. In place, because each byte is written where it has been read.
  for (let i = 0; i < length; i++) bytes[i] = units[i] as number;
  return bytes.toString('latin1', 0, length);
}

function sourceOf(pairs: Int32Array, at: number): number {
  let [low, high] = [0, pairs.length >> 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((pairs[middle * 2] as number) <= at) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? at : (pairs[low * 2 - 1] as number) + at - (pairs[low * 2 - 2] as number);
}

/**
 * Returns whether the text may have an escape that needs an additional reading. A quick check without allocations.
 *
 * @param look bits of `Look` for the text: only signs that occur are searched.
 */
export function mayHaveEscapes(text: string, look: number): boolean {
  for (let i = look & Look.backslash ? text.indexOf('\\') : -1; i !== -1; i = text.indexOf('\\', i + 1)) {
    const next = text.charCodeAt(i + 1);
    // u, U, x, / and the octal digits 0 to 3.
    if (next === 117 || next === 85 || next === 120 || next === 47 || (next >= 48 && next <= 51)) return true;
  }
  for (let i = look & Look.percent ? text.indexOf('%') : -1; i !== -1; i = text.indexOf('%', i + 1))
    if (isHexDigit(text.charCodeAt(i + 1)) || text.charAt(i + 1) === 'u') return true;
  for (let i = look & Look.ampersand ? text.indexOf('&') : -1; i !== -1; i = text.indexOf('&', i + 1))
    if (isLetter(text.charCodeAt(i + 1)) || text.charAt(i + 1) === '#') return true;
  return false;
}

/** Returns whether the text may be a form with blanks: a `+` after a `=`, without a blank or quote in between. */
export function mayBeForm(text: string): boolean {
  let isField = false;
  for (let i = text.includes('+') ? Math.max(0, text.indexOf('=')) : text.length; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 61) isField = true;
    else if (code === 43 && isField) return true;
    else if (isSpace(code) || isQuote(code)) isField = false;
  }
  return false;
}

function number(text: string, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 16 + hexValue(text.charCodeAt(i));
  return value;
}

/** Stores the value of an escape and returns its length. All characters beyond ASCII are treated alike. */
function reads(value: number, length: number): number {
  unit = value < 0x80 ? value : BEYOND_ASCII;
  return length;
}

function readBackslash(text: string, at: number): number {
  let i = at + 1;
  while (text.charCodeAt(i) === BACKSLASH) i += 1;
  const letter = text.charCodeAt(i);
  const digits = letter === LETTER_U ? 4 : letter === 120 ? 2 : letter === 85 ? 8 : 0;
  if (digits > 0 && isHex(text, i + 1, digits)) return reads(number(text, i + 1, digits), i + 1 + digits - at);
  if (letter === LETTER_U) {
    const length = readBraces(text, at, i + 1);
    if (length > 0) return length;
  }
  if (isOctal(text, i)) {
    const value = (letter - 48) * 64 + (text.charCodeAt(i + 1) - 48) * 8 + text.charCodeAt(i + 2) - 48;
    return reads(value, i + 3 - at);
  }
  const simple = letter < 128 ? (SIMPLE[letter] as number) : 0;
  isHard = letter === 47;
  return simple === 0 ? reads(BACKSLASH, i - at) : reads(simple, i + 1 - at);
}

/** Reads `{1b}` of `\u{1b}` at `open`. */
function readBraces(text: string, at: number, open: number): number {
  if (text.charCodeAt(open) !== 123) return 0;
  let end = open + 1;
  while (end < open + 7 && isHexDigit(text.charCodeAt(end))) end += 1;
  if (end === open + 1 || text.charCodeAt(end) !== 125) return 0;
  return reads(number(text, open + 1, end - open - 1), end + 1 - at);
}

function readPercent(text: string, at: number): number {
  let i = at + 1;
  // `%2520` was encoded twice.
  while (text.charCodeAt(i) === 50 && text.charCodeAt(i + 1) === 53 && isHex(text, i + 2, 2)) i += 2;
  if (isHex(text, i, 2)) return reads(number(text, i, 2), i + 2 - at);
  if (text.charCodeAt(i) === LETTER_U && isHex(text, i + 1, 4)) return reads(number(text, i + 1, 4), i + 5 - at);
  return 0;
}

function readEntity(text: string, at: number): number {
  let i = at + 1;
  while (text.charCodeAt(i) === 97 && text.startsWith('amp;', i)) i += 4;
  // `&amp;` alone, or nested.
  const ampersand = i - at - 1;
  if (text.charCodeAt(i) === 35) {
    const sign = text.charCodeAt(i + 1) | 32;
    const first = i + (sign === 120 ? 2 : 1);
    let end = first;
    let value = 0;
    for (
      let code = text.charCodeAt(end);
      end < first + 7 && (sign === 120 ? isHexDigit(code) : isDigit(code));
      code = text.charCodeAt(end)
    ) {
      value = value * (sign === 120 ? 16 : 10) + hexValue(code);
      end += 1;
    }
    if (end > first) return reads(value, end + (text.charCodeAt(end) === 59 ? 1 : 0) - at);
    return ampersand === 0 ? 0 : reads(AMPERSAND, ampersand + 1);
  }
  let end = i;
  while (end < i + LONGEST_ENTITY && isLetter(text.charCodeAt(end))) end += 1;
  const known = text.charCodeAt(end) === 59 ? entities.get(text.slice(i, end).toLowerCase()) : undefined;
  if (known !== undefined) return reads(known, end + 1 - at);
  return ampersand === 0 ? 0 : reads(AMPERSAND, ampersand + 1);
}
