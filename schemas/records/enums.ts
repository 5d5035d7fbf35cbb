import { z } from 'zod';

/** AgentShield severities, worst first. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const;
export const severity = z.enum(SEVERITIES);
export type Severity = z.infer<typeof severity>;

/** AgentShield letter grades: A >= 90, B >= 75, C >= 60, D >= 40, F below. */
export const grade = z.enum(['A', 'B', 'C', 'D', 'F']);
export type Grade = z.infer<typeof grade>;

/** Categories of AgentShield's score breakdown. Findings have more categories. */
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

/** AgentShield's levels of confidence that a finding matters at runtime. */
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

/** Providers of scans. */
export const PROVIDERS = ['github-actions', 'gitlab-ci', 'local'] as const;

/**
 * How the keys of a scan's findings were computed. `source`: by our exporter, from the evidence and the path in the
 * repository. `gateway`: from rows without keys. Scans of different schemes are not compared.
 */
export const KEY_SCHEMES = ['source', 'gateway'] as const;

/**
 * Integrity of an evidence pack. `mismatch`: an artifact or the pack does not verify. `suspect`: its contents
 * contradict each other.
 */
export const integrity = z.enum(['ok', 'mismatch', 'suspect']);
export type Integrity = z.infer<typeof integrity>;

/** Decision of a guard. `ask` is reported by some agents. */
export const decision = z.enum(['allow', 'block', 'ask']);

/**
 * Kind of attempt that a runtime rule guards against. AgentShield's policy has no such field, so the hook derives it
 * from the rule (exporters/hook/rule-category.ts). Empty for allowed calls.
 */
export const RULE_CATEGORIES = [
  'injection',
  'exfiltration',
  'destructive',
  'credential',
  'egress',
  // Earlier name of `credential`, still accepted from other senders.
  'sensitive-file',
  'remote-code',
  'mcp',
  'other',
] as const;
export const ruleCategory = z.enum(RULE_CATEGORIES);
export type RuleCategory = z.infer<typeof ruleCategory>;
