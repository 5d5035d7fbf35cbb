/**
 * How AgentShield's runtime policy is applied.
 * - `safe` (default): what either reading denies is denied, whatever the case of a tool's name; a policy that cannot be
 *   applied blocks.
 * - `mended`: `*` is a wildcard anywhere in a tool's name and nothing else is, so that `Bash` does not deny
 *   `BashOutput`; a policy that cannot be applied blocks.
 * - `stock`: AgentShield's own hook, defects included: prefixes match, only the policy in the call's own
 *   folder counts, one that cannot be applied allows, a rate limit has no effect.
 */
export const POLICY_MODES = ['safe', 'mended', 'stock'] as const;
export type PolicyMode = (typeof POLICY_MODES)[number];

/** The mode by that name; the safe one for a name there is none by. */
export function policyMode(name: string | undefined): PolicyMode {
  return POLICY_MODES.find((mode) => mode === name) ?? 'safe';
}

/** A mode that is fixed, or the one of the environment where that is stricter: {@link POLICY_MODES} begins with the strictest. */
export function tightened(mode: PolicyMode, env: NodeJS.ProcessEnv): PolicyMode {
  const name = env['SHIELDWATCH_POLICY_MODE'];
  if (name === undefined) return mode;
  const fromEnv = policyMode(name);
  return POLICY_MODES.indexOf(fromEnv) < POLICY_MODES.indexOf(mode) ? fromEnv : mode;
}

/** Whether a rule's `tool` covers the tool called. */
export function coversTool(ruleTool: string, tool: string, mode: PolicyMode): boolean {
  return mode === 'safe' ? covers(ruleTool.toLowerCase(), tool.toLowerCase(), mode) : covers(ruleTool, tool, mode);
}

function covers(ruleTool: string, tool: string, mode: PolicyMode): boolean {
  if (ruleTool === '*' || ruleTool === tool) return true;
  return (
    (mode !== 'mended' && tool.startsWith(ruleTool.replace('*', ''))) ||
    (mode !== 'stock' && matchesWildcard(ruleTool, tool))
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
