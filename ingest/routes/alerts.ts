import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  alert,
  alertBacktest,
  alertBacktestRequest,
  alertChange,
  alertExplanation,
  alertList,
  alertRoutes as alertRoutesSchema,
  alertRoutesChange,
  alertsQuery,
} from '#schemas/http/alerts.js';
import { changeAlert, explainAlert, listAlerts } from '../alerts/alerts.js';
import { backtest } from '../alerts/backtest.js';
import { replaceRoutes, showRoutes } from '../alerts/routes.js';
import { addRoute, checkRole, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import { requireWholeOrg } from './own-org.js';

const alertParams = z.object({ alertId: z.string().min(1).max(100) });

const LIST = {
  id: 'listAlerts',
  method: 'GET',
  url: '/v1/alerts',
  tag: 'query',
  summary: 'List alerts, newest first',
  description:
    'Organisations with routes are evaluated once a minute; `isEvaluated` is false for others. `no_data`: fired, and nothing has been known since.',
  scopes: ['read'],
  query: alertsQuery,
  response: alertList,
} as const satisfies RouteSpec;

const EXPLAIN = {
  id: 'explainAlert',
  method: 'GET',
  url: '/v1/alerts/{alertId}',
  tag: 'query',
  summary: 'Show an alert, and why its notices were or were not sent',
  scopes: ['read'],
  params: alertParams,
  response: alertExplanation,
} as const satisfies RouteSpec;

const CHANGE = {
  id: 'changeAlert',
  method: 'PATCH',
  url: '/v1/alerts/{alertId}',
  tag: 'control',
  summary: 'Acknowledge, mute or assign an alert',
  description: 'A mute ends by itself, is for later alerts of the same key too, and needs the role admin.',
  scopes: ['admin'],
  role: 'member',
  params: alertParams,
  body: alertChange,
  response: alert,
} as const satisfies RouteSpec;

const SHOW_ROUTES = {
  id: 'showAlertRoutes',
  method: 'GET',
  url: '/v1/alerts/routes',
  tag: 'query',
  summary: 'Show the routes of alerts',
  scopes: ['read'],
  response: alertRoutesSchema,
} as const satisfies RouteSpec;

const REPLACE_ROUTES = {
  id: 'replaceAlertRoutes',
  method: 'PUT',
  url: '/v1/alerts/routes',
  tag: 'control',
  summary: 'Replace all routes of alerts',
  description:
    'There is no route by default. The first routes begin the evaluation; an empty list is enough. `version` is that of the routes that are replaced (409 when they changed meanwhile).',
  scopes: ['admin'],
  role: 'admin',
  body: alertRoutesChange,
  response: alertRoutesSchema,
} as const satisfies RouteSpec;

const BACKTEST = {
  id: 'backtestAlerts',
  method: 'POST',
  url: '/v1/alerts/backtest',
  tag: 'control',
  summary: 'Compare routes: what would have been sent about the alerts of a range of time',
  description:
    'Replays recorded alerts in the order in which they opened and ended, by the routes in force and by those of the body. Destinations must exist. Changes and sends nothing.',
  scopes: ['admin'],
  role: 'admin',
  body: alertBacktestRequest,
  response: alertBacktest,
} as const satisfies RouteSpec;

/** Adds the routes about alerts (`ingest/alerts/`). A token that is bound to a repository has no access. */
export function alertRoutes(
  app: FastifyInstance,
  { plane, onChange }: { plane: ControlPlane; onChange: () => void },
): void {
  addRoute(app, LIST, ({ caller, query }) => {
    requireWholeOrg(caller);
    return listAlerts(plane, caller.orgId, query);
  });

  addRoute(app, SHOW_ROUTES, ({ caller }) => {
    requireWholeOrg(caller);
    return showRoutes(plane, caller.orgId);
  });

  addRoute(app, REPLACE_ROUTES, async ({ caller, body }) => {
    requireWholeOrg(caller);
    const replaced = await replaceRoutes(plane, caller, body);
    onChange();
    return replaced;
  });

  addRoute(app, BACKTEST, ({ caller, body }) => {
    requireWholeOrg(caller);
    return backtest(plane, caller.orgId, body);
  });

  addRoute(app, EXPLAIN, ({ caller, params }) => {
    requireWholeOrg(caller);
    return explainAlert(plane, caller.orgId, params.alertId);
  });

  addRoute(app, CHANGE, ({ caller, params, body }) => {
    requireWholeOrg(caller);
    if (body.mute !== undefined) checkRole(caller, 'admin');
    return changeAlert(plane, caller, params.alertId, body);
  });
}
