import { describe, expect, it } from 'vitest';
import { redact, redactText } from './redaction.js';
import { LIMITED, readsPerCharacter, repeat, textsAtLimit, worstOf } from './testing/redaction-work.js';

/** Characters that are read for each character of a text, at most, in all readings of it. Of clean text it is about 5. */
const MOST_READS = 36;
const [HALF, WHOLE] = [4096, 8192];
/** Of the pieces, every so many are tried here; `npm run bench -- redaction worst` tries all. */
const EVERY = 9;
/** The same of a long text, in which the limit of work counts. */
const MOST_READS_OF_LONG = 32;
const LONG = 1 << 17;

describe('work of redact', () => {
  it('is linear in the length of a text, below a fixed number of reads per character, for the worst texts of a search', () => {
    const worst = worstOf(30, { every: EVERY, starts: 4, steps: 40 }, 20_261_130);
    const slow = worst.flatMap(({ piece }) => {
      const [half, whole] = [readsPerCharacter(piece, HALF), readsPerCharacter(piece, WHOLE)];
      return whole > MOST_READS || whole > half * 1.05 + 1 ? [`${JSON.stringify(piece)}: ${half}, then ${whole}`] : [];
    });
    expect(slow).toEqual([]);
    expect(
      worst.slice(0, 6).flatMap(({ piece }) => {
        const reads = readsPerCharacter(piece, LONG);
        return reads > MOST_READS_OF_LONG ? [`${JSON.stringify(piece)}: ${reads}`] : [];
      }),
    ).toEqual([]);
  });

  it('masks a text whole that is denser in candidates than its limit of work allows, and counts it once', () => {
    const dense = repeat('token password=ghp ', 200_000);
    expect(redact(dense)).toEqual({ text: LIMITED, counts: { 'work-limit': 1 } });
    expect(redactText(LIMITED)).toBe(LIMITED);
    // The next text has a limit of its own.
    expect(redactText('no secret in here')).toBe('no secret in here');
  });

  it('shows nothing of a text beyond the limit, wherever its secret stands', () => {
    const key = ['ghp', '_FAKE0000fake0000FAKE'].join('');
    const dense = repeat('token ', 100_000);
    for (const text of [`${key} ${dense}`, `${dense}${key}`, encodeURIComponent(`${dense}${key}`)])
      expect(redactText(text)).toBe(LIMITED);
  });

  it('takes every dense piece at its limit as text that is read or as text that is masked, by one repetition', () => {
    const texts = textsAtLimit();
    expect(texts.map((text) => redactText(text) === LIMITED)).toEqual(texts.map((_, index) => index % 2 === 1));
  });

  it('reads genuine text that is dense in candidates: usage of models, environments, changelogs, in JSON in JSON', () => {
    const usage = Array.from({ length: 2000 }, (_, i) =>
      JSON.stringify({
        input_tokens: i,
        output_tokens: i * 3,
        cache_read_input_tokens: i + 12_345,
        total_tokens: i * 9,
      }),
    ).join('\n');
    const environment = Array.from(
      { length: 3000 },
      (_, i) => `SERVICE_${String(i)}_PASSWORD=FAKE0000fake${String(i)}`,
    ).join('\n');
    const changelog = Array.from(
      { length: 2000 },
      (_, i) =>
        `* **api:** update ([${String(i)}](https://example.test/a/${String(i)})) ([a1b2c3d](https://example.test/c/a1b2c3d))`,
    ).join('\n');
    for (const text of [usage, environment, changelog])
      for (const form of [
        text,
        JSON.stringify(text),
        JSON.stringify(JSON.stringify(`${text}\u0001`)),
        encodeURIComponent(text),
      ])
        expect(redactText(form) === LIMITED, form.slice(0, 80)).toBe(false);
  });
});
