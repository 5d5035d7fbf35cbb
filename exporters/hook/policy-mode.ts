import { variable } from '../environment.js';

/**
 * How AgentShield's runtime policy is applied.
 * - `strict` (default): denies what either of the other modes denies, ignoring the case of a tool's name; a policy that
 *   cannot be applied blocks.
 * - `exact`: only `*` is a wildcard, anywhere in a tool's name, so that `Bash` does not deny `BashOutput`; a policy that
 *   cannot be applied blocks.
 * - `compat`: behaves as AgentShield's own hook, including its defects: prefixes match, only the policy in the call's
 *   own folder counts, one that cannot be applied allows, a rate limit has no effect.
 *
 * Ordered from strictest to laxest.
 */
export const POLICY_MODES = ['strict', 'exact', 'compat'] as const;
export type PolicyMode = (typeof POLICY_MODES)[number];

/** Former names, which installed hooks and environments may still use. */
const ALIASES: Readonly<Record<string, PolicyMode>> = { safe: 'strict', mended: 'exact', stock: 'compat' };

/** Returns the mode of a name or former name; undefined for any other. */
export function namedPolicyMode(name: string): PolicyMode | undefined {
  return POLICY_MODES.find((mode) => mode === name) ?? (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined);
}

/** Returns the mode of that name; `strict` for an unknown or missing name. */
export function policyMode(name: string | undefined): PolicyMode {
  return (name === undefined ? undefined : namedPolicyMode(name)) ?? 'strict';
}

/** Returns the fixed mode, or that of the environment if it is stricter. */
export function stricterMode(mode: PolicyMode, env: NodeJS.ProcessEnv): PolicyMode {
  const name = variable(env, 'SHIELDWATCH_POLICY_MODE');
  if (name === undefined) return mode;
  const fromEnv = policyMode(name);
  return POLICY_MODES.indexOf(fromEnv) < POLICY_MODES.indexOf(mode) ? fromEnv : mode;
}

/** Returns whether a rule's `tool` covers the tool called. */
export function coversTool(ruleTool: string, tool: string, mode: PolicyMode): boolean {
  return mode === 'strict' ? covers(ruleTool.toLowerCase(), tool.toLowerCase(), mode) : covers(ruleTool, tool, mode);
}

function covers(ruleTool: string, tool: string, mode: PolicyMode): boolean {
  if (ruleTool === '*' || ruleTool === tool) return true;
  return (
    (mode !== 'exact' && tool.startsWith(ruleTool.replace('*', ''))) ||
    (mode !== 'compat' && matchesWildcard(ruleTool, tool))
  );
}

/** Each `*` matches any characters. Greedy from the left, so the time is linear in the name. */
function matchesWildcard(pattern: string, tool: string): boolean {
  const parts = pattern.split('*');
  const [first = ''] = parts;
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return false; // equality was tested before
  if (tool.length < first.length + last.length || !tool.startsWith(first) || !tool.endsWith(last)) return false;
  const middle = tool.slice(first.length, tool.length - last.length);
  let at = 0;
  for (const part of parts.slice(1, -1)) {
    const found = middle.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}
