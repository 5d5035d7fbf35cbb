import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ALLOWED_KEYS } from '#schemas/attribute-keys.js';
import { PERSONAL_RULES } from '#schemas/redaction-personal.js';
import { REDACTION_RULES } from '#schemas/redaction.js';
import { generatedFiles } from './generate.js';

interface Generated {
  readonly processors: {
    readonly secretredaction: {
      readonly allowed_keys: readonly string[];
      readonly rules: readonly { readonly name: string }[];
    };
    readonly redaction: {
      readonly allow_all_keys: boolean;
      readonly allowed_keys: readonly string[];
      readonly blocked_values: readonly string[];
    };
  };
}

const files = [...generatedFiles()];
const [own, stock] = files.map(([, text]) => (parse(text) as Generated).processors);
if (own === undefined || stock === undefined) throw new Error('two generated files expected');

describe('generated/', () => {
  it.each(files)('%s is fresh', (path, text) => {
    expect(readFileSync(path, 'utf8'), 'run: npm run build && npm run collector:generate').toBe(text);
  });

  it('gives every rule to both processors, in the order of the list', () => {
    expect(own.secretredaction.rules.map((rule) => rule.name)).toEqual(
      [...REDACTION_RULES, ...PERSONAL_RULES].map((rule) => rule.name),
    );
    expect(stock.redaction.blocked_values).toHaveLength(REDACTION_RULES.length + PERSONAL_RULES.length);
  });

  it('gives the same allow-list to both processors', () => {
    expect(own.secretredaction.allowed_keys).toEqual(ALLOWED_KEYS);
    expect(own.secretredaction).not.toHaveProperty('allow_all_keys');
    expect(stock.redaction.allow_all_keys).toBe(false);
    const listed = new Set(stock.redaction.allowed_keys);
    expect(ALLOWED_KEYS.filter((key) => !key.endsWith('*') && !listed.has(key))).toEqual([]);
  });
});
