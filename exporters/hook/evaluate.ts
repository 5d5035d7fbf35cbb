import { runInThisContext } from 'node:vm';
import { PolicyError, type DenyRule } from './policy.js';
import { coversTool, type PolicyMode } from './policy-mode.js';
import type { Subject } from './subject.js';

/**
 * Time limit for patterns, in milliseconds. Patterns such as `curl.*\|.*sh` take time quadratic in the input. A
 * manipulated agent could use a command long enough to exceed the hook's time limit, after which Claude Code runs the
 * tool.
 */
const TIME_LIMIT_MS = 2000;

/**
 * Steps that a pattern may take without the time limit. Starting the timer costs half a millisecond, and most patterns
 * on most inputs need none.
 */
const UNWATCHED_STEPS = 2_000_000;

const SLOT = Symbol.for('shieldwatch.hook.match');

/**
 * Returns the first rule that denies a call. Throws {@link PolicyError} if the patterns take too long, which is treated
 * like a policy that cannot be applied.
 */
export function matchingRule(
  rules: readonly DenyRule[],
  { names, texts, pathRuleTools, paths }: Subject,
  mode: PolicyMode,
): DenyRule | undefined {
  const candidates: { rule: DenyRule; tested: readonly string[] }[] = [];
  for (const rule of rules) {
    if (names.some((name) => coversTool(rule.tool, name, mode))) candidates.push({ rule, tested: texts });
    else if (
      rule.pattern !== undefined &&
      paths.length > 0 &&
      pathRuleTools.some((name) => coversTool(rule.tool, name, mode))
    )
      candidates.push({ rule, tested: paths });
  }
  if (candidates.every(({ rule }) => rule.pattern === undefined)) return candidates[0]?.rule;
  const find = (): DenyRule | undefined =>
    candidates.find(
      ({ rule: { pattern }, tested }) => pattern === undefined || tested.some((text) => pattern.test(text)),
    )?.rule;
  // All texts as if they were one: an upper bound of the steps.
  const length = [...texts, ...paths].reduce((sum, text) => sum + text.length, 0);
  if (candidates.every(({ rule }) => rule.pattern === undefined || isQuick(rule.pattern.source, length))) return find();
  return watched(find);
}

/**
 * Returns whether the pattern certainly ends soon: without repeated groups and back-references it takes at most the
 * input's length to the power of one more than its unbounded quantifiers.
 */
function isQuick(source: string, length: number): boolean {
  let steps = length;
  for (let i = 0; i < source.length; i++) {
    const character = source.charAt(i);
    if (character === '*' || character === '+' || character === '{') {
      if (source.charAt(i - 1) === ')') return false;
      steps *= length;
    } else if (character === '\\' && '123456789k'.includes(source.charAt(i + 1))) {
      return false;
    }
  }
  return steps <= UNWATCHED_STEPS;
}

/** Runs `find` under the time limit. */
function watched(find: () => DenyRule | undefined): DenyRule | undefined {
  const slots = globalThis as unknown as Record<symbol, () => DenyRule | undefined>;
  slots[SLOT] = find;
  try {
    return runInThisContext(`globalThis[Symbol.for('shieldwatch.hook.match')]()`, { timeout: TIME_LIMIT_MS }) as
      DenyRule | undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new PolicyError('its patterns take too long on this input');
  } finally {
    Reflect.deleteProperty(slots, SLOT);
  }
}
