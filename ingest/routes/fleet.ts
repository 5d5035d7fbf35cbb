import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  fleet,
  reviewComment,
  reviewCommentList,
  reviewCommentQuery,
  reviewCommentRequest,
  reviewItemChange,
  reviewItemList,
  reviewItemState,
  type ReviewRoute,
} from '#schemas/http/fleet.js';
import { jsonInTurns } from '../api/json-in-turns.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, checkRole, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import type { ControlPlane } from '../control/control-plane.js';
import { isSameLogin } from '../control/member-by-login.js';
import { showOrg } from '../control/orgs.js';
import { listPromotions } from '../control/policy-promotions.js';
import { requireOwnOrg, orgParams } from './own-org.js';
import { fleetOf } from '../fleet/fleet.js';
import {
  changeReviewItem,
  commentOnReviewItem,
  currentFleet,
  readReviewComments,
  type ReviewChange,
} from '../fleet/review-items.js';
import type { Repositories } from '../repositories.js';
import { repoParams } from './posture.js';

const FLEET = {
  id: 'fleet',
  method: 'GET',
  url: '/v1/org/{orgId}/fleet',
  tag: 'query',
  summary: 'Inspect the fleet: the newest scan of each repository',
  scopes: ['read'],
  params: orgParams,
  response: fleet,
} as const satisfies RouteSpec;

const ITEMS = {
  id: 'listReviewItems',
  method: 'GET',
  url: '/v1/repo/{repoId}/review-items',
  tag: 'query',
  summary: 'List the open review items of the newest scan',
  scopes: ['read'],
  params: repoParams,
  response: reviewItemList,
} as const satisfies RouteSpec;

const itemParams = z.object({ itemId: z.string().min(1).max(100) });

const CHANGE = {
  id: 'changeReviewItem',
  method: 'PATCH',
  url: '/v1/review-items/{itemId}',
  tag: 'control',
  summary: 'Decide about a review item, or assign it',
  description:
    'Members assign items to themselves and comment. Admins assign and decide. Only owners approve or dismiss a policy review.',
  scopes: ['admin'],
  role: 'member',
  params: itemParams,
  body: reviewItemChange,
  response: reviewItemState,
} as const satisfies RouteSpec;

const COMMENTS = {
  id: 'listReviewComments',
  method: 'GET',
  url: '/v1/review-items/{itemId}/comments',
  tag: 'query',
  summary: 'List the comments of a review item, oldest first',
  scopes: ['read'],
  params: itemParams,
  query: reviewCommentQuery,
  response: reviewCommentList,
} as const satisfies RouteSpec;

const COMMENT = {
  id: 'commentOnReviewItem',
  method: 'POST',
  url: '/v1/review-items/{itemId}/comments',
  tag: 'control',
  summary: 'Comment on a review item',
  description: 'Plain text; secrets are masked. Repeating the latest comment adds none.',
  scopes: ['admin'],
  role: 'member',
  params: itemParams,
  body: reviewCommentRequest,
  response: reviewComment,
} as const satisfies RouteSpec;

/**
 * Adds `GET /v1/org/{orgId}/fleet` (`ingest/CONTRACT.md` 4.4), `GET /v1/repo/{repoId}/review-items` (`ingest/CONTRACT.md` 4.6), and decisions about
 * review items.
 */
export function fleetRoutes(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories; plane: ControlPlane },
): void {
  const { clickhouse, repositories, plane } = options;

  addRoute(app, FLEET, async ({ caller, params, reply }) => {
    requireOwnOrg(caller, params.orgId);
    const current = await currentFleet(plane, clickhouse, caller.orgId, caller.repository ?? undefined);
    // Policy packs belong to the organisation, so bound tokens do not see them.
    const waiting =
      caller.repository === null ? await listPromotions(plane, caller.orgId, { status: 'open', limit: 1_000 }) : [];
    // Queried each time, because a plan may change; the fleet is requested rarely.
    const { plan } = await showOrg(plane, caller.orgId);
    const answer = await fleetOf(current, { open: waiting.map(({ id }) => id), isEnforced: plan === 'enterprise' });
    return reply.type('application/json; charset=utf-8').send(await jsonInTurns(answer));
  });

  addRoute(app, ITEMS, async ({ caller, params }) => {
    const { fullName } = await repositories.get(caller, params.repoId);
    return (await currentFleet(plane, clickhouse, caller.orgId, fullName)).reviewItems;
  });

  addRoute(app, CHANGE, ({ caller, params, body }) =>
    changeReviewItem(plane, clickhouse, caller, params.itemId, body, ({ route, repository }) => {
      requireOwnItem(caller, repository);
      checkMayDecide(caller, route, body);
    }),
  );

  addRoute(app, COMMENT, ({ caller, params, body }) =>
    commentOnReviewItem(plane, clickhouse, caller, params.itemId, body.text, ({ repository }) => {
      requireOwnItem(caller, repository);
    }),
  );

  addRoute(app, COMMENTS, async ({ caller, params, query }) => {
    const [after] = decodeCursor(query.cursor, ['number']) ?? [0];
    const found = await readReviewComments(plane, clickhouse, caller, params.itemId, {
      after: Number(after),
      limit: query.limit + 1,
    });
    const { rows, nextCursor } = page(found, query.limit, ({ seq }) => [seq]);
    return { comments: rows.map(({ id, author, text, createdAt }) => ({ id, author, text, createdAt })), nextCursor };
  });
}

/**
 * Rejects an item of another repository than the caller's own.
 * @throws ShieldwatchError 404.
 */
function requireOwnItem(caller: Caller, repository: string): void {
  if (caller.repository !== null && caller.repository !== repository)
    throw new ShieldwatchError('not_found', 'there is no such review item');
}

function checkMayDecide(caller: Caller, route: ReviewRoute, change: ReviewChange): void {
  const isSelf =
    change.assignee === undefined ||
    (change.assignee !== null && isSameLogin(caller.actor, `member:${change.assignee}`));
  // An approved or dismissed item no longer blocks; reopening makes it block again.
  const isCleared = change.status !== undefined && change.status !== 'open';
  checkRole(
    caller,
    isCleared && route === 'policy-review' ? 'owner' : change.status !== undefined || !isSelf ? 'admin' : 'member',
  );
}
