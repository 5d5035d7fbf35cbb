import { windows, WINDOW_ENDS, WINDOW_STARTS } from './redaction-encoded.js';

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

/** Characters that {@link KeywordScanner.scan} reports. */
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
   * Reads the text once, the only cost of clean text. Calls `found` for each occurrence of a keyword with its number and
   * the index of its last character. Returns bits of {@link Look}; 0 if there is nothing to find.
   */
  scan(text: string, found: Report): number;
}

/** Receives the number of a keyword, the index of its last character, and the text. */
export type Report = (keyword: number, end: number, text: string) => void;

/** Low bits of a move: the next state times the width. Higher bits are those of {@link Look}. */
const STATE = 0xff_ffff;
const LOOK_SHIFT = 24;
const KEYWORD = Look.keyword << LOOK_SHIFT;
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

  return {
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
        for (const keyword of ends[state / width] ?? []) report(keyword, i, text);
      }
      return (seen >> LOOK_SHIFT) | ((ended & WINDOW_ENDS) === 0 ? 0 : Look.encoded);
    },
  };
}
