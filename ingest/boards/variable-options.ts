import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Caller } from '../auth/caller.js';
import type { Board } from './board.js';
import { expandMacros, type VariableValue } from './macros.js';
import { runQuery } from './run-query.js';
import type { TimeRange } from './time-range.js';

/** What can be chosen for one variable. */
export interface VariableOptions {
  name: string;
  label: string;
  multi: boolean;
  includeAll: boolean;
  options: string[];
}

/**
 * The options of every query variable but the organisation, which nobody can choose. A token bound to one
 * repository is offered that one.
 */
export async function variableOptions(
  client: ClickHouseClient,
  board: Board,
  caller: Caller,
  request: { range: TimeRange; variables: ReadonlyMap<string, VariableValue> },
): Promise<VariableOptions[]> {
  const { range, variables } = request;
  const offered = board.templating.list.filter(({ name, type }) => type === 'query' && name !== 'org');
  return Promise.all(
    offered.map(async ({ name, label = name, multi, includeAll, query }) => {
      const sql = expandMacros(String(query), { range, intervalMs: 1_000, variables });
      const { rows } = await runQuery(client, sql);
      const options = rows.map(([value]) => String(value));
      const bound = name === 'repo' ? caller.repository : null;
      return { name, label, multi, includeAll, options: bound === null ? options : options.filter((each) => each === bound) };
    }),
  );
}
