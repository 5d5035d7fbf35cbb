/** Limit of words that the braces in one word may expand to. */
const MAX_BRACES = 64;

/** Expands `a{b,c}d` to `abd` and `acd`; beyond the limit the last word is `rest`. */
export function braces(word: string, rest: string): string[] {
  let words = [word];
  for (let round = 0; round < 8; round += 1) {
    const next = words.flatMap((it) => {
      const match = /^([\s\S]*?)\{([^{}]*,[^{}]*)\}([\s\S]*)$/.exec(it);
      return match === null
        ? [it]
        : (match[2] ?? '').split(',').map((part) => `${match[1] ?? ''}${part}${match[3] ?? ''}`);
    });
    if (next.length > MAX_BRACES) return [...words, rest];
    if (next.length === words.length) break;
    words = next;
  }
  return words;
}
