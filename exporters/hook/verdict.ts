import type { RuleCategory } from '#schemas/records/enums.js';
import { matchingRule } from './evaluate.js';
import { parsePolicy, PolicyError } from './policy.js';
import { readPolicies } from './policy-file.js';
import { categoryOf } from './rule-category.js';
import type { ToolCall } from './tool-call.js';

/** What the hook decided, and why. */
export type Verdict =
  | { readonly decision: 'allow' }
  | {
      readonly decision: 'block';
      readonly reason: string;
      /** Absent when no rule of a policy was the reason. */
      readonly ruleName?: string;
      readonly ruleCategory: RuleCategory;
    };

/** Judges a call by the policies in force. No policy: allowed. A policy that cannot be applied: blocked. */
export function judge(call: ToolCall, env: NodeJS.ProcessEnv): Verdict {
  try {
    const rules = readPolicies(call.cwd, env).flatMap((text) => parsePolicy(text));
    const rule = matchingRule(rules, call);
    if (rule === undefined) return { decision: 'allow' };
    // AgentShield's own words for a rule without a reason.
    const reason = rule.reason ?? 'denied by policy';
    return { decision: 'block', reason, ruleName: rule.name, ruleCategory: categoryOf(rule) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return cannotJudge(`runtime policy invalid: ${error.message}`);
  }
}

/** The verdict where there is nothing to judge by: what cannot be judged does not run. */
export function cannotJudge(reason: string): Verdict {
  return { decision: 'block', reason, ruleCategory: 'other' };
}
