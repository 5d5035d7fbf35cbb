import { ShieldwatchError } from '#schemas/errors.js';
import type { VariableOption } from '#schemas/http/boards.js';
import { REPOSITORY_PATTERN } from '#schemas/records/repository.js';
import type { Board, BoardVariable } from '#schemas/board.js';
import type { Caller } from '../auth/caller.js';
import type { VariableValue } from './macros.js';

/** Maximum values of a variable in a request. */
const MAX_VALUES = 200;
const MAX_LENGTH = 200;
/** The value of "All" in Grafana's URLs. */
const ALL = '$__all';

/** Returns the options defined in the board; undefined for a variable that queries the store or takes free text. */
export function ownOptions({ type, query }: BoardVariable): VariableOption[] | undefined {
  if (type === 'constant') return [{ text: String(query), value: String(query) }];
  if (type !== 'custom' && type !== 'interval') return undefined;
  return String(query)
    .split(/(?<!\\),/)
    .map((part) => {
      const item = part.replaceAll('\\,', ',').trim();
      const [, text = item, value = item] = /^(.+?)\s+:\s+(.+)$/.exec(item) ?? [];
      return { text, value };
    });
}

/** Returns the variables whose values a request can only choose from the board's options. */
export function plainVariables(board: Board): ReadonlySet<string> {
  return new Set(board.templating.list.filter((each) => ownOptions(each) !== undefined).map(({ name }) => name));
}

/**
 * Returns the values of a board's variables for a request: `var-<name>` of the URL, else the board's default, else
 * "All" if allowed. A variable with none of these is left out. The organisation, and for a bound token the repository,
 * are the caller's own; naming another organisation is answered like an unknown board.
 *
 * @throws ShieldwatchError `query_invalid` naming the parameter, `not_found` for another organisation
 */
export function chosenValues(board: Board, caller: Caller, query: Record<string, unknown>): Map<string, VariableValue> {
  const org = query['var-org'];
  if (org !== undefined && org !== caller.orgId) throw new ShieldwatchError('not_found', 'there is no such board');
  const values = new Map<string, VariableValue>([['org', [caller.orgId]]]);
  if (caller.repository !== null) values.set('repo', [caller.repository]);
  for (const variable of board.templating.list) {
    const { name } = variable;
    if (values.has(name)) continue;
    const value = readValues(variable, query[`var-${name}`]) ?? defaultValue(variable);
    if (value !== undefined) values.set(name, value);
  }
  return values;
}

/** Like `chosenValues`, but every variable must have a value. */
export function variableValues(
  board: Board,
  caller: Caller,
  query: Record<string, unknown>,
): Map<string, VariableValue> {
  const values = chosenValues(board, caller, query);
  for (const { name } of board.templating.list) {
    if (!values.has(name)) throw invalid(name, 'a value');
  }
  return values;
}

function readValues(variable: BoardVariable, given: unknown): VariableValue | undefined {
  const { name, includeAll, multi } = variable;
  if (given === undefined) return undefined;
  const values: unknown[] = Array.isArray(given) ? given : [given];
  const own = ownOptions(variable);
  if (values.includes(ALL)) {
    if (!includeAll) throw invalid(name, 'a value');
    return own === undefined ? 'all' : own.map(({ value }) => value);
  }
  if (values.length > MAX_VALUES) throw invalid(name, `at most ${String(MAX_VALUES)} values`);
  if (values.length > 1 && !multi) throw invalid(name, 'one value');
  return values.map((value) => {
    if (own !== undefined && !own.some((option) => option.value === value)) throw invalid(name, 'one of its options');
    if (typeof value !== 'string' || value.length > MAX_LENGTH)
      throw invalid(name, `text of at most ${String(MAX_LENGTH)} characters`);
    if (name === 'repo' && !REPOSITORY_PATTERN.test(value))
      throw invalid(name, `owner/name, at most ${String(MAX_LENGTH)} characters`);
    if (/[\u0000-\u001f\u007f]/.test(value) || (value === '' && variable.type === 'query'))
      throw invalid(name, 'text without control characters');
    return value;
  });
}

function defaultValue(variable: BoardVariable): VariableValue | undefined {
  const { type, includeAll, current, query } = variable;
  const own = ownOptions(variable);
  const saved = [current?.value ?? []].flat().filter((value) => value !== '');
  if (
    saved.length > 0 &&
    !saved.includes(ALL) &&
    (own === undefined || saved.every((value) => own.some((option) => option.value === value)))
  )
    return saved;
  if (includeAll) return own === undefined ? 'all' : own.map(({ value }) => value);
  if (type === 'textbox') return [typeof query === 'string' ? query : ''];
  return own?.[0] === undefined ? undefined : [own[0].value];
}

function invalid(name: string, expected: string): ShieldwatchError {
  const field = `var-${name}`;
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
