import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { REDACTION_RULES } from '#schemas/redaction.js';
import { REDACTION_CONFIG, redactionConfig } from './generate.js';

interface Generated {
  readonly processors: {
    readonly redaction: { readonly blocked_values: readonly string[] };
    readonly 'transform/secrets': Readonly<Record<string, unknown>>;
  };
}

describe('generated/redaction.yaml', () => {
  it('is what generate.ts makes of the rules today', () => {
    expect(readFileSync(REDACTION_CONFIG, 'utf8')).toBe(redactionConfig());
  });

  it('gives every rule to the redaction processor, in the order of the list', () => {
    const { processors } = parse(redactionConfig()) as Generated;
    expect(processors.redaction.blocked_values).toEqual(
      REDACTION_RULES.map((rule) => (rule.ignoreCase === true ? '(?i)' : '') + rule.pattern.replaceAll('$', '$$$$')),
    );
  });

  it('gives every rule to every string that the redaction processor does not touch', () => {
    const { processors } = parse(redactionConfig()) as Generated;
    const statements = JSON.stringify(processors['transform/secrets']);
    // resource, scope x3 in three signals; span x3, event; log x2; metric x3, exemplar.
    const targets = 3 * 4 + 4 + 2 + 4;
    for (const rule of REDACTION_RULES) {
      expect(statements.split(`[REDACTED:${rule.name}]`).length - 1).toBe(targets);
    }
  });
});
