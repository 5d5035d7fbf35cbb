import { named } from './errors.js';
import type { Piece } from './sql-names.js';

/**
 * Functions for nobody: they read files or call out, and the engine asks for no grant (`file('/etc/passwd')`
 * as a scalar function, unlike the table function of that name, reads any file of this machine).
 */
const FOR_NOBODY = /^(file|catboostevaluate|ai[a-z_]*|eval|executable)$/;

/** Functions that take another function's bare name as their first argument: `arrayMap(file, [...])`. */
const HIGHER_ORDER = /^(array|map)/;

/** Throws when the statement calls, or hands on, a function that `isForbidden`. */
export function refuseFunctions(pieces: readonly Piece[], isForbidden: (name: string) => boolean): void {
  pieces.forEach((piece, i) => {
    if (piece.kind !== 'name' || !isForbidden(piece.value) || !isFunctionName(pieces, i)) return;
    throw named('ACCESS_DENIED', `Function ${piece.value} is not allowed over HTTP`);
  });
}

/** Throws for a call of a function that no user may make. */
export function refuseForNobody(pieces: readonly Piece[]): void {
  refuseFunctions(pieces, (name) => FOR_NOBODY.test(name));
}

/** `name(`, `APPLY name`, `APPLY(name`, `arrayMap(name`, `arrayMap((name`. */
function isFunctionName(pieces: readonly Piece[], at: number): boolean {
  if (pieces[at - 1]?.value === '.') return false;
  if (pieces[at + 1]?.value === '(') return true;
  let before = at - 1;
  while (pieces[before]?.value === '(' && pieces[before]?.kind === 'mark') before--;
  const caller = pieces[before];
  if (caller?.kind !== 'name') return false;
  return caller.value === 'apply' || (before < at - 1 && HIGHER_ORDER.test(caller.value));
}
