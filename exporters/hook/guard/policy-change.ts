import { parsePolicy, PolicyError, type Policy } from '../policy.js';

/** Returns why a policy would be laxer after a change; undefined if it would not. `undefined` means no file. */
export function loosened(before: string | undefined, after: string | undefined): string | undefined {
  const old = before === undefined ? { deny: [] } : parsed(before);
  // A policy that cannot be applied blocks all calls: only a person knows what it should have been.
  if (old === undefined) return 'the policy cannot be read now; a person has to fix it';
  if (after === undefined) return before === undefined ? undefined : 'the policy would be deleted';
  const next = parsed(after);
  if (next === undefined) return 'the policy could no longer be applied';
  const keys = new Set(next.deny.map(keyOf));
  const lost = old.deny.find((rule) => !keys.has(keyOf(rule)));
  if (lost !== undefined) return `the policy would lose ${lost.name}`;
  return isLimitLoosened(old, next) ? 'the policy would lose or raise its rate limit' : undefined;
}

function parsed(text: string): Policy | undefined {
  try {
    return parsePolicy(text);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return undefined;
  }
}

const keyOf = ({ tool, pattern }: Policy['deny'][number]): string => JSON.stringify([tool, pattern?.source ?? '']);

function isLimitLoosened({ rateLimit: old }: Policy, { rateLimit: next }: Policy): boolean {
  if (old === undefined) return false;
  return (
    next === undefined || next.maxPerMinute > old.maxPerMinute || old.tools.some((tool) => !next.tools.includes(tool))
  );
}
