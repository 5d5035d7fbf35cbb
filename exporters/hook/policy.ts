import type { RuleCategory } from '#schemas/records/enums.js';
import { assertNotHashFlood } from './hash-flood.js';
import { isRuleCategory } from './rule-category.js';
import { withoutBom } from './without-bom.js';

/** One entry of `deny` with its compiled pattern. */
export interface DenyRule {
  /** Position and tool, e.g. `deny[2]:Bash`. */
  readonly name: string;
  readonly tool: string;
  /** Absent: every call of the tool is denied. */
  readonly pattern?: RegExp;
  readonly reason?: string;
  /** Our extension of AgentShield's format: overrides the derived category. */
  readonly category?: RuleCategory;
}

/** Maximum calls per minute of the named tools, as in AgentShield's policy. */
export interface RateLimit {
  readonly maxPerMinute: number;
  readonly tools: readonly string[];
}

/** A valid runtime policy. */
export interface Policy {
  readonly deny: readonly DenyRule[];
  readonly rateLimit?: RateLimit;
}

/** Thrown for a policy that cannot be parsed. The message names the field. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

/**
 * Parses AgentShield's runtime policy. Compiles all patterns, so that an invalid one is reported at the first call.
 * `log` has no effect, as in AgentShield's own hook; unknown fields are ignored.
 */
export function parsePolicy(text: string): Policy {
  assertNotHashFlood(text);
  const policy = parseJson(withoutBom(text));
  if (!isObject(policy)) throw new PolicyError('the policy is not a JSON object');
  if (policy['version'] !== undefined && policy['version'] !== 1) throw new PolicyError('version is not 1');
  const deny = policy['deny'] ?? [];
  if (!Array.isArray(deny)) throw new PolicyError('deny is not a list');
  const rules = deny.map((rule: unknown, index) => parseRule(rule, `deny[${String(index)}]`));
  return {
    deny: rules,
    ...(policy['rateLimit'] === undefined ? {} : { rateLimit: parseRateLimit(policy['rateLimit']) }),
  };
}

function parseRateLimit(limit: unknown): RateLimit {
  if (!isObject(limit)) throw new PolicyError('rateLimit is not an object');
  const { maxPerMinute, tools } = limit;
  if (typeof maxPerMinute !== 'number' || !(maxPerMinute >= 0))
    throw new PolicyError('rateLimit.maxPerMinute is not a number of calls');
  if (!Array.isArray(tools) || !tools.every((tool): tool is string => typeof tool === 'string')) {
    throw new PolicyError('rateLimit.tools is not a list of names');
  }
  return { maxPerMinute, tools };
}

function parseRule(rule: unknown, path: string): DenyRule {
  if (!isObject(rule)) throw new PolicyError(`${path} is not an object`);
  const { tool, pattern, reason, category } = rule;
  if (typeof tool !== 'string') throw new PolicyError(`${path}.tool is not a string`);
  if (pattern !== undefined && typeof pattern !== 'string') throw new PolicyError(`${path}.pattern is not a string`);
  if (reason !== undefined && typeof reason !== 'string') throw new PolicyError(`${path}.reason is not a string`);
  if (category !== undefined && !isRuleCategory(category)) throw new PolicyError(`${path}.category is not one we know`);
  return {
    name: `${path}:${tool}`,
    tool,
    // AgentShield treats an empty pattern as none.
    ...(pattern === undefined || pattern === '' ? {} : { pattern: compile(pattern, path) }),
    ...(reason === undefined || reason.trim() === '' ? {} : { reason }),
    ...(category === undefined ? {} : { category }),
  };
}

function compile(pattern: string, path: string): RegExp {
  try {
    return new RegExp(pattern, 'i');
  } catch {
    throw new PolicyError(`${path}.pattern is not a regular expression`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PolicyError('the policy is not JSON');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
