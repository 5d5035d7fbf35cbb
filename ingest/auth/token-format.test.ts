import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createToken, isTokenShaped } from './token-format.js';

describe('tokens', () => {
  it('have the published shape and are never the same', () => {
    const tokens = Array.from({ length: 100 }, createToken);
    for (const token of tokens) expect(token).toMatch(/^eccp_[0-9A-Za-z]{36}$/);
    expect(new Set(tokens).size).toBe(100);
    expect(tokens.every(isTokenShaped)).toBe(true);
  });

  it('with one changed character are recognised as mistyped', () => {
    const token = createToken();
    const alphabet = fc.constantFrom(...Array.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'));
    fc.assert(
      fc.property(fc.integer({ min: 5, max: 40 }), alphabet, (index, character) => {
        fc.pre(token[index] !== character);
        expect(isTokenShaped(token.slice(0, index) + character + token.slice(index + 1))).toBe(false);
      }),
    );
  });

  it('have the standard CRC-32', () => {
    // Computed by another program from 30 zeros: a changed checksum would reject every existing token.
    expect(isTokenShaped('eccp_0000000000000000000000000000004cFfQn')).toBe(true);
  });
});
