import { ShieldwatchError } from '#schemas/errors.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BoardPanel } from '#schemas/board.js';
import type { PanelData, TimeRange } from '#schemas/http/boards.js';
import { bucketWidth } from './interval.js';
import { expandMacros, type VariableValue } from './macros.js';
import type { RepositoryFilter } from './repository-filter.js';
import { runQuery } from './run-query.js';
import { parseDuration } from './time-range.js';

/** Default number of points across a panel: about one per two pixels of a wide screen. */
const MAX_DATA_POINTS = 1_000;

export interface PanelRequest {
  range: TimeRange;
  variables: ReadonlyMap<string, VariableValue>;
  /** Variables whose values are defined by the board, see MacroContext. */
  plain?: ReadonlySet<string>;
  /** Which of the panel's queries to run. Default: the first. */
  refId?: string;
  /** Filter for a caller whose token is bound to one repository. */
  filter?: RepositoryFilter | undefined;
}

/** Runs one of a panel's queries. */
export async function panelData(
  client: ClickHouseClient,
  panel: BoardPanel,
  request: PanelRequest,
): Promise<PanelData> {
  const { range } = request;
  const sql = panelSql(panel, request);
  const result = await runQuery(client, sql, request.filter);
  return { ...result, ...range, intervalMs: intervalOf(panel, range) };
}

/**
 * Returns the expanded SQL of a panel.
 *
 * @throws ShieldwatchError `not_found` when the panel has no such query, as rows and texts
 */
export function panelSql(panel: BoardPanel, { refId, ...context }: PanelRequest): string {
  const target = panel.targets?.find((each) => refId === undefined || each.refId === refId);
  if (target === undefined) throw new ShieldwatchError('not_found', 'the panel has no such query');
  return expandMacros(target.rawSql, { ...context, intervalMs: intervalOf(panel, context.range) });
}

function intervalOf(panel: BoardPanel, range: TimeRange): number {
  return bucketWidth(range, panel.maxDataPoints ?? MAX_DATA_POINTS, parseDuration(panel.interval ?? '') ?? 1_000);
}
