/**
 * SQL conditions for `runtime_event` rows that are injection attempts: blocked by a rule of category `injection` or,
 * without a category, for a reason that matches a pattern (as in AgentShield's own log and its `matchedRule`). Defined
 * once, for jobs, alerts and benchmarks.
 */
export const IS_ATTEMPT_BY_TEXT = `decision = 'block' AND rule_category = '' AND match(reason, '(?i)inject|jailbreak|ignore (all |any )?(previous|prior) instructions')`;
export const IS_INJECTION_ATTEMPT = `(decision = 'block' AND rule_category = 'injection' OR ${IS_ATTEMPT_BY_TEXT})`;
