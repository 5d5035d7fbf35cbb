/**
 * Finds the next character of a kind, and remembers how far the text has been read for it. A text full of keywords has
 * values that share their end; each of its characters is still read once for each kind, not once for each keyword.
 * The collector's processor has the same in Go (ahead.go).
 */
import {
  BACKSLASH,
  isDigit,
  isLetter,
  isNameCharacter,
  isQuote,
  isSpace,
  isTypographicQuote,
  isUpper,
} from './redaction-text.js';

/** Kinds of characters; {@link Ahead.next} finds the next one. */
export const Kind = {
  /** Anything but a letter, digit, `_` and `-`. */
  nameEnd: 0,
  /** What ends a value without quotes, or may: a blank, quote, separator, bracket or backslash. */
  bareSign: 1,
  /** What no credential of a header has. */
  credentialEnd: 2,
  digit: 3,
  letter: 4,
  upper: 5,
  space: 6,
  notBackslash: 7,
  notBase64: 8,
  colon: 9,
  closingBrace: 10,
  /** A control character, blank or ASCII quote. */
  blankOrQuote: 11,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const KINDS = Object.keys(Kind).length;

const isBlank = (code: number): boolean => code <= 32;
const anyOf =
  (characters: string) =>
  (code: number): boolean =>
    characters.includes(String.fromCharCode(code));
const [isSeparator, isBracket, endsCredential, isBase64Sign] = [
  anyOf('<>,;&|'),
  anyOf('()[]{}'),
  anyOf('<>;,\\'),
  anyOf('+/_-'),
];

const TESTS: Readonly<Record<keyof typeof Kind, (code: number) => boolean>> = {
  nameEnd: (code) => !isNameCharacter(code),
  bareSign: (code) =>
    isBlank(code) ||
    isQuote(code) ||
    isTypographicQuote(code) ||
    isSeparator(code) ||
    isBracket(code) ||
    code === BACKSLASH,
  credentialEnd: (code) => isBlank(code) || isQuote(code) || isTypographicQuote(code) || endsCredential(code),
  digit: isDigit,
  letter: isLetter,
  upper: isUpper,
  space: isSpace,
  notBackslash: (code) => code !== BACKSLASH,
  notBase64: (code) => !isDigit(code) && !isLetter(code) && !isBase64Sign(code),
  colon: (code) => code === 58,
  closingBrace: (code) => code === 125,
  blankOrQuote: (code) => isBlank(code) || isQuote(code),
};

/** Bits of the kinds that a character beyond ASCII is of, but for quotation marks. */
const bitsOf = (code: number): number => {
  let bits = 0;
  for (const [name, kind] of Object.entries(Kind)) if (TESTS[name as keyof typeof Kind](code)) bits |= 1 << kind;
  return bits;
};
const BEYOND_ASCII = bitsOf(0xffff);
/** By character: the bits of its kinds. */
const bits = (() => {
  const table = new Uint16Array(65_536).fill(BEYOND_ASCII);
  for (let code = 0; code < 128; code++) table[code] = bitsOf(code);
  for (const code of [0xab, 0xbb, 0x2039, 0x203a, 0xff02, 0xff07]) table[code] = bitsOf(code);
  for (let code = 0x2018; code <= 0x201f; code++) table[code] = bitsOf(code);
  for (let code = 0x300c; code <= 0x300f; code++) table[code] = bitsOf(code);
  return table;
})();

/** How far from the signs that are known a value may begin for what stands between to be read. */
const NEAR = 1024;

/** What has been read of one text. */
export class Ahead {
  text = '';
  /** By kind: no character of it stands in `[from, to)`, and one stands at `to` if `isFound`. */
  readonly #from = new Int32Array(KINDS).fill(-1);
  readonly #to = new Int32Array(KINDS).fill(-1);
  readonly #isFound = new Uint8Array(KINDS);
  /** Every {@link Kind.bareSign} of `[#signsFrom, #signsTo)`, in order: values look at many of them, one value at the same as the next. */
  #signs = new Int32Array(64);
  #signCount = 0;
  #signsFrom = 0;
  #signsTo = 0;
  /** The pairs of cookies that begin in here hold no secret. */
  cookiesFrom = -1;
  cookiesTo = -1;
  /** Where the name ends whose value was read last, and whether as a password. */
  nameRead = -1;
  isPasswordRead = false;

  /** Forgets the text before. */
  begin(text: string): this {
    this.text = text;
    this.#from.fill(-1);
    this.#to.fill(-1);
    this.#signCount = 0;
    this.#signsFrom = 0;
    this.#signsTo = 0;
    this.cookiesFrom = -1;
    this.cookiesTo = -1;
    this.nameRead = -1;
    return this;
  }

  /** Index of the first character of the kind in `[at, most)`; `most`, or the text's length, if there is none. */
  next(kind: Kind, at: number, most: number): number {
    const { text } = this;
    const last = Math.min(most, text.length);
    if (at >= last) return last;
    const [from, to] = [this.#from[kind] as number, this.#to[kind] as number];
    const isIn = from <= at && at <= to;
    if (isIn && (to >= last || this.#isFound[kind] === 1)) return Math.min(to, last);
    const bit = 1 << kind;
    let i = isIn ? to : at;
    const known = !isIn && at < from && from < last ? from : last;
    while (i < known && ((bits[text.charCodeAt(i)] as number) & bit) === 0) i += 1;
    // What is known goes on from here.
    const isJoined = i === known && known === from;
    if (isJoined) {
      this.#from[kind] = at;
      return this.next(kind, at, most);
    }
    if (!isIn) this.#from[kind] = at;
    this.#to[kind] = i;
    this.#isFound[kind] = i < last ? 1 : 0;
    return i;
  }

  /** Number of the first sign (see {@link Kind}) at or behind `at`, for {@link signAt}. */
  signFrom(at: number): number {
    if (at > this.#signsTo && at <= this.#signsTo + NEAR) this.signAt(Infinity, at);
    if (at < this.#signsFrom || at > this.#signsTo) {
      this.#signCount = 0;
      this.#signsFrom = at;
      this.#signsTo = at;
    }
    let [low, high] = [0, this.#signCount];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#signs[middle] as number) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the sign of that number, if it stands before `most`; `most`, or the text's length, if not. */
  signAt(number: number, most: number): number {
    const last = Math.min(most, this.text.length);
    while (number >= this.#signCount && this.#signsTo < last) {
      const at = this.#signsTo++;
      if (((bits[this.text.charCodeAt(at)] as number) & (1 << Kind.bareSign)) === 0) continue;
      if (this.#signCount === this.#signs.length) {
        const more = new Int32Array(this.#signs.length * 2);
        more.set(this.#signs);
        this.#signs = more;
      }
      this.#signs[this.#signCount++] = at;
    }
    return number < this.#signCount ? Math.min(this.#signs[number] as number, last) : last;
  }

  /** Whether a character of the kind stands in `[start, end)`. */
  has(kind: Kind, start: number, end: number): boolean {
    return this.next(kind, start, end) < Math.min(end, this.text.length);
  }
}
