import { describe, expect, it } from 'vitest';
import { readsPerCharacter, worstOf } from './testing/redaction-work.js';

/** Characters that are read for each character of a text, at most, in all readings of it. Of clean text it is about 5. */
const MOST_READS = 36;
const [HALF, WHOLE] = [4096, 8192];
/** Of the pieces, every so many are tried here; `npm run bench -- redaction worst` tries all. */
const EVERY = 9;

describe('work of redact', () => {
  it('is linear in the length of a text, below a fixed number of reads per character, for the worst texts of a search', () => {
    const worst = worstOf(30, { every: EVERY, starts: 4, steps: 40 }, 20_261_130);
    const slow = worst.flatMap(({ piece }) => {
      const [half, whole] = [readsPerCharacter(piece, HALF), readsPerCharacter(piece, WHOLE)];
      return whole > MOST_READS || whole > half * 1.05 + 1 ? [`${JSON.stringify(piece)}: ${half}, then ${whole}`] : [];
    });
    expect(slow).toEqual([]);
  });
});
