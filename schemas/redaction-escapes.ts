/**
 * Reads a text as the program does that resolves its escapes: JSON's and other languages' after any number of
 * backslashes, percent-encoding, and references of HTML and XML. The collector's processor has the same in Go (escapes.go).
 */
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
/** Stands for whatever is beyond ASCII. */
const BEYOND_ASCII = '\ufffd';

/** References of HTML that stand for one character of ASCII. */
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

/** What one character stands for after a backslash. */
const SIMPLE: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  e: '\u001b',
  '"': '"',
  "'": "'",
  '`': '`',
  '/': '/',
};

export interface View {
  readonly text: string;
  /** Index in the text that was read of index `at` of {@link text}. Asked with growing indices. */
  readonly toSource: (at: number) => number;
}

/**
 * The text with its escapes resolved, or undefined if it has none but those that a reader of the text itself
 * understands (`\n`, `\"` and their like).
 *
 * @param plus whether `+` is a blank, as in forms.
 */
export function resolveEscapes(text: string, plus: boolean): View | undefined {
  const pieces: string[] = [];
  /** Pairs: an index in the result, and the index in `text` from which the two go on alike. */
  const anchors: number[] = [0, 0];
  let length = 0;
  let done = 0;
  let isHard = false;
  for (let i = 0; i < text.length;) {
    const code = text.charCodeAt(i);
    if (code !== BACKSLASH && code !== PERCENT && code !== AMPERSAND && !(plus && code === 43)) {
      i += 1;
      continue;
    }
    const at = i;
    const read =
      code === BACKSLASH
        ? readBackslash(text, i)
        : code === PERCENT
          ? readPercent(text, i)
          : code === AMPERSAND
            ? readEntity(text, i)
            : PLUS;
    if (read === undefined) {
      i += 1;
      continue;
    }
    i = at + read.length;
    isHard ||= read.isHard;
    pieces.push(text.slice(done, at), read.text);
    length += at - done + read.text.length;
    done = i;
    anchors.push(length, i);
  }
  if (!isHard) return undefined;
  pieces.push(text.slice(done));
  let anchor = 0;
  return {
    text: pieces.join(''),
    toSource: (at) => {
      while ((anchors[anchor + 2] ?? Infinity) <= at) anchor += 2;
      while (anchor > 0 && (anchors[anchor] ?? 0) > at) anchor -= 2;
      return (anchors[anchor + 1] ?? 0) + at - (anchors[anchor] ?? 0);
    },
  };
}

/** Whether any escape may be in the text that makes a reading of its own worth while; a first look that allocates nothing. */
export function mayHaveEscapes(text: string): boolean {
  for (let i = text.indexOf('\\'); i !== -1; i = text.indexOf('\\', i + 1)) {
    const next = text.charCodeAt(i + 1);
    // u, U, x, / and the octal digits 0 to 3.
    if (next === 117 || next === 85 || next === 120 || next === 47 || (next >= 48 && next <= 51)) return true;
  }
  for (let i = text.indexOf('%'); i !== -1; i = text.indexOf('%', i + 1))
    if (isHexDigit(text.charCodeAt(i + 1)) || text.charAt(i + 1) === 'u') return true;
  for (let i = text.indexOf('&'); i !== -1; i = text.indexOf('&', i + 1))
    if (isLetter(text.charCodeAt(i + 1)) || text.charAt(i + 1) === '#') return true;
  return false;
}

/** Whether a form may be in the text that has blanks in it: a `+` behind a `=`, with no blank or quote between. */
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

interface Read {
  readonly text: string;
  readonly length: number;
  readonly isHard: boolean;
}

const PLUS: Read = { text: ' ', length: 1, isHard: true };

const character = (value: number): string => (value < 0x80 ? String.fromCharCode(value) : BEYOND_ASCII);

function number(text: string, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 16 + hexValue(text.charCodeAt(i));
  return value;
}

function readBackslash(text: string, at: number): Read | undefined {
  let i = at;
  while (text.charCodeAt(i) === BACKSLASH) i += 1;
  const letter = text.charAt(i);
  const hex = (digits: number): Read | undefined =>
    isHex(text, i + 1, digits)
      ? { text: character(number(text, i + 1, digits)), length: i + 1 + digits - at, isHard: true }
      : undefined;
  if (letter === 'u') {
    const read = hex(4) ?? readBraces(text, at, i + 1);
    if (read !== undefined) return read;
  }
  if (letter === 'x' || letter === 'U') {
    const read = hex(letter === 'x' ? 2 : 8);
    if (read !== undefined) return read;
  }
  if (isOctal(text, i)) {
    const value = (text.charCodeAt(i) - 48) * 64 + (text.charCodeAt(i + 1) - 48) * 8 + text.charCodeAt(i + 2) - 48;
    return { text: character(value), length: i + 3 - at, isHard: true };
  }
  const simple = Object.hasOwn(SIMPLE, letter) ? SIMPLE[letter] : undefined;
  if (simple !== undefined) return { text: simple, length: i + 1 - at, isHard: letter === '/' };
  return { text: '\\', length: i - at, isHard: false };
}

/** `{1b}` of `\u{1b}`, at `open`. */
function readBraces(text: string, at: number, open: number): Read | undefined {
  if (text.charAt(open) !== '{') return undefined;
  let end = open + 1;
  while (end < open + 7 && isHexDigit(text.charCodeAt(end))) end += 1;
  if (end === open + 1 || text.charAt(end) !== '}') return undefined;
  return { text: character(number(text, open + 1, end - open - 1)), length: end + 1 - at, isHard: true };
}

function readPercent(text: string, at: number): Read | undefined {
  let i = at + 1;
  // `%2520` was encoded twice.
  while (text.charCodeAt(i) === 50 && text.charCodeAt(i + 1) === 53 && isHex(text, i + 2, 2)) i += 2;
  if (isHex(text, i, 2)) return { text: character(number(text, i, 2)), length: i + 2 - at, isHard: true };
  if (text.charAt(i) === 'u' && isHex(text, i + 1, 4))
    return { text: character(number(text, i + 1, 4)), length: i + 5 - at, isHard: true };
  return undefined;
}

function readEntity(text: string, at: number): Read | undefined {
  let i = at + 1;
  while (text.startsWith('amp;', i)) i += 4;
  // `&amp;` alone, or several in one another.
  const ampersand = i > at + 1 ? { text: '&', length: i - at, isHard: true } : undefined;
  if (text.charAt(i) === '#') {
    const isHexadecimal = text.charAt(i + 1) === 'x' || text.charAt(i + 1) === 'X';
    const first = i + (isHexadecimal ? 2 : 1);
    let end = first;
    let value = 0;
    for (
      let code = text.charCodeAt(end);
      end < first + 7 && (isHexadecimal ? isHexDigit(code) : isDigit(code));
      code = text.charCodeAt(end)
    ) {
      value = value * (isHexadecimal ? 16 : 10) + hexValue(code);
      end += 1;
    }
    if (end === first) return ampersand;
    return { text: character(value), length: end + (text.charAt(end) === ';' ? 1 : 0) - at, isHard: true };
  }
  let end = i;
  while (end < i + LONGEST_ENTITY && isLetter(text.charCodeAt(end))) end += 1;
  const name = text.slice(i, end).toLowerCase();
  if (text.charAt(end) !== ';' || !Object.hasOwn(ENTITIES, name)) return ampersand;
  return { text: ENTITIES[name] ?? '', length: end + 1 - at, isHard: true };
}
