import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPseudonyms, masked, redactIdentity } from './pseudonyms.js';
import { PERSONAL_VECTORS, PSEUDONYM_SECRET } from './testing/redaction-personal.js';
import { redact, redactText } from './redaction.js';

const pseudonyms = createPseudonyms(PSEUDONYM_SECRET, 'org_1');
const EMAIL = /^\[REDACTED:email:[0-9a-f]{16}\]$/;

describe('redaction of personal data', () => {
  const others = createPseudonyms('another secret of the tests, 01234', 'org_2');

  it.each(PERSONAL_VECTORS)('$name', ({ input, output }) => {
    expect(redactText(input.join(''), pseudonyms)).toBe(output);
    expect(redactText(output, others)).toBe(output);
  });

  it('leaves addresses and login names unchanged when no replacement is given', () => {
    expect(redact('alice@example.com in /home/alice')).toEqual({
      text: 'alice@example.com in /home/alice',
      counts: {},
    });
  });

  it('counts by kind', () => {
    expect(redact('alice@example.com, bob@example.com in /home/alice', masked)).toEqual({
      text: '[REDACTED:email], [REDACTED:email] in /home/[REDACTED:login]',
      counts: { email: 2, login: 1 },
    });
  });

  it('gives one pseudonym to all spellings of an address, different by organisation', () => {
    const spellings = [
      'alice@example.com',
      'Alice@EXAMPLE.com',
      'alice+ci@example.com',
      '"alice"@example.com',
      'alice%40example.com',
      'alice\\u0040example.com',
    ];
    const results = new Set(spellings.map((text) => redactText(text, pseudonyms)));
    expect(results.size).toBe(1);
    expect([...results][0]).toMatch(EMAIL);
    const elsewhere = ['org_2', 'org_', ''].map((org) =>
      redactText('alice@example.com', createPseudonyms(PSEUDONYM_SECRET, org)),
    );
    expect(
      new Set([
        ...results,
        ...elsewhere,
        redactText('alice@example.com', createPseudonyms(`${PSEUDONYM_SECRET}x`, 'org_1')),
      ]).size,
    ).toBe(5);
  });

  it('reveals nothing of the address without the secret', () => {
    const [digits] = /[0-9a-f]{16}/.exec(redactText('alice@example.com', pseudonyms)) ?? [];
    expect(
      redactText('alice@example.com', createPseudonyms('another secret of the tests, 01234', 'org_1')),
    ).not.toContain(digits);
  });

  it('finds no address in its own output', () => {
    const piece = fc.oneof(
      fc.constantFrom(...PERSONAL_VECTORS.map(({ input }) => input.join(''))),
      fc.constantFrom(
        '@',
        '@',
        '.com',
        '://',
        ':',
        '/',
        '=',
        '"',
        '\\',
        '%40',
        '/home/',
        'C:\\Users\\',
        'git',
        ' ',
        '\n',
        'token: ',
        'password=',
        '[REDACTED:',
        ']',
        '-u ',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const once = redactText(pieces.join(''), pseudonyms);
        expect(redact(once, others).counts, once).not.toHaveProperty('email');
      }),
      { numRuns: 3000 },
    );
  });

  it('finds an address in any surroundings', () => {
    const around = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 10 }),
      fc.constantFrom('<', '"', "'", '(', '=', ':', ', ', '\\n', '%20', '\u001b[32m', '\u200b', '“', '漢字'),
    );
    fc.assert(
      fc.property(around, around, (before, after) => {
        const text = redactText(`${before} alice.smith@example.com ${after}`, pseudonyms);
        expect(text).not.toContain('smith@example.com');
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['alice@example.com', 'email'],
    ['Alice Smith <alice@example.com>', 'email'],
    [' ALICE@example.com\n', 'email'],
    ['alice', 'login'],
    ['Alice Smith', 'login'],
    ['CORP\\alice', 'login'],
    ['alice@laptop', 'login'],
  ])('replaces the whole value %j of an attribute that names a person', (value, kind) => {
    const result = redactIdentity(value, pseudonyms);
    expect(result.kind).toBe(kind);
    expect(result.text).toMatch(kind === 'email' ? EMAIL : /^\[REDACTED:login:[0-9a-f]{16}\]$/);
    if (kind === 'email') expect(result.text).toBe(redactText('alice@example.com', pseudonyms));
    expect(redactIdentity(result.text, pseudonyms)).toEqual({ text: result.text, kind: undefined });
  });

  it('leaves an empty value of such an attribute empty', () => {
    expect(redactIdentity(' ', pseudonyms)).toEqual({ text: ' ', kind: undefined });
  });
});
