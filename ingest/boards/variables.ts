import { ShieldwatchError } from '#schemas/errors.js';
import { REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import type { Caller } from '../auth/caller.js';
import type { Board } from './board.js';
import type { VariableValue } from './macros.js';

/** Values one variable may take in a request; more than that is "All" with extra steps. */
const MAX_VALUES = 200;
const MAX_LENGTH = 200;
/** How Grafana's URLs say "All". */
const ALL = '$__all';

/**
 * The values of a board's variables for one request. Organisation, and for a token bound to one repository
 * that repository, are the caller's own whatever the request says; the rest is `var-<name>` of the URL.
 *
 * @throws ShieldwatchError `query_invalid` naming the parameter
 */
export function variableValues(board: Board, caller: Caller, query: Record<string, unknown>): Map<string, VariableValue> {
  const values = new Map<string, VariableValue>([['org', [caller.orgId]]]);
  if (caller.repository !== null) values.set('repo', [caller.repository]);
  for (const { name, includeAll } of board.templating.list) {
    if (values.has(name)) continue;
    const value = readValues(name, query[`var-${name}`]);
    if (value === 'all' && !includeAll) throw invalid(name, 'a value');
    values.set(name, value);
  }
  return values;
}

function readValues(name: string, given: unknown): VariableValue {
  if (given === undefined) return 'all';
  const values: unknown[] = Array.isArray(given) ? given : [given];
  if (values.includes(ALL)) return 'all';
  if (values.length > MAX_VALUES) throw invalid(name, `at most ${String(MAX_VALUES)} values`);
  return values.map((value) => {
    if (typeof value !== 'string' || value.length > MAX_LENGTH || !REPOSITORY_PATTERN.test(value)) {
      throw invalid(name, `owner/name, at most ${String(MAX_LENGTH)} characters`);
    }
    return value;
  });
}

function invalid(name: string, expected: string): ShieldwatchError {
  const field = `var-${name}`;
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
