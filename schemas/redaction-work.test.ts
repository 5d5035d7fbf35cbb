import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDACTION_RULES, redact } from './redaction.js';

/** Characters of one text that are read for each of its characters, at most. Of clean text it is about 5. */
const MOST_READS = 64;

/** A text that counts which of its characters are asked for; what is cut out of it is counted in full. */
class CountingText {
  reads = 0;
  readonly #text: string;
  constructor(text: string) {
    this.#text = text;
  }
  get length(): number {
    return this.#text.length;
  }
  charCodeAt(at: number): number {
    this.reads += 1;
    return this.#text.charCodeAt(at);
  }
  codePointAt(at: number): number | undefined {
    this.reads += 1;
    return this.#text.codePointAt(at);
  }
  charAt(at: number): string {
    this.reads += 1;
    return this.#text.charAt(at);
  }
  slice(start?: number, end?: number): string {
    const part = this.#text.slice(start, end);
    this.reads += part.length;
    return part;
  }
  startsWith(part: string, at = 0): boolean {
    this.reads += part.length;
    return this.#text.startsWith(part, at);
  }
  indexOf(part: string, at = 0): number {
    const found = this.#text.indexOf(part, at);
    this.reads += (found === -1 ? this.#text.length : found + part.length) - at;
    return found;
  }
  includes(part: string): boolean {
    return this.indexOf(part) !== -1;
  }
  /** What an expression reads: its patterns are anchored and bounded, which `redaction.test.ts` sees to. */
  toString(): string {
    return this.#text;
  }
}

function readsOf(text: string): number {
  const counting = new CountingText(text);
  redact(counting as unknown as string);
  return counting.reads;
}

const SIZE = 8192;
const repeat = (piece: string, size: number): string => piece.repeat(Math.ceil(size / piece.length)).slice(0, size);

const KEYWORDS = [...new Set(REDACTION_RULES.flatMap(({ keywords }) => keywords))];
/** Shortest and longest keyword of each reader. */
const READ_BY_HAND = [
  ...new Set(
    REDACTION_RULES.filter(({ reads }) => reads !== undefined).flatMap(({ keywords }) => {
      const sorted = [...keywords].sort((a, b) => a.length - b.length);
      return [sorted[0] ?? '', sorted.at(-1) ?? ''];
    }),
  ),
];
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const SIGNS = [
  '\\',
  '"',
  "'",
  '`',
  '(',
  '[{',
  ')',
  '@',
  ':',
  '%',
  '%41',
  '&amp;',
  '\\u0041',
  '+',
  '=',
  '\n',
  '“',
  'é',
  'QUJD',
  '2e2e',
  '://',
  'a.b@',
  '$',
  'x1.',
];

/** Texts made to be slow, by what is repeated in them. */
const PIECES = [
  ...new Set([
    ...KEYWORDS.flatMap((keyword) => [keyword, `${keyword}=\\`]),
    ...READ_BY_HAND.flatMap((keyword) => SIGNS.flatMap((sign) => [`${keyword}${sign}`, `${keyword}=${sign}`])),
    ...READ_BY_HAND.flatMap((keyword) => [`${keyword}=`, `${keyword} `, `${keyword}:a1.`, `${capital(keyword)}=`]),
    ...SIGNS.flatMap((sign) => SIGNS.map((other) => `${sign}${other}`)),
    'cookie=a;',
    'authorization=a,',
    'curl mysql sshpass redis-cli sqlcmd vsql ldapsearch mongosh smbclient ',
    '://a:b',
    '-----BEGIN ',
    '-eyJ',
    '.eyJ',
    'login a ',
    'password="\\"',
    ['ghp', '_FAKE0000fake0000 '].join(''),
    'sk-ant-ghp_npm_AKIAxoxb-eyJ',
  ]),
];

describe('work of redact', () => {
  it('is linear in the length of a text, below a fixed number of reads per character', () => {
    const slow: string[] = [];
    for (const piece of PIECES) {
      const [half, whole] = [readsOf(repeat(piece, SIZE / 2)), readsOf(repeat(piece, SIZE))];
      if (whole > SIZE * MOST_READS || whole > half * 2.1 + 256)
        slow.push(
          `${JSON.stringify(piece)}: ${(whole / SIZE).toFixed(1)} a character, ${(whole / half).toFixed(2)} when doubled`,
        );
    }
    expect(slow).toEqual([]);
  });

  it('is bounded for texts of any composition', () => {
    const piece = fc.oneof(
      fc.constantFrom(...KEYWORDS),
      fc.constantFrom(...SIGNS),
      fc.constantFrom('=', ' ', ';', 'a', '1', 'Aa', 'aaaaaaaaaaaaaaaaaaaaaaaaaa'),
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (pieces) => {
        expect(readsOf(repeat(pieces.join(''), SIZE)) / SIZE).toBeLessThan(MOST_READS);
      }),
      { numRuns: 300 },
    );
  });
});
