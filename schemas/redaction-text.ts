/**
 * Character classes, and what may precede a secret. The collector's processor implements the same in Go (text.go). Both
 * work on code points and treat all characters beyond ASCII alike.
 */
export const BACKSLASH = 92;
export const PERCENT = 37;
const ESCAPE = 27;

export const isDigit = (code: number): boolean => code >= 48 && code <= 57;
export const isLower = (code: number): boolean => code >= 97 && code <= 122;
export const isUpper = (code: number): boolean => code >= 65 && code <= 90;
export const isLetter = (code: number): boolean => isLower(code) || isUpper(code);
export const isAlphanumeric = (code: number): boolean => isDigit(code) || isLetter(code);
export const isNameCharacter = (code: number): boolean => isAlphanumeric(code) || code === 95 || code === 45;
export const isHexDigit = (code: number): boolean =>
  isDigit(code) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);
/** Returns a predicate for a set of ASCII character codes. */
export function setOf(characters: string): (code: number) => boolean {
  const table = new Uint8Array(128);
  for (let i = 0; i < characters.length; i++) table[characters.charCodeAt(i)] = 1;
  return (code) => code < 128 && table[code] === 1;
}
/** `'`, `"` and the backtick. */
export const isQuote = (code: number): boolean => code === 34 || code === 39 || code === 96;
export const isSpace = (code: number): boolean => code === 32 || (code >= 9 && code <= 13);
export const isLineBreak = (code: number): boolean => code === 10 || code === 13;
/** Quotation marks beyond ASCII: guillemets, those of General Punctuation, CJK brackets and full-width quotes. */
export const isTypographicQuote = (code: number): boolean =>
  code === 0xab ||
  code === 0xbb ||
  (code >= 0x2018 && code <= 0x201f) ||
  code === 0x2039 ||
  code === 0x203a ||
  (code >= 0x300c && code <= 0x300f) ||
  code === 0xff02 ||
  code === 0xff07;

/** Returns the value of a hexadecimal digit. */
export const hexValue = (code: number): number => (isDigit(code) ? code - 48 : (code | 32) - 87);

/** Returns whether `count` hexadecimal digits follow at `at`. */
export function isHex(text: string, at: number, count: number): boolean {
  if (at < 0 || at + count > text.length) return false;
  for (let i = 0; i < count; i++) if (!isHexDigit(text.charCodeAt(at + i))) return false;
  return true;
}

/** Returns whether the lower-case `word` is at `at` in any letter case. */
export function isWordAt(text: string, at: number, word: string): boolean {
  if (at < 0 || at + word.length > text.length) return false;
  for (let i = 0; i < word.length; i++) {
    const code = text.charCodeAt(at + i);
    if ((isUpper(code) ? code + 32 : code) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Returns the end of the run of letters, digits, `_` and `-` around `start`. */
export function runEnd(text: string, start: number): number {
  let end = start;
  while (end < text.length && isNameCharacter(text.charCodeAt(end))) end += 1;
  return end;
}

const isEscapedLetter = setOf('abefnrtv0');
const endsEscapeCharacter = setOf('bBeE3');
const joinsArguments = setOf('-_.@#~');

/**
 * Returns whether a secret may begin at `at`: no letter or digit precedes it, except one that ends an escape. This is
 * the only definition of a boundary. Escapes are `
 * ` and similar, `\xHH`, `\uHHHH`, `\UHHHHHHHH` and `\OOO` after any number of backslashes, `%HH` (also `%25HH` at any
 * depth), and colour sequences of terminals.
 */
export function hasBoundary(text: string, at: number): boolean {
  if (at === 0) return true;
  const last = text.charCodeAt(at - 1);
  if (!isAlphanumeric(last)) return true;
  const before = text.charCodeAt(at - 2);
  if (before === BACKSLASH) return isEscapedLetter(last);
  if (isHexDigit(last) && isHex(text, at - 2, 1) && endsNumericEscape(text, at)) return true;
  return isLetter(last) && endsColour(text, at);
}

/** Maximum characters of repeated `25` in a percent sign that was encoded several times. */
const LONGEST_PERCENT = 64;

function endsNumericEscape(text: string, at: number): boolean {
  let sign = at - 3;
  const first = Math.max(2, sign - LONGEST_PERCENT);
  while (sign >= first && text.charCodeAt(sign) === 53 && text.charCodeAt(sign - 1) === 50) sign -= 2;
  if (text.charCodeAt(sign) === PERCENT) return true;
  return (
    isAfter(text, at, 120, 2) ||
    isAfter(text, at, 117, 4) ||
    isAfter(text, at, 85, 8) ||
    (text.charCodeAt(at - 4) === BACKSLASH && isOctal(text, at - 3))
  );
}

/** Returns whether a backslash (or `%`), the letter (`x`, `u` or `U`) and its digits end at `at`. */
function isAfter(text: string, at: number, letter: number, digits: number): boolean {
  const place = at - digits - 1;
  if (text.charCodeAt(place) !== letter) return false;
  const before = text.charCodeAt(place - 1);
  return (before === BACKSLASH || (letter === 117 && before === PERCENT)) && isHex(text, place + 1, digits);
}

/** Returns whether three octal digits of a byte are at `at`. */
export function isOctal(text: string, at: number): boolean {
  const [first, second, third] = [text.charCodeAt(at), text.charCodeAt(at + 1), text.charCodeAt(at + 2)];
  return first >= 48 && first <= 51 && second >= 48 && second <= 55 && third >= 48 && third <= 55;
}

/** Maximum length of the parameters of a colour sequence. */
const LONGEST_COLOUR = 24;

/**
 * Returns whether `ESC [ parameters letter` ends at `at`; the escape character itself may be missing or written out.
 */
function endsColour(text: string, at: number): boolean {
  let i = at - 2;
  const first = Math.max(0, i - LONGEST_COLOUR);
  while (i >= first && isColourParameter(text.charCodeAt(i))) i -= 1;
  if (text.charCodeAt(i) !== 91) return false;
  return i < at - 2 || text.charCodeAt(i - 1) === ESCAPE || endsEscapeCharacter(text.charCodeAt(i - 1));
}

const isColourParameter = (code: number): boolean => isDigit(code) || code === 58 || code === 59 || code === 63;

/** Returns the position after a colour sequence at `at`; `at` if there is none. */
export function skipColour(text: string, at: number): number {
  if (text.charCodeAt(at) !== ESCAPE) return at;
  const end = skipBareColour(text, at + 1);
  return end > at + 1 ? end : at;
}

/** Returns the same for a sequence without its escape character. */
export function skipBareColour(text: string, at: number): number {
  if (text.charAt(at) !== '[') return at;
  let i = at + 1;
  while (i < text.length && i < at + LONGEST_COLOUR && isColourParameter(text.charCodeAt(i))) i += 1;
  return isLetter(text.charCodeAt(i)) ? i + 1 : at;
}

/** Returns whether there is a boundary at `at`, and no character that joins two parts of one argument or path. */
export function hasArgumentBoundary(text: string, at: number): boolean {
  return at === 0 || (!joinsArguments(text.charCodeAt(at - 1)) && hasBoundary(text, at));
}
