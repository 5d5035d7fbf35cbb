import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Board } from '#schemas/board.js';
import type { BoardsHome, TimeRange } from '#schemas/http/boards.js';
import { callerOf, type Caller } from '../auth/caller.js';
import { outsideHistory, historyStart } from '../plans.js';
import { requireScope } from '../auth/require-scope.js';
import { readAsset } from './assets.js';
import { readBoards, type BoardLibrary } from './board-library.js';
import { PAGE, PAGE_POLICY } from './html.js';
import { login } from './login.js';
import { expandMacros, quote } from './macros.js';
import { panelData, type PanelRequest } from './panel-data.js';
import { repositoryFilter } from './repository-filter.js';
import { runQuery } from './run-query.js';
import { parseTimeRange } from './time-range.js';
import { variableOptions } from './variable-options.js';
import { chosenValues, plainVariables, variableValues } from './variables.js';

export interface BoardsSettings {
  /** Folder of the boards' JSON. Default: our generated boards. */
  folder?: string;
  /** URL of a Grafana with the same boards, for links. */
  grafanaUrl?: string;
}

export interface BoardsOptions extends BoardsSettings {
  clickhouse: ClickHouseClient;
}

type Query = Record<string, unknown>;

/**
 * Serves the boards of grafana/generated to browsers, and their data. A request names board, panel, time range and
 * variables, never SQL; the organisation is the caller's. The page and its bundle contain no data and are public;
 * routes below /boards/api need the scope `read`.
 */
export async function boards(app: FastifyInstance, options: BoardsOptions): Promise<void> {
  const library = await readBoards(options.folder);

  await app.register(login);
  for (const url of ['/boards', '/boards/:uid']) {
    app.get(url, (_, reply) =>
      reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(PAGE),
    );
  }

  app.get<{ Params: { name: string } }>('/boards/assets/:name', async (request, reply) => {
    const { body, gzipped, type, etag } = await readAsset(request.params.name);
    reply.header('etag', etag).header('cache-control', 'private, no-cache').header('vary', 'accept-encoding');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    reply.type(type);
    if (!/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(body);
    return reply.header('content-encoding', 'gzip').send(gzipped);
  });

  await app.register((api, _options, done) => {
    boardsApi(api, library, options);
    done();
  });
}

function boardsApi(app: FastifyInstance, library: BoardLibrary, { clickhouse, grafanaUrl }: BoardsOptions): void {
  app.addHook('onRequest', requireScope('read'));

  app.get('/boards/api/boards', async (request): Promise<BoardsHome> => {
    const caller = callerOf(request);
    const { orgId } = caller;
    const { rows } = await runQuery(
      clickhouse,
      `SELECT 1 FROM repository_activity WHERE org_id = ${quote(orgId)} LIMIT 1`,
      await repositoryFilter(clickhouse, caller),
    );
    return {
      org: orgId,
      home: library.home().uid,
      isEmpty: rows.length === 0,
      ...(grafanaUrl === undefined ? {} : { grafanaUrl }),
      boards: library.all().map(({ uid, title, description, tags }) => ({ uid, title, description, tags })),
    };
  });

  app.get<BoardRoute>('/boards/api/boards/:uid', (request) => {
    const board = library.board(request.params.uid);
    chosenValues(board, callerOf(request), request.query);
    return board;
  });

  app.get<BoardRoute>('/boards/api/boards/:uid/variables', async (request) => {
    const board = library.board(request.params.uid);
    const caller = callerOf(request);
    const variables = await variableOptions(clickhouse, board, caller, {
      range: rangeOf(request.query, board, caller),
      variables: chosenValues(board, caller, request.query),
    });
    return { variables };
  });

  app.get<BoardRoute<{ uid: string; id: string }>>('/boards/api/boards/:uid/panels/:id', async (request) => {
    const { params, query } = request;
    const { refId } = query;
    return panelData(clickhouse, library.panel(params.uid, params.id), {
      ...requestOf(request, library.board(params.uid)),
      filter: await repositoryFilter(clickhouse, callerOf(request)),
      ...(typeof refId === 'string' ? { refId } : {}),
    });
  });

  app.get<BoardRoute<{ uid: string; name: string }>>('/boards/api/boards/:uid/annotations/:name', async (request) => {
    const { uid, name } = request.params;
    const sql = library.annotationSql(uid, name);
    const context = requestOf(request, library.board(uid));
    return {
      ...(await runQuery(
        clickhouse,
        expandMacros(sql, { ...context, intervalMs: 1_000 }),
        await repositoryFilter(clickhouse, callerOf(request)),
      )),
      ...context.range,
    };
  });
}

interface BoardRoute<Params = { uid: string }> {
  Params: Params;
  Querystring: Query;
}

function requestOf(request: FastifyRequest<{ Querystring: Query }>, board: Board): PanelRequest {
  const caller = callerOf(request);
  return {
    range: rangeOf(request.query, board, caller),
    variables: variableValues(board, caller, request.query),
    plain: plainVariables(board),
  };
}

/** Returns the requested range, by default the board's, cut to the history of the caller's plan. */
function rangeOf({ from, to }: Query, { time }: Board, { plan }: Caller): TimeRange {
  const range = parseTimeRange(from ?? time?.from, to ?? time?.to, Date.now());
  const history = historyStart(plan);
  if (history === undefined || range.from >= history.getTime()) return range;
  if (range.to <= history.getTime()) throw outsideHistory(plan, history, 'to');
  return { from: history.getTime(), to: range.to, historyFrom: history.getTime() };
}
