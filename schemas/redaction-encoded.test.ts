import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachDecoded } from './redaction-encoded.js';
import { createKeywordScanner, Look } from './redaction-scan.js';

const scanner = createKeywordScanner(['zzzz']);
const lookAt = (text: string): number => scanner.scan(text, () => undefined);

function decodedIn(text: string): string[] {
  const found: string[] = [];
  eachDecoded(text, ({ text: decoded }) => found.push(decoded));
  return found;
}

const PRINTED = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i));
const oneOf = (characters: Iterable<string>) => ({ unit: fc.constantFrom(...Array.from(characters)) });
/** Twelve bytes of text or more; UTF-16 is looked for without tabs and line breaks. */
const [printed, plain] = [PRINTED, [...PRINTED, '\t', '\n', '\r']].map((characters) =>
  fc.string({ ...oneOf(characters), minLength: 12, maxLength: 24 }),
) as [fc.Arbitrary<string>, fc.Arbitrary<string>];
const around = fc.string({
  ...oneOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_'),
  maxLength: 30,
});

describe('eachDecoded', () => {
  it.each([
    ['base64', plain, (text: string) => Buffer.from(text).toString('base64').replaceAll('=', '')],
    ['hexadecimal', plain, (text: string) => Buffer.from(text).toString('hex')],
    [
      'UTF-16 in base64',
      printed,
      (text: string) => Buffer.from(text, 'utf16le').toString('base64').replaceAll('=', ''),
    ],
  ] as const)(
    'decodes text in %s within any characters of the alphabet, and the first pass detects it',
    (_, texts, encode) => {
      fc.assert(
        fc.property(texts, around, around, (text, before, after) => {
          const encoded = before + encode(text) + after;
          // The last character of base64 that is not padded belongs to what follows as well.
          expect(decodedIn(encoded).some((decoded) => decoded.includes(text.slice(0, 11)))).toBe(true);
          expect(lookAt(encoded) & Look.encoded).toBe(Look.encoded);
        }),
        { numRuns: 2000 },
      );
    },
  );

  it('decodes nothing in a text without line breaks in which the first pass detected nothing', () => {
    const run = fc.string({ ...oneOf('AAQgBCDEFZabcdefghimz0123456789+/-_ .'), maxLength: 80 });
    fc.assert(
      fc.property(run, (text) => {
        if ((lookAt(text) & Look.encoded) === 0) expect(decodedIn(text)).toEqual([]);
      }),
      { numRuns: 5000 },
    );
  });
});
