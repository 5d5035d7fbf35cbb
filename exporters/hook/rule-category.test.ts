import { expect, it } from 'vitest';
import { RULE_CATEGORIES } from '#schemas/records/enums.js';
import { categoryOf, isRuleCategory } from './rule-category.js';

it('derives the category from the reason, else the pattern, else the tool', () => {
  const cases: [{ tool: string; pattern?: RegExp; reason?: string }, string][] = [
    [{ tool: 'Bash', reason: 'Nobody deletes the production database' }, 'destructive'],
    [{ tool: 'Bash', pattern: /git\s+push\s.*--force/ }, 'destructive'],
    [{ tool: 'Bash', pattern: /rm\s+-rf/, reason: 'Team rule 7' }, 'destructive'],
    [{ tool: 'Bash', pattern: /(curl|wget).*\|\s*(ba)?sh/ }, 'remote-code'],
    [{ tool: 'Read', pattern: /\.ssh\// }, 'credential'],
    [{ tool: 'Bash', pattern: /\bnc\b/ }, 'egress'],
    [{ tool: 'mcp__db__*' }, 'mcp'],
    [{ tool: 'Agent', reason: 'Team rule 8' }, 'other'],
  ];
  expect(cases.map(([rule]) => [rule, categoryOf(rule)])).toEqual(cases);
});

it('uses exactly the categories of the schema', () => {
  expect(RULE_CATEGORIES.every((category) => isRuleCategory(category))).toBe(true);
  expect(isRuleCategory('nonsense')).toBe(false);
});
