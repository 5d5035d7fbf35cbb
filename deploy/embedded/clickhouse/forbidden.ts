import { named } from './errors.js';
import type { Token } from './sql-tokens.js';

/**
 * Functions for nobody: they read files or call out, and the engine asks for no grant (`file('/etc/passwd')`
 * as a scalar function, unlike the table function of that name, reads any file of this machine; so does `sqlite`).
 */
const FOR_NOBODY = /^(file|sqlite|catboostevaluate|ai[a-z_]*|eval|executable)$/;

/** Functions that take another function's bare name as their first argument: `arrayMap(file, [...])`. */
const HIGHER_ORDER = /^(array|map)/;

/** Whether a function of that name may be handed another function by its name alone. Lower case. */
export function isHigherOrder(name: string): boolean {
  return HIGHER_ORDER.test(name);
}

/** Throws when the statement calls, or hands on, a function that `isForbidden`. */
export function refuseFunctions(tokens: readonly Token[], isForbidden: (name: string) => boolean): void {
  tokens.forEach((token, i) => {
    if (!isNamed(token) || !isForbidden(token.value) || !isFunctionName(tokens, i)) return;
    throw functionDenied(token.value);
  });
}

/** Throws for a call of a function that no user may make. */
export function refuseForNobody(tokens: readonly Token[]): void {
  refuseFunctions(tokens, (name) => FOR_NOBODY.test(name));
}

export function functionDenied(name: string): Error {
  return named('ACCESS_DENIED', `Function ${name.replace(/[^\w.]/g, '?')} is not allowed over HTTP`);
}

export function isNamed(token: Token | undefined): token is Token {
  return token?.kind === 'word' || token?.kind === 'name';
}

/** `name(`, `APPLY name`, `APPLY(name`, `arrayMap(name`, `arrayMap((name`. */
function isFunctionName(tokens: readonly Token[], at: number): boolean {
  if (tokens[at - 1]?.text === '.') return false;
  if (tokens[at + 1]?.text === '(') return true;
  let before = at - 1;
  while (tokens[before]?.text === '(') before--;
  const caller = tokens[before];
  if (!isNamed(caller)) return false;
  return caller.value === 'apply' || (before < at - 1 && isHigherOrder(caller.value));
}
