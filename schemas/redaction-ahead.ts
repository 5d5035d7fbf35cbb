/**
 * Finds the next character of a kind and caches how far the text has been read for it. In a text full of keywords many
 * values share their end; each character is still read once per kind, not once per keyword. The collector's processor
 * implements the same in Go (ahead.go).
 */
import {
  BACKSLASH,
  isAlphanumeric,
  isDigit,
  isLetter,
  isNameCharacter,
  isQuote,
  isSpace,
  isTypographicQuote,
  isUpper,
  isWordAt,
  setOf,
} from './redaction-text.js';

/** Kinds of characters; {@link Ahead.next} finds the next one. */
export const Kind = {
  /** Anything but a letter, digit, `_` and `-`. */
  nameEnd: 0,
  /** A character that ends, or may end, an unquoted value: a blank, quote, separator, bracket or backslash. */
  bareSign: 1,
  /** A character that cannot be part of a header's credential. */
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
  /** A character that cannot be part of a user and password without a scheme. */
  userEnd: 12,
  dot: 13,
  /** A colon, or a character that no prompt has before its colon. */
  promptSign: 14,
  beyondAscii: 15,
  /** The start of one of {@link WORDS}. */
  scheme: 16,
  platform: 17,
  range: 18,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const KINDS = Object.keys(Kind).length;
/** Lower-case words by kind, found by their first character. */
const WORDS: Readonly<Partial<Record<Kind, readonly string[]>>> = {
  [Kind.scheme]: ['://'],
  [Kind.platform]: [':*:*'],
  [Kind.range]: ['[0-9a-', '[a-z'],
};

const isBlank = (code: number): boolean => code <= 32;
const [isSeparator, isBracket, endsCredential, isBase64Sign, endsUser, isPromptSign] = [
  setOf('<>,;&|'),
  setOf('()[]{}'),
  setOf('<>;,\\'),
  setOf('+/_-'),
  setOf('(),;|&=\\'),
  setOf(':"\'=,;\n\r'),
];

const isOpening = (code: number): boolean => code === 40 || code === 91 || code === 123;
/** Characters that form an escape with a preceding backslash and thereby end a value. */
const isEscaped = setOf('nrtbfu"\'`/');

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
  userEnd: (code) =>
    isBlank(code) ||
    isQuote(code) ||
    isTypographicQuote(code) ||
    code === 60 ||
    code === 62 ||
    endsUser(code) ||
    code > 127,
  dot: (code) => code === 46,
  promptSign: isPromptSign,
  beyondAscii: (code) => code > 127,
  scheme: (code) => code === 58,
  platform: (code) => code === 58,
  range: (code) => code === 91,
};

/** Returns the bits of the kinds of a character beyond ASCII, except quotation marks. */
const bitsOf = (code: number): number => {
  let bits = 0;
  for (const [name, kind] of Object.entries(Kind)) if (TESTS[name as keyof typeof Kind](code)) bits |= 1 << kind;
  return bits;
};
const BEYOND_ASCII = bitsOf(0xffff);
/** By character: the bits of its kinds. */
const bits = (() => {
  const table = new Uint32Array(65_536).fill(BEYOND_ASCII);
  for (let code = 0; code < 128; code++) table[code] = bitsOf(code);
  for (const code of [0xab, 0xbb, 0x2039, 0x203a, 0xff02, 0xff07]) table[code] = bitsOf(code);
  for (let code = 0x2018; code <= 0x201f; code++) table[code] = bitsOf(code);
  for (let code = 0x300c; code <= 0x300f; code++) table[code] = bitsOf(code);
  return table;
})();

/** How far behind what is known a value may begin for what stands between to be read. */
const NEAR = 1024;
/** Maximum distance from an `@` to the start of the user, and maximum number of further `@` in between. */
const LONGEST_USER = 200;
const MOST_ATS = 3;
/** Maximum backslashes of an escape: JSON in JSON, nested six times. More of them belong to the value before. */
const DEEPEST_ESCAPE = 64;

/** Returns a copy of twice the length. */
export function doubled(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(numbers.length * 2);
  more.set(numbers);
  return more;
}

/** Letters, digits, `_` and `$` up to `end`. */
export interface Identifier {
  readonly end: number;
  readonly words: number;
  readonly hasDigit: boolean;
  /** Whether it is made of words, as people name things, and not of what chance mixes. */
  readonly isWords: boolean;
}

/**
 * An argument of a command line at `[start, end)`, possibly quoted, that was searched from `at` on; the next one is
 * searched from `next` on.
 */
export interface Argument {
  readonly at: number;
  readonly start: number;
  readonly end: number;
  readonly next: number;
}

/**
 * Units of work that any text may use, and that each four characters of it add. A candidate costs {@link WORK} units. Genuine text
 * stays below that: of 64,000 files of packages, the densest uses two thirds. See `redaction-work.test.ts`.
 */
const WORK_BASE = 32_768;
const CHARACTERS_PER_UNIT = 4;

/** Units of work that a candidate costs, beside one for being there: what it costs is proportional to them. */
export const WORK = {
  /** An attempt at a regular expression. */
  pattern: 3,
  /** A value that is read behind a pattern. */
  behind: 4,
  /** A URL's authority, or the login name of a path. */
  part: 3,
  /** A name with its value, a header, a command line, a user and password without a scheme. */
  reader: 7,
  /** The part of that for a value which is long enough to be judged. */
  judged: 4,
} as const;

/** What has been read of one text. */
export class Ahead {
  text = '';
  /** Units of work used since {@link allow}, in all texts that were derived from the same one. */
  #work = 0;
  #limit = 0;
  /** By kind: no such character is in `[from, to)`, and one is at `to` if `isFound`. */
  readonly #from = new Int32Array(KINDS).fill(-1);
  readonly #to = new Int32Array(KINDS).fill(-1);
  readonly #isFound = new Uint8Array(KINDS);
  /** Start of the current keyword: no value before it is read. */
  keyword = 0;
  /** Of `[#valuesFrom, #valuesTo)`: each sign at which a value may end, in order, and where one ends that begins there or right before. */
  #signs = new Int32Array(64);
  #ends = new Int32Array(64);
  #signCount = 0;
  #valuesFrom = 0;
  #valuesTo = 0;
  /** Numbers of closing brackets; see {@link #settle}. */
  #closing: number[] = [];
  /** Of the text before `#usersTo`: the last places of what {@link userStart} looks for. */
  #usersTo = 0;
  #userEnd = -1;
  #slash = -1;
  #scheme = -1;
  readonly #ats = new Int32Array(MOST_ATS + 1);
  /** The arguments that were read last, one behind the other. */
  readonly commandLine: Argument[] = [];
  /** The pairs of cookies that begin in here hold no secret. */
  cookiesFrom = -1;
  cookiesTo = -1;
  /** Where the name ends whose value was read last, and whether as a password. */
  nameRead = -1;
  isPasswordRead = false;
  /** The identifier that was read last, where it begins, and where it was to end. */
  identifier: Identifier | undefined;
  identifierStart = -1;
  identifierLast = -1;
  /** Where the name ends whose last word was read last, where that begins, and whether the name is about a secret only. */
  aboutRun = -1;
  aboutFrom = -1;
  isAbout = false;

  /** Begins to count the work on a text of `length` UTF-16 units, and on what is derived from it. */
  allow(length: number): void {
    this.#work = 0;
    this.#limit = WORK_BASE + Math.floor(length / CHARACTERS_PER_UNIT);
  }

  /** Counts work. The collector's processor counts the same, so that both give up on the same texts. */
  charge(units: number): void {
    this.#work += units;
  }

  /** Returns whether the work on the text has exceeded its limit. */
  get isSpent(): boolean {
    return this.#work > this.#limit;
  }

  /** Forgets the text before. */
  begin(text: string): this {
    this.text = text;
    this.#from.fill(-1);
    this.#to.fill(-1);
    this.keyword = 0;
    this.#signCount = 0;
    this.#valuesFrom = 0;
    this.#valuesTo = 0;
    this.#usersTo = 0;
    this.#userEnd = -1;
    this.#slash = -1;
    this.#scheme = -1;
    this.#ats.fill(-1);
    this.commandLine.length = 0;
    this.cookiesFrom = -1;
    this.cookiesTo = -1;
    this.nameRead = -1;
    this.aboutRun = -1;
    this.identifierStart = -1;
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
    while (i < known && (((bits[text.charCodeAt(i)] as number) & bit) === 0 || !this.#isWord(kind, i))) i += 1;
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

  #isWord(kind: Kind, at: number): boolean {
    return kind < Kind.scheme || (WORDS[kind] ?? []).some((word) => isWordAt(this.text, at, word));
  }

  /**
   * Where user and password may begin whose `@` is at `at`: behind what neither has, behind the fourth `@` before, and
   * no further back than {@link LONGEST_USER}; of a URL, which is not looked at here, in the last part of its path. Asked
   * with growing `at`.
   */
  userStart(at: number): number {
    const { text } = this;
    const first = Math.max(0, at - LONGEST_USER);
    for (let i = Math.max(this.#usersTo, first); i < at; i++) {
      const code = text.charCodeAt(i);
      if (code === 64) {
        this.#ats.copyWithin(1, 0);
        this.#ats[0] = i;
      } else if (code === 47) this.#slash = i;
      else if (((bits[code] as number) & (1 << Kind.userEnd)) !== 0) this.#userEnd = i;
      else if (code === 58 && text.startsWith('://', i)) this.#scheme = i;
    }
    this.#usersTo = at;
    const start = Math.max(first, this.#userEnd + 1, (this.#ats[MOST_ATS] as number) + 1);
    return this.#scheme >= start ? this.#slash + 1 : start;
  }

  /**
   * Where the value without quotes ends that begins at `start`: at a blank, a quote or a sign that separates, at a bracket
   * that it did not open, or at an escape. All values up to the next such place are read at once, since they share their ends.
   */
  valueEnd(start: number): number {
    if (start >= this.text.length) return this.text.length;
    if (start > this.#valuesTo + NEAR || start < this.#valuesFrom || this.#signCount === 0) {
      this.#signCount = 0;
      this.#valuesFrom = this.#valuesTo = Math.min(this.keyword, start);
    }
    while (this.#valuesTo <= start) this.#readValues();
    let [low, high] = [0, this.#signCount - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#signs[middle] as number) < start) low = middle + 1;
      else high = middle;
    }
    return Math.max(start, this.#ends[low] as number);
  }

  /** Reads on to behind the next place at which every value ends. */
  #readValues(): void {
    const { text } = this;
    const first = this.#signCount;
    let i = this.#valuesTo;
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (((bits[code] as number) & (1 << Kind.bareSign)) === 0) continue;
      if (code === BACKSLASH) {
        let next = i + 1;
        while (text.charCodeAt(next) === BACKSLASH) next += 1;
        if (next === text.length || isEscaped(text.charCodeAt(next))) {
          this.#addSign(next - 1, Math.max(i, next - DEEPEST_ESCAPE));
          i = next - 1;
          break;
        }
        i = next - 1;
      } else {
        this.#addSign(i, i);
        if (!isBracket(code)) break;
      }
    }
    if (i === text.length) this.#addSign(i, i);
    this.#valuesTo = i + 1;
    this.#settle(first);
  }

  #addSign(at: number, end: number): void {
    if (this.#signCount === this.#signs.length) {
      this.#signs = doubled(this.#signs);
      this.#ends = doubled(this.#ends);
    }
    this.#signs[this.#signCount] = at;
    this.#ends[this.#signCount++] = end;
  }

  /** Of the brackets from number `first` on, up to the last sign, at which every value ends: says where a value ends that begins before each. */
  #settle(first: number): void {
    const [signs, ends, closing] = [this.#signs, this.#ends, this.#closing];
    const last = this.#signCount - 1;
    closing.length = 0;
    for (let number = last - 1; number >= first; number--) {
      const at = signs[number] as number;
      if (isOpening(this.text.charCodeAt(at))) {
        // A value goes on behind the bracket that closes this one.
        const closed = closing.pop();
        ends[number] = ends[closed === undefined ? last : closed + 1] as number;
      } else {
        closing.push(number);
        // `)x` is of the value all the same.
        if (isAlphanumeric(this.text.charCodeAt(at + 1))) ends[number] = ends[number + 1] as number;
      }
    }
  }

  /** Whether a character of the kind stands in `[start, end)`. */
  has(kind: Kind, start: number, end: number): boolean {
    return this.next(kind, start, end) < Math.min(end, this.text.length);
  }
}
