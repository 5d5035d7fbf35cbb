import { windows, WINDOW_ENDS, WINDOW_STARTS } from './redaction-encoded.js';

/** What {@link KeywordScanner.look} saw in a text; bits. */
export const Look = {
  /** A keyword. */
  keyword: 1,
  /** A line break, or a backslash, which may be of one that is written out. */
  break: 2,
  /** What begins an escape: a backslash, `%` or `&`. */
  escape: 4,
  plus: 8,
  /** Characters, one right behind the other, that may be text in base64 or hexadecimal. */
  encoded: 16,
} as const;

/** Characters that {@link KeywordScanner.look} tells of. */
const SIGNS: Readonly<Record<string, number>> = {
  '\\': Look.break | Look.escape,
  '%': Look.escape,
  '&': Look.escape,
  '+': Look.plus,
  '\n': Look.break,
  '\r': Look.break,
};

/**
 * Finds all keywords of all rules in one pass (Aho-Corasick). Letters are compared in ASCII lower case; a
 * character beyond ASCII is in no keyword. The collector's processor has the same in Go.
 */
export interface KeywordScanner {
  /** One pass over the text, which is all that clean text pays for: bits of {@link Look}, 0 if there is nothing to find. */
  look(text: string): number;
  /** Calls `found` for each occurrence of a keyword: its number, and the index of its last character. */
  scan(text: string, found: (keyword: number, end: number) => void): void;
}

/** In a move: the next state times the width; above it are bits of {@link Look}. */
const STATE = 0xff_ffff;
const LOOK_SHIFT = 24;
const KEYWORD = Look.keyword << LOOK_SHIFT;
/** In the table of characters: its column; above it are the bits of `windows`. */
const COLUMN = 0x7f;

/** @param keywords lower-case ASCII. */
export function createKeywordScanner(keywords: readonly string[]): KeywordScanner {
  // One table for all that is asked of a character, since each look-up costs as much as all the rest.
  const characters = windows.slice();
  const columns = new Uint8Array(128);
  let width = 1;
  for (const character of new Set(keywords.join('') + Object.keys(SIGNS).join('')))
    columns[character.charCodeAt(0)] = width++;
  for (let code = 65; code <= 90; code++) columns[code] = columns[code + 32] ?? 0;
  columns.forEach((column, code) => (characters[code] = (characters[code] ?? 0) | column));

  // The trie: each node with its class and lists of children, which cost less to make than rows of a table.
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

  // The table: `moves` holds each next state times `width`, and what the character or a keyword that ends there is in a
  // look. Breadth first, so that the row of the state to fall back to is complete: a node's row is that row with its own
  // children.
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
    look(text) {
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
      }
      return (seen >> LOOK_SHIFT) | ((ended & WINDOW_ENDS) === 0 ? 0 : Look.encoded);
    },
    scan(text, report) {
      let state = 0;
      for (let i = 0; i < text.length; i++) {
        const move = moves[state + ((characters[text.charCodeAt(i)] as number) & COLUMN)] as number;
        state = move & STATE;
        if ((move & KEYWORD) === 0) continue;
        for (const keyword of ends[state / width] ?? []) report(keyword, i);
      }
    },
  };
}
