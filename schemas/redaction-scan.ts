/**
 * Finds all keywords of all rules in one pass (Aho-Corasick). Letters are compared in ASCII lower case; a
 * character beyond ASCII is in no keyword. The collector's processor has the same in Go.
 */
export interface KeywordScanner {
  /** Whether any keyword is in the text: what clean text pays for. */
  isIn(text: string): boolean;
  /** Calls `found` for each occurrence of a keyword: its number, and the index of its last character. */
  scan(text: string, found: (keyword: number, end: number) => void): void;
}

/** Number of UTF-16 code units: the table of classes needs no check of its bounds. */
const CODES = 65_536;

/** @param keywords lower-case ASCII. */
export function createKeywordScanner(keywords: readonly string[]): KeywordScanner {
  const classes = new Uint8Array(CODES);
  let width = 1;
  for (const character of new Set(keywords.join(''))) {
    const code = character.charCodeAt(0);
    classes[code] = width;
    if (character >= 'a' && character <= 'z') classes[code - 32] = width;
    width += 1;
  }

  // The trie: each node with its class and lists of children, which cost less to make than rows of a table.
  const most = keywords.reduce((sum, keyword) => sum + keyword.length, 1);
  const [nodeClass, firstChild, sibling] = [new Uint8Array(most), new Uint32Array(most), new Uint32Array(most)];
  const ends: (number[] | undefined)[] = [undefined];
  keywords.forEach((keyword, number) => {
    let node = 0;
    for (let i = 0; i < keyword.length; i++) {
      const at = classes[keyword.charCodeAt(i)] ?? 0;
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

  // The table: `moves` holds each next state times `width`, inverted (so negative) if a keyword ends there. Breadth
  // first, so that the row of the state to fall back to is complete: a node's row is that row with its own children.
  const moves = new Int32Array(ends.length * width);
  const fallback = new Uint32Array(ends.length);
  const queue = new Uint32Array(ends.length);
  for (let head = 0, tail = 1; head < tail; head++) {
    const node = queue[head] ?? 0;
    const back = (fallback[node] ?? 0) * width;
    if (node !== 0) moves.copyWithin(node * width, back, back + width);
    for (let child = firstChild[node] ?? 0; child !== 0; child = sibling[child] ?? 0) {
      const at = node * width + (nodeClass[child] ?? 0);
      const inherited = stateOf(moves[at] ?? 0) / width;
      const found = [...(ends[child] ?? []), ...(ends[inherited] ?? [])];
      fallback[child] = inherited;
      ends[child] = found.length === 0 ? undefined : found;
      moves[at] = found.length === 0 ? child * width : ~(child * width);
      queue[tail++] = child;
    }
  }

  return {
    isIn(text) {
      let state = 0;
      for (let i = 0; i < text.length; i++) {
        state = moves[state + (classes[text.charCodeAt(i)] as number)] as number;
        if (state < 0) return true;
      }
      return false;
    },
    scan(text, report) {
      let state = 0;
      for (let i = 0; i < text.length; i++) {
        state = moves[state + (classes[text.charCodeAt(i)] as number)] as number;
        if (state >= 0) continue;
        state = ~state;
        for (const keyword of ends[state / width] ?? []) report(keyword, i);
      }
    },
  };
}

const stateOf = (move: number): number => (move < 0 ? ~move : move);
