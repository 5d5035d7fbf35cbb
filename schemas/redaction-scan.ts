/**
 * Finds all keywords of all rules in one pass (Aho-Corasick). Letters are compared in ASCII lower case; a
 * character beyond ASCII is in no keyword. The collector's processor has the same in Go.
 */
export interface KeywordScanner {
  /** Calls `found` for each occurrence of a keyword: its number, and the index of its last character. */
  scan(text: string, found: (keyword: number, end: number) => void): void;
}

const ASCII = 128;

/** @param keywords lower-case ASCII. */
export function createKeywordScanner(keywords: readonly string[]): KeywordScanner {
  const classes = new Uint8Array(ASCII);
  let width = 1;
  for (const character of new Set(keywords.join(''))) {
    const code = character.charCodeAt(0);
    classes[code] = width;
    if (character >= 'a' && character <= 'z') classes[code - 32] = width;
    width += 1;
  }

  // The trie: children by class, in the order of creation.
  const children: number[][] = [[]];
  const ends: number[][] = [[]];
  keywords.forEach((keyword, number) => {
    let node = 0;
    for (let i = 0; i < keyword.length; i++) {
      const at = classes[keyword.charCodeAt(i)] ?? 0;
      let child = children[node]?.[at];
      if (child === undefined) {
        child = children.length;
        children.push([]);
        ends.push([]);
        (children[node] ?? [])[at] = child;
      }
      node = child;
    }
    ends[node]?.push(number);
  });

  // Breadth first, so that the state to fall back to is complete: `moves` holds each next state times `width`.
  const moves = new Uint32Array(children.length * width);
  const fallback = new Uint32Array(children.length);
  const queue = [0];
  for (let node = queue.shift(); node !== undefined; node = queue.shift()) {
    const back = fallback[node] ?? 0;
    if (node !== 0) ends[node]?.push(...(ends[back] ?? []));
    for (let at = 0; at < width; at++) {
      const child = children[node]?.[at];
      const inherited = node === 0 ? 0 : (moves[back * width + at] ?? 0);
      moves[node * width + at] = child === undefined ? inherited : child * width;
      if (child === undefined) continue;
      fallback[child] = inherited / width;
      queue.push(child);
    }
  }
  const found: (readonly number[] | undefined)[] = ends.map((list) => (list.length === 0 ? undefined : list));
  const accepting = Uint8Array.from(found, (list) => (list === undefined ? 0 : 1));
  const isAccepting = new Uint8Array(moves.length);
  accepting.forEach((yes, node) => (isAccepting[node * width] = yes));

  return {
    scan(text, report) {
      let state = 0;
      for (let i = 0; i < text.length; i++) {
        const code = text.charCodeAt(i);
        state = moves[state + (code < ASCII ? (classes[code] as number) : 0)] as number;
        if (isAccepting[state] === 1) for (const keyword of found[state / width] ?? []) report(keyword, i);
      }
    },
  };
}
