/**
 * Conditions on a row of `runtime_event` that say whether a call was an injection attempt: it was blocked, by a rule of
 * category injection, or, where the guard names no category, for a reason that reads like one (as AgentShield's own log
 * and its `matchedRule` do). Written once: jobs, alerts and benches take them from here.
 */
export const IS_ATTEMPT_BY_TEXT = `decision = 'block' AND rule_category = '' AND match(reason, '(?i)inject|jailbreak|ignore (all |any )?(previous|prior) instructions')`;
export const IS_INJECTION_ATTEMPT = `(decision = 'block' AND rule_category = 'injection' OR ${IS_ATTEMPT_BY_TEXT})`;
