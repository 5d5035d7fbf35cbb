import { z } from 'zod';

/** AgentShield severities, worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export const severity = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severity>;

/** AgentShield letter grades: A >= 90, B >= 75, C >= 60, D >= 40, F below. */
export const grade = z.enum(['A', 'B', 'C', 'D', 'F']);
export type Grade = z.infer<typeof grade>;

/** Categories of AgentShield's score breakdown; findings have more categories than the score. */
export const BREAKDOWN_CATEGORIES = ['secrets', 'permissions', 'hooks', 'mcp', 'agents'] as const;
export type BreakdownCategory = (typeof BREAKDOWN_CATEGORIES)[number];

/** AgentShield finding categories. */
export const findingCategory = z.enum([
  'secrets',
  'permissions',
  'hooks',
  'mcp',
  'skills',
  'agents',
  'injection',
  'exposure',
  'exfiltration',
  'misconfiguration',
]);

/** AgentShield's kinds of confidence that a finding matters at runtime. */
export const RUNTIME_CONFIDENCE = [
  'active-runtime',
  'project-local-optional',
  'template-example',
  'docs-example',
  'plugin-cache',
  'plugin-manifest',
  'hook-code',
] as const;
export type RuntimeConfidence = (typeof RUNTIME_CONFIDENCE)[number];

/** Where a scan can run. */
export const PROVIDERS = ['github-actions', 'gitlab-ci', 'local'] as const;

/**
 * How the keys of a scan's findings were made. `source`: by our exporter, which has the evidence and knows the
 * repository. `gateway`: of rows that came without keys. Scans of different schemes are not compared.
 */
export const KEY_SCHEMES = ['source', 'gateway'] as const;

/** Of an evidence pack. `mismatch`: an artifact or the pack does not verify. `suspect`: what it says contradicts itself. */
export const integrity = z.enum(['ok', 'mismatch', 'suspect']);
export type Integrity = z.infer<typeof integrity>;

/** What a guard decided; `ask` exists for agents that report it. */
export const decision = z.enum(['allow', 'block', 'ask']);

/**
 * What kind of attempt a runtime rule guards against. AgentShield's policy has no such field, so the
 * hook derives it from the rule (see exporters/hook/rule-category.ts); it is empty for allowed calls.
 */
export const RULE_CATEGORIES = [
  'injection',
  'exfiltration',
  'destructive',
  'credential',
  'egress',
  // The same as `credential`, from before it had its name; still taken from other senders.
  'sensitive-file',
  'remote-code',
  'mcp',
  'other',
] as const;
export const ruleCategory = z.enum(RULE_CATEGORIES);
export type RuleCategory = z.infer<typeof ruleCategory>;
