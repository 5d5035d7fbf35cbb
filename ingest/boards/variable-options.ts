import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Board, BoardVariable } from '#schemas/board.js';
import type { TimeRange, VariableOption, VariableOptions } from '#schemas/http/boards.js';
import type { Caller } from '../auth/caller.js';
import { expandMacros, type VariableValue } from './macros.js';
import { repositoryFilter } from './repository-filter.js';
import { runQuery } from './run-query.js';
import { ownOptions, plainVariables } from './variables.js';

interface Request {
  range: TimeRange;
  /** Chosen values; a variable without one uses its first option. */
  variables: ReadonlyMap<string, VariableValue>;
}

/**
 * Returns the options of every visible variable. The organisation cannot be chosen; a bound token gets its repository
 * only. Variables that depend on others wait for their values.
 */
export async function variableOptions(
  client: ClickHouseClient,
  board: Board,
  caller: Caller,
  request: Request,
): Promise<VariableOptions[]> {
  const list = board.templating.list.filter(({ name }) => name !== 'org');
  const settled = new Map<string, Promise<VariableOptions>>();
  const plain = plainVariables(board);
  const filter = await repositoryFilter(client, caller);

  async function settle(variable: BoardVariable): Promise<VariableOptions> {
    const { name, type, label, multi, includeAll } = variable;
    const dependsOn = referredBy(variable).filter((other) => settled.has(other));
    const variables = new Map(request.variables);
    for (const { name: other, value } of await Promise.all(dependsOn.flatMap((each) => settled.get(each) ?? [])))
      variables.set(other, value);
    const options = ownOptions(variable) ?? (type === 'query' ? await queried(variable, variables) : []);
    const [first] = options;
    return {
      name,
      label: label ?? name,
      kind: type === 'textbox' ? 'text' : 'choice',
      multi,
      includeAll,
      dependsOn,
      options,
      value: request.variables.get(name) ?? (first === undefined ? [] : [first.value]),
    };
  }

  async function queried(
    { query }: BoardVariable,
    variables: ReadonlyMap<string, VariableValue>,
  ): Promise<VariableOption[]> {
    const sql = expandMacros(sqlOf(query), { range: request.range, intervalMs: 1_000, variables, plain });
    const { rows } = await runQuery(client, sql, filter);
    // Two columns are text and value, as in the data source.
    return rows.map(([text, value = text]) => ({ text: String(text), value: String(value) }));
  }

  // In the board's order, because a variable may use those before it, as in Grafana.
  for (const variable of list) settled.set(variable.name, settle(variable));
  const all = await Promise.all(settled.values());
  return all.filter((_, index) => list[index]?.hide !== 2 && list[index]?.type !== 'constant');
}

function referredBy({ query, type }: BoardVariable): string[] {
  if (type !== 'query') return [];
  return [...sqlOf(query).matchAll(/\$\{?(\w+)/g)]
    .map(([, name = '']) => name)
    .filter((name) => !name.startsWith('__'));
}

/** A query is a text, or an object saved by the data source's editor. */
function sqlOf(query: unknown): string {
  return typeof query === 'object' && query !== null && 'rawSql' in query ? String(query.rawSql) : String(query);
}
