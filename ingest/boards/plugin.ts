import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { callerOf } from '../auth/caller.js';
import { requireScope } from '../auth/require-scope.js';
import { sendError } from '../errors/install.js';
import { readAsset } from './assets.js';
import { readBoards } from './board-library.js';
import { LOGIN_PAGE, LOGIN_POLICY, PAGE, PAGE_POLICY } from './html.js';
import { panelData } from './panel-data.js';
import { parseTimeRange } from './time-range.js';
import { variableOptions } from './variable-options.js';
import { variableValues } from './variables.js';

export interface BoardsOptions {
  clickhouse: ClickHouseClient;
}

type Query = Record<string, unknown>;

/**
 * The boards of grafana/generated in the browser, and the data behind them. SQL never comes from outside: a
 * request names a board, a panel, a range and the values of variables; the organisation is the caller's.
 * Register it as a plugin of its own: its demand for a reader holds for all that is inside.
 */
export async function boards(app: FastifyInstance, options: BoardsOptions): Promise<void> {
  const { clickhouse } = options;
  const library = await readBoards();

  app.addHook('onRequest', requireScope('read'));
  app.get('/boards', { errorHandler: sendLogin }, (_, reply) => sendHtml(reply, PAGE, PAGE_POLICY));

  app.get<{ Params: { name: string } }>('/boards/assets/:name', async (request, reply) => {
    const { body, type, etag } = await readAsset(request.params.name);
    reply.header('etag', etag).header('cache-control', 'private, no-cache');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type(type).send(body);
  });

  app.get('/boards/api/boards', () => ({
    boards: library.all().map(({ uid, title, description }) => ({ uid, title, description })),
  }));

  app.get<{ Params: { uid: string } }>('/boards/api/boards/:uid', (request) => library.board(request.params.uid));

  app.get<{ Params: { uid: string }; Querystring: Query }>('/boards/api/boards/:uid/variables', async (request) => {
    const board = library.board(request.params.uid);
    const caller = callerOf(request);
    const variables = await variableOptions(clickhouse, board, caller, {
      range: rangeOf(request.query),
      variables: variableValues(board, caller, request.query),
    });
    return { variables };
  });

  app.get<{ Params: { uid: string; id: string }; Querystring: Query }>(
    '/boards/api/boards/:uid/panels/:id',
    async (request) => {
      const { params, query } = request;
      const { refId } = query;
      return panelData(clickhouse, library.panel(params.uid, params.id), {
        range: rangeOf(query),
        variables: variableValues(library.board(params.uid), callerOf(request), query),
        ...(typeof refId === 'string' ? { refId } : {}),
      });
    },
  );
}

function rangeOf(query: Query): ReturnType<typeof parseTimeRange> {
  return parseTimeRange(query.from, query.to, Date.now());
}

function sendHtml(reply: FastifyReply, html: string, policy: string): FastifyReply {
  return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html);
}

/** People get a page that says how to log in; all else is an error like any other. */
function sendLogin(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof ShieldwatchError && (error.status === 401 || error.status === 403)) {
    sendHtml(reply.code(401), LOGIN_PAGE, LOGIN_POLICY);
  } else {
    sendError(error, request, reply);
  }
}
