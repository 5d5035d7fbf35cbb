import { Script } from 'node:vm';
import { PolicyError, type DenyRule } from './policy.js';
import { coversTool, type PolicyMode } from './policy-mode.js';

/**
 * Patterns such as `curl.*\|.*sh` take time that grows with the square of the input. An agent talked into
 * a long enough command would outlast its hook's time limit, after which Claude Code runs the tool.
 */
const TIME_LIMIT_MS = 2000;

const SLOT = Symbol.for('shieldwatch.hook.match');
const script = new Script(`globalThis[Symbol.for('shieldwatch.hook.match')]()`);

/**
 * The first rule that denies a call; `names` are those under which its tool is looked up. Throws
 * {@link PolicyError} when the patterns take too long, which is judged like any policy that cannot be applied.
 */
export function matchingRule(rules: readonly DenyRule[], names: readonly string[], input: string, mode: PolicyMode): DenyRule | undefined {
  const candidates = rules.filter((rule) => names.some((name) => coversTool(rule.tool, name, mode)));
  if (candidates.every((rule) => rule.pattern === undefined)) return candidates[0];
  const slots = globalThis as unknown as Record<symbol, () => DenyRule | undefined>;
  slots[SLOT] = () => candidates.find((rule) => rule.pattern?.test(input) ?? true);
  try {
    return script.runInThisContext({ timeout: TIME_LIMIT_MS }) as DenyRule | undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new PolicyError('its patterns take too long on this input');
  } finally {
    Reflect.deleteProperty(slots, SLOT);
  }
}
