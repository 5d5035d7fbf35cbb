import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  policyPromotion,
  policyPromotionChange,
  policyPromotionList,
  policyPromotionQuery,
  policyPromotionRequest,
} from '#schemas/http/policy-promotion.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import { decidePromotion, listPromotions, requestPromotion } from '../control/policy-promotions.js';
import { requireWholeOrg } from './own-org.js';

const REQUEST = {
  id: 'requestPolicyPromotion',
  method: 'POST',
  url: '/v1/policy-promotions',
  tag: 'control',
  summary: 'Request approval of a policy pack',
  description:
    'Accepts the output of `agentshield policy promote --dry-run --json`. A repeated request for the same content returns the decision, so a pipeline promotes when `status` is `approved`.',
  scopes: ['ingest:scan', 'admin'],
  role: 'member',
  isTolerant: true,
  body: policyPromotionRequest,
  response: policyPromotion,
} as const satisfies RouteSpec;

const LIST = {
  id: 'listPolicyPromotions',
  method: 'GET',
  url: '/v1/policy-promotions',
  tag: 'query',
  summary: 'List policy promotions, open and decided',
  scopes: ['read'],
  query: policyPromotionQuery,
  response: policyPromotionList,
} as const satisfies RouteSpec;

const DECIDE = {
  id: 'decidePolicyPromotion',
  method: 'PATCH',
  url: '/v1/policy-promotions/{promotionId}',
  tag: 'control',
  summary: 'Approve or reject a policy pack',
  scopes: ['admin'],
  role: 'owner',
  params: z.object({ promotionId: z.string().min(1).max(100) }),
  body: policyPromotionChange,
  response: policyPromotion,
} as const satisfies RouteSpec;

/** Adds the approval gate for AgentShield's `policy promote` (`ingest/CONTRACT.md` 2 and 7). */
export function policyPromotionRoutes(app: FastifyInstance, { plane }: { plane: ControlPlane }): void {
  addRoute(app, REQUEST, ({ caller, body }) => {
    requireWholeOrg(caller);
    return requestPromotion(plane, caller, body);
  });

  addRoute(app, LIST, async ({ caller, query }) => {
    requireWholeOrg(caller);
    const after = decodeCursor(query.cursor, ['string']);
    const rows = await listPromotions(plane, caller.orgId, {
      status: query.status,
      after: after === undefined ? undefined : String(after[0]),
      limit: query.limit + 1,
    });
    const { rows: policyPromotions, nextCursor } = page(rows, query.limit, ({ id }) => [id]);
    return { policyPromotions, nextCursor };
  });

  addRoute(app, DECIDE, ({ caller, params, body }) => decidePromotion(plane, caller, params.promotionId, body));
}
