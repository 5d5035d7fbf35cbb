import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayHoldSecret } from './redaction-gate.js';
import { REDACTION_RULES, redact, redactText } from './redaction.js';
import { packageRoot } from './root.js';

/** Run by the collector's Go tests too. A text comes in pieces so that no scanner takes the file for a leak. */
interface Vector {
  readonly name: string;
  readonly input: readonly string[];
  readonly output: string;
  readonly counts: Readonly<Record<string, number>>;
}
const VECTORS = JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.vectors.json'), 'utf8')) as Vector[];

describe('redact', () => {
  it.each(VECTORS)('$name', ({ input, output, counts }) => {
    expect(redact(input.join(''))).toEqual({ text: output, counts });
  });

  it('has a vector for each rule', () => {
    const names = new Set(VECTORS.map((vector) => vector.name));
    expect(REDACTION_RULES.map((rule) => rule.name).filter((name) => !names.has(name))).toEqual([]);
  });

  it('replaces long keys and tokens to their end', () => {
    const pem = '-----BEGIN RSA PRIVATE ' + 'KEY-----\n' + 'FAKE+/00\n'.repeat(400) + '-----END RSA PRIVATE KEY-----';
    expect(redactText(pem)).toBe('[REDACTED:private-key]');
    const jwt = `eyJ${'FAKE'.repeat(20)}.eyJ${'FAKE'.repeat(700)}.${'FAKE'.repeat(80)}`;
    expect(redactText(jwt)).toBe('[REDACTED:jwt]');
  });

  it('leaves ordinary text alone', () => {
    for (const text of [
      'Input matches denied pattern "rm -rf"',
      'agentshield.scan',
      'Hook has 19 chained commands',
      'https://example.test/a:b/c',
      'Prevents destructive filesystem operations',
      'secrets-anthropic-api-key-85::CLAUDE.md::sha256:0123456789abcdef',
      '"integrity": "sha512-FAKE0000fake0000+/FAKE0000fake0000FAKE0000fake0000FAKE0000fake0000FAKE0000fake0000=="',
      '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
    ]) {
      expect(redactText(text)).toBe(text);
    }
  });

  it('is idempotent', () => {
    const piece = fc.oneof(fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))), fc.string());
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const once = redactText(pieces.join(' '));
        expect(redactText(once)).toBe(once);
      }),
    );
  });

  it('finds a secret whatever stands around it, unless it continues a word', () => {
    const secrets = VECTORS.filter(({ name }) => REDACTION_RULES.some((rule) => rule.name === name)).map(({ input }) => input.slice(1, -1).join(''));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom(...secrets), fc.string({ unit: 'binary' }), (before, secret, after) => {
        expect(redactText(`${before}\n${secret}\n${after}`)).not.toContain(secret);
      }),
      { numRuns: 500 },
    );
  });

  it('has only patterns that mean the same in RE2: bounded, no look-around, back-references, flags or Unicode classes', () => {
    for (const { name, pattern = '', except = '', keywords } of REDACTION_RULES) {
      for (const source of [pattern, except]) {
        expect(source, name).not.toMatch(/\(\?[^:]/);
        expect(source, name).not.toMatch(/\\[1-9sSdDwWpPkK]/);
        expect(source.replace(/\\./g, ''), name).not.toMatch(/[*+](?![^[]*\])/);
        for (const [, max] of source.matchAll(/\{\d+,(\d*)\}/g)) expect(Number(max || Infinity), name).toBeLessThanOrEqual(1000);
      }
      for (const keyword of keywords) expect(keyword, name).toMatch(/^[!-@[-`a-~ ]+$/);
    }
    expect(new Set(REDACTION_RULES.map((rule) => rule.name)).size).toBe(REDACTION_RULES.length);
  });
});

describe('mayHoldSecret', () => {
  it('is true of whatever redact would change', () => {
    const keywords = REDACTION_RULES.flatMap((rule) => rule.keywords);
    const piece = fc.oneof(
      fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))),
      fc.tuple(fc.constantFrom(...VECTORS.map(({ input }) => input.join(''))), fc.constantFrom('base64' as const, 'base64url' as const, 'hex' as const)).map(([text, encoding]) => Buffer.from(text).toString(encoding)),
      fc.constantFrom(...keywords, ...keywords.map((keyword) => keyword.toUpperCase())),
      fc.constantFrom(':', '@', '=', 'a:b@', '-u a:b', '0123456789', 'K', 'İ', 'x'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
        const text = pieces.join('');
        fc.pre(redactText(text) !== text);
        expect(mayHoldSecret(text)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('is false of the names that a hook has to do with', () => {
    const names = ['58cb0000-0000-4000-8000-000000000000', 'Bash', 'Task', 'Skill', 'AskUserQuestion', 'mcp__files__write', 'toolu_01FAKE000000abcdefghij', 'acme/app'];
    expect(names.filter(mayHoldSecret)).toEqual([]);
  });
});
