import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { paging } from '#schemas/http/atoms.js';
import { mintedToken, rotation, token, tokenList, tokenRequest } from '#schemas/http/control.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import { listTokens, newToken, revokeToken, rotateToken } from '../control/tokens.js';

const params = z.object({ tokenId: z.string().min(1).max(100) });

const LIST = {
  id: 'listTokens',
  method: 'GET',
  url: '/v1/tokens',
  tag: 'control',
  summary: 'List tokens, without their secrets',
  scopes: ['admin'],
  role: 'admin',
  query: z.object(paging),
  response: tokenList,
} as const satisfies RouteSpec;
const MINT = {
  id: 'mintToken',
  method: 'POST',
  url: '/v1/tokens',
  tag: 'control',
  summary: 'Mint a token; it is shown only once',
  scopes: ['admin'],
  role: 'admin',
  body: tokenRequest,
  response: mintedToken,
} as const satisfies RouteSpec;
const ROTATE = {
  id: 'rotateToken',
  method: 'POST',
  url: '/v1/tokens/{tokenId}/rotate',
  tag: 'control',
  summary: 'Rotate a token; both work for a while',
  scopes: ['admin'],
  role: 'admin',
  params,
  body: rotation,
  response: mintedToken,
} as const satisfies RouteSpec;
const REVOKE = {
  id: 'revokeToken',
  method: 'DELETE',
  url: '/v1/tokens/{tokenId}',
  tag: 'control',
  summary: 'Revoke a token; it works at most a second longer',
  scopes: ['admin'],
  role: 'admin',
  params,
  response: token,
} as const satisfies RouteSpec;

/** Adds the routes of an organisation's tokens. */
export function tokenRoutes(app: FastifyInstance, options: { plane: ControlPlane }): void {
  const { plane } = options;
  addRoute(app, LIST, async ({ caller, query }) => {
    const after = decodeCursor(query.cursor, ['string'])?.[0];
    const { rows, nextCursor } = page(
      await listTokens(plane, caller.orgId, after === undefined ? undefined : String(after), query.limit + 1),
      query.limit,
      (last) => [last.id],
    );
    return { tokens: rows, nextCursor };
  });
  addRoute(app, MINT, ({ caller, body }) => newToken(plane, caller, body));
  addRoute(app, ROTATE, ({ caller, params: { tokenId }, body }) =>
    rotateToken(plane, caller, tokenId, body.overlapHours),
  );
  addRoute(app, REVOKE, ({ caller, params: { tokenId } }) => revokeToken(plane, caller, tokenId));
}
