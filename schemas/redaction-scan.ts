import { windows, WINDOW_ENDS, WINDOW_STARTS } from './redaction-encoded.js';
import { VOCABULARY } from './redaction-vocabulary.js';

/** Bits for what {@link KeywordScanner.look} found in a text. */
export const Look = {
  /** A keyword. */
  keyword: 1,
  /** A line break, or a backslash, which may belong to a written-out one. */
  break: 2,
  /** The start of an escape, by its first character. */
  backslash: 4,
  plus: 8,
  /** Adjacent characters that may be text in base64 or hexadecimal. */
  encoded: 16,
  percent: 32,
  ampersand: 64,
} as const;
/** The start of any escape. */
export const LOOK_ESCAPE = Look.backslash | Look.percent | Look.ampersand;

/** Characters that both passes report. */
const SIGNS: Readonly<Record<string, number>> = {
  '\\': Look.break | Look.backslash,
  '%': Look.percent,
  '&': Look.ampersand,
  '+': Look.plus,
  '\n': Look.break,
  '\r': Look.break,
};

/**
 * Finds all keywords of all rules in one pass (Aho-Corasick). Compares in ASCII lower case; no keyword contains a
 * character beyond ASCII. The collector's processor implements the same in Go.
 */
export interface KeywordScanner {
  /**
   * Reads the text once, the only cost of most clean text. Returns bits of {@link Look}; 0 if there is nothing to find.
   * `keyword` says that three adjacent characters of one occur.
   */
  look(text: string): number;
  /**
   * Calls `found` for each occurrence of a keyword with its number and the index of its last character. Returns bits of
   * {@link Look}, which are exact.
   */
  scan(text: string, found: (keyword: number, end: number) => void): number;
}

/** Low bits of a move: the next state times the width. Higher bits are those of {@link Look}. */
const STATE = 0xff_ffff;
const LOOK_SHIFT = 24;
const KEYWORD = Look.keyword << LOOK_SHIFT;
const ANY_LOOK = 0x7f;
/** Low bits in the table of characters: the column. Higher bits are those of `windows`. */
const COLUMN = 0x7f;

/**
 * Creates a scanner.
 * @param keywords lower-case ASCII.
 */
export function createKeywordScanner(keywords: readonly string[]): KeywordScanner {
  // One table for all properties of a character, because each look-up costs as much as everything else.
  const characters = windows.slice();
  const columns = new Uint8Array(128);
  let width = 1;
  for (const character of new Set(keywords.join('') + Object.keys(SIGNS).join('')))
    columns[character.charCodeAt(0)] = width++;
  for (let code = 65; code <= 90; code++) columns[code] = columns[code + 32] ?? 0;
  columns.forEach((column, code) => (characters[code] = (characters[code] ?? 0) | column));

  // The trie: per node its class and linked lists of children, which are cheaper to build than table rows.
  const most = keywords.reduce((sum, keyword) => sum + keyword.length, 1);
  const [nodeClass, firstChild, sibling] = [new Uint8Array(most), new Uint32Array(most), new Uint32Array(most)];
  const ends: (number[] | undefined)[] = [undefined];
  keywords.forEach((keyword, number) => {
    let node = 0;
    for (let i = 0; i < keyword.length; i++) {
      const at = columns[keyword.charCodeAt(i)] ?? 0;
      let child = firstChild[node] ?? 0;
      while (child !== 0 && nodeClass[child] !== at) child = sibling[child] ?? 0;
      if (child === 0) {
        child = ends.push(undefined) - 1;
        nodeClass[child] = at;
        sibling[child] = firstChild[node] ?? 0;
        firstChild[node] = child;
      }
      node = child;
    }
    (ends[node] ??= []).push(number);
  });

  // The table: `moves` holds each next state times `width`, with the {@link Look} bits of the character and of a
  // keyword that ends there. Built breadth-first, so that the row of the fallback state is complete: a node's row is
  // that row with its own children.
  const moves = new Int32Array(ends.length * width);
  for (const [sign, look] of Object.entries(SIGNS)) moves[columns[sign.charCodeAt(0)] ?? 0] = look << LOOK_SHIFT;
  const fallback = new Uint32Array(ends.length);
  const queue = new Uint32Array(ends.length);
  for (let head = 0, tail = 1; head < tail; head++) {
    const node = queue[head] ?? 0;
    const back = (fallback[node] ?? 0) * width;
    if (node !== 0) moves.copyWithin(node * width, back, back + width);
    for (let child = firstChild[node] ?? 0; child !== 0; child = sibling[child] ?? 0) {
      const at = node * width + (nodeClass[child] ?? 0);
      const move = moves[at] ?? 0;
      const inherited = (move & STATE) / width;
      const found = [...(ends[child] ?? []), ...(ends[inherited] ?? [])];
      fallback[child] = inherited;
      ends[child] = found.length === 0 ? undefined : found;
      moves[at] = (child * width) | (move & ~STATE) | (found.length === 0 ? 0 : KEYWORD);
      queue[tail++] = child;
    }
  }

  const { grams, bits } = gramsOf(keywords, columns);
  const gramMask = (1 << (3 * bits)) - 1;
  /** By column: the bits of a sign. */
  const signs = new Uint8Array(128);
  for (const [sign, look] of Object.entries(SIGNS)) signs[columns[sign.charCodeAt(0)] ?? 0] = look;

  return {
    look(text) {
      let gram = 0;
      let seen = 0;
      let isGram = 0;
      let window = 0;
      let ended = 0;
      // No step waits for a table that the step before has read, unlike the states of `scan`.
      for (let i = 0; i < text.length; i++) {
        const character = characters[text.charCodeAt(i)] as number;
        const column = character & COLUMN;
        gram = ((gram << bits) | column) & gramMask;
        isGram |= (grams[gram >> 5] as number) >>> (gram & 31);
        seen |= signs[column] as number;
        window = ((window << 1) | WINDOW_STARTS) & character;
        ended |= window;
      }
      return seen | (isGram & 1 ? Look.keyword : 0) | ((ended & WINDOW_ENDS) === 0 ? 0 : Look.encoded);
    },
    scan(text, report) {
      let state = 0;
      let seen = 0;
      let window = 0;
      let ended = 0;
      for (let i = 0; i < text.length; i++) {
        const character = characters[text.charCodeAt(i)] as number;
        const move = moves[state + (character & COLUMN)] as number;
        state = move & STATE;
        seen |= move;
        window = ((window << 1) | WINDOW_STARTS) & character;
        ended |= window;
        if ((move & KEYWORD) === 0) continue;
        for (const keyword of ends[state / width] ?? []) report(keyword, i);
      }
      return ((seen >> LOOK_SHIFT) & ANY_LOOK) | ((ended & WINDOW_ENDS) === 0 ? 0 : Look.encoded);
    },
  };
}

/**
 * Returns a set of three adjacent columns, in bits, one of which is in every text with a keyword: of each keyword the
 * one that is rarest in words and numbers. Also the number of bits of a column.
 */
function gramsOf(keywords: readonly string[], columns: Uint8Array): { grams: Int32Array; bits: number } {
  const width = Math.max(...columns) + 1;
  const bits = 32 - Math.clz32(width - 1);
  const grams = new Int32Array((1 << (3 * bits)) >> 5 || 1);
  const add = (gram: number): void => {
    grams[gram >> 5] = (grams[gram >> 5] ?? 0) | (1 << (gram & 31));
  };
  for (const keyword of keywords) {
    const own = Array.from(keyword, (character) => columns[character.charCodeAt(0)] ?? 0);
    if (own.length < 3) {
      // What stands before it may be anything.
      for (let before = 0; before < 1 << (bits * (3 - own.length)); before++)
        add(own.reduce((gram, column) => (gram << bits) | column, before));
      continue;
    }
    let [best, at] = [Infinity, 0];
    for (let i = 0; i + 3 <= own.length; i++) {
      const frequency = frequencyOf(keyword, i);
      if (frequency < best) [best, at] = [frequency, i];
    }
    add(((own[at] ?? 0) << (2 * bits)) | ((own[at + 1] ?? 0) << bits) | (own[at + 2] ?? 0));
  }
  return { grams, bits };
}

/** By character: how frequent it is in identifiers and numbers, roughly. */
const FREQUENT = '0123456789-_ebodtnairslcupmhgfy./ v:k=xwjqz$?@~+%&';

/** Returns a measure of how frequent three characters of a keyword are. */
function frequencyOf(keyword: string, at: number): number {
  let sum = 0;
  for (let i = at; i < at + 3; i++) {
    const rank = FREQUENT.indexOf(keyword.charAt(i));
    sum += rank === -1 ? 0 : (FREQUENT.length - rank) / FREQUENT.length;
    if (i > at && isFrequentPair(keyword.charCodeAt(i - 1), keyword.charCodeAt(i))) sum += 1;
  }
  return sum;
}

const isFrequentPair = (first: number, second: number): boolean =>
  VOCABULARY.pairs[first - 97]?.includes(String.fromCharCode(second)) ?? false;
