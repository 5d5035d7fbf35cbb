import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  delivery,
  deliveryList,
  deliveryQuery,
  destination,
  destinationList,
  destinationQuery,
  destinationRequest,
} from '#schemas/http/alert-delivery.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import {
  addDestination,
  listDeliveries,
  listDestinations,
  removeDestination,
  resendDelivery,
  showDelivery,
  testDestination,
} from '../delivery/admin.js';
import type { SecretsKey } from '../delivery/seal.js';
import { requireWholeOrg } from './own-org.js';

const ADMIN = { tag: 'control', scopes: ['admin'], role: 'admin' } as const;
const named = z.object({ name: z.string().min(1).max(100) });
const byId = z.object({ deliveryId: z.string().regex(/^\d{1,18}$/) });

const LIST = {
  ...ADMIN,
  id: 'listDestinations',
  method: 'GET',
  url: '/v1/alerts/destinations',
  summary: 'List destinations of notices, without their secrets',
  query: destinationQuery,
  response: destinationList,
} as const satisfies RouteSpec;
const ADD = {
  ...ADMIN,
  id: 'addDestination',
  method: 'POST',
  url: '/v1/alerts/destinations',
  summary: 'Add a destination of notices',
  description:
    'The secrets are encrypted at rest and never returned. Addresses that are not public are refused when a notice is sent, unless the operator of the gateway allows them.',
  body: destinationRequest,
  response: destination,
} as const satisfies RouteSpec;
const REMOVE = {
  ...ADMIN,
  id: 'removeDestination',
  method: 'DELETE',
  url: '/v1/alerts/destinations/{name}',
  summary: 'Remove a destination and its secrets; notices that wait for it become dead',
  params: named,
  response: destination,
} as const satisfies RouteSpec;
const TEST = {
  ...ADMIN,
  id: 'testDestination',
  method: 'POST',
  url: '/v1/alerts/destinations/{name}/test',
  summary: 'Queue a notice that is marked as a test',
  params: named,
  response: delivery,
} as const satisfies RouteSpec;
const DELIVERIES = {
  ...ADMIN,
  id: 'listDeliveries',
  method: 'GET',
  url: '/v1/alerts/deliveries',
  summary: 'List notices on their way, newest first; `state=dead` lists those that were given up',
  query: deliveryQuery,
  response: deliveryList,
} as const satisfies RouteSpec;
const SHOW = {
  ...ADMIN,
  id: 'showDelivery',
  method: 'GET',
  url: '/v1/alerts/deliveries/{deliveryId}',
  summary: 'Show a notice on its way',
  params: byId,
  response: delivery,
} as const satisfies RouteSpec;
const RESEND = {
  ...ADMIN,
  id: 'resendDelivery',
  method: 'POST',
  url: '/v1/alerts/deliveries/{deliveryId}/resend',
  summary: 'Send a dead notice again',
  params: byId,
  response: delivery,
} as const satisfies RouteSpec;

export interface AlertDeliveryParts {
  plane: ControlPlane;
  key: SecretsKey;
  /** Called when there may be something to send. */
  onQueued: () => void;
}

/** Adds the routes of destinations and of notices on their way there. */
export function alertDeliveryRoutes(app: FastifyInstance, { plane, key, onQueued }: AlertDeliveryParts): void {
  addRoute(app, LIST, async ({ caller, query }) => {
    requireWholeOrg(caller);
    const after = decodeCursor(query.cursor, ['string'])?.[0];
    const { rows: destinations, nextCursor } = page(
      await listDestinations(plane, caller.orgId, {
        after: after === undefined ? undefined : String(after),
        limit: query.limit + 1,
      }),
      query.limit,
      ({ name }) => [name],
    );
    return { destinations, nextCursor };
  });
  addRoute(app, ADD, ({ caller, body }) => {
    requireWholeOrg(caller);
    return addDestination(plane, key, caller, body);
  });
  addRoute(app, REMOVE, ({ caller, params }) => {
    requireWholeOrg(caller);
    return removeDestination(plane, caller, params.name);
  });
  addRoute(app, TEST, async ({ caller, params }) => {
    requireWholeOrg(caller);
    const queued = await testDestination(plane, caller, params.name);
    onQueued();
    return queued;
  });
  addRoute(app, DELIVERIES, async ({ caller, query }) => {
    requireWholeOrg(caller);
    const before = decodeCursor(query.cursor, ['number'])?.[0];
    const { rows: deliveries, nextCursor } = page(
      await listDeliveries(plane, caller.orgId, {
        state: query.state,
        before: before === undefined ? undefined : String(before),
        limit: query.limit + 1,
      }),
      query.limit,
      ({ id }) => [Number(id)],
    );
    return { deliveries, nextCursor };
  });
  addRoute(app, SHOW, ({ caller, params }) => {
    requireWholeOrg(caller);
    return showDelivery(plane, caller.orgId, params.deliveryId);
  });
  addRoute(app, RESEND, async ({ caller, params }) => {
    requireWholeOrg(caller);
    const queued = await resendDelivery(plane, caller, params.deliveryId);
    onQueued();
    return queued;
  });
}
