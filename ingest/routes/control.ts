import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  member,
  memberChange,
  memberList,
  memberRequest,
  org,
  orgChange,
  orgDeletion,
  purge,
  purgeList,
  purgeRequest,
  done,
} from '#schemas/http/control.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { addMember, changeMember, listMembers, removeMember } from '../control/members.js';
import { changeOrg, showOrg } from '../control/orgs.js';
import { deleteOrg } from '../control/delete-org.js';
import { listPurges, requestPurge } from '../control/purges.js';
import type { ControlPlane } from '../control/control-plane.js';
import { readDate } from '../queries/window.js';
import { requireOwnOrg, requireWholeOrg, orgParams } from './own-org.js';

const SHOW_ORG = {
  id: 'showOrg',
  method: 'GET',
  url: '/v1/org/{orgId}',
  tag: 'control',
  summary: "Show the organisation and its plan's limits",
  scopes: ['read', 'admin'],
  params: orgParams,
  response: org,
} as const satisfies RouteSpec;
const CHANGE_ORG = {
  id: 'changeOrg',
  method: 'PATCH',
  url: '/v1/org/{orgId}',
  tag: 'control',
  summary: 'Change name, retention, or whether content is kept',
  scopes: ['admin'],
  role: 'owner',
  params: orgParams,
  body: orgChange,
  response: org,
} as const satisfies RouteSpec;

const DELETE_ORG = {
  id: 'deleteOrg',
  method: 'DELETE',
  url: '/v1/org/{orgId}',
  tag: 'control',
  summary: 'Delete the organisation and all its data',
  scopes: ['admin'],
  role: 'owner',
  description:
    "All tokens stop working at once, except the requesting one, which can follow the purge until it is finished. The audit trail remains. `name` must be the organisation's name.",
  params: orgParams,
  body: orgDeletion,
  response: purge,
} as const satisfies RouteSpec;

const memberParams = z.object({ memberId: z.string().min(1).max(100) });
const LIST_MEMBERS = {
  id: 'listMembers',
  method: 'GET',
  url: '/v1/members',
  tag: 'control',
  summary: 'List members and their roles',
  scopes: ['admin'],
  role: 'member',
  response: memberList,
} as const satisfies RouteSpec;
const ADD_MEMBER = {
  id: 'addMember',
  method: 'POST',
  url: '/v1/members',
  tag: 'control',
  summary: 'Add a member',
  scopes: ['admin'],
  role: 'owner',
  body: memberRequest,
  response: member,
} as const satisfies RouteSpec;
const CHANGE_MEMBER = {
  id: 'changeMember',
  method: 'PATCH',
  url: '/v1/members/{memberId}',
  tag: 'control',
  summary: "Change a member's role",
  scopes: ['admin'],
  role: 'owner',
  params: memberParams,
  body: memberChange,
  response: member,
} as const satisfies RouteSpec;
const REMOVE_MEMBER = {
  id: 'removeMember',
  method: 'DELETE',
  url: '/v1/members/{memberId}',
  tag: 'control',
  summary: 'Remove a member and revoke its tokens',
  scopes: ['admin'],
  role: 'owner',
  params: memberParams,
  response: done,
} as const satisfies RouteSpec;

const LIST_PURGES = {
  id: 'listPurges',
  method: 'GET',
  url: '/v1/purges',
  tag: 'control',
  summary: 'List purges and their progress',
  scopes: ['admin'],
  role: 'admin',
  response: purgeList,
} as const satisfies RouteSpec;
const SHOW_PURGE = {
  id: 'showPurge',
  method: 'GET',
  url: '/v1/purges/{purgeId}',
  tag: 'control',
  summary: 'Show the progress of a purge',
  scopes: ['admin'],
  role: 'admin',
  params: z.object({ purgeId: z.string().min(1).max(100) }),
  response: purge,
} as const satisfies RouteSpec;
const PURGE = {
  id: 'requestPurge',
  method: 'POST',
  url: '/v1/purges',
  tag: 'control',
  summary: 'Remove telemetry by repository, token or time range',
  scopes: ['admin'],
  role: 'owner',
  description:
    'Removes landing rows, facts and series. Repeated every hour for 8 days, because queues and spools may still hold removed records.',
  body: purgeRequest,
  response: purge,
} as const satisfies RouteSpec;

/** Adds the routes of organisation, members and purges. */
export function controlRoutes(app: FastifyInstance, options: { plane: ControlPlane; onPurge: () => void }): void {
  const { plane, onPurge } = options;

  addRoute(app, SHOW_ORG, async ({ caller, params }) => {
    requireOwnOrg(caller, params.orgId);
    requireWholeOrg(caller);
    return showOrg(plane, caller.orgId);
  });
  addRoute(app, CHANGE_ORG, async ({ caller, params, body }) => {
    requireOwnOrg(caller, params.orgId);
    return changeOrg(plane, caller, body);
  });

  addRoute(app, DELETE_ORG, async ({ caller, params, body }) => {
    requireOwnOrg(caller, params.orgId);
    const started = await deleteOrg(plane, caller, body.name);
    onPurge();
    return started;
  });

  addRoute(app, LIST_MEMBERS, async ({ caller }) => ({ members: await listMembers(plane, caller.orgId) }));
  addRoute(app, ADD_MEMBER, ({ caller, body }) => addMember(plane, caller, body));
  addRoute(app, CHANGE_MEMBER, ({ caller, params, body }) => changeMember(plane, caller, params.memberId, body.role));
  addRoute(app, REMOVE_MEMBER, async ({ caller, params }) => {
    await removeMember(plane, caller, params.memberId);
    return { ok: true as const };
  });

  addRoute(app, LIST_PURGES, async ({ caller }) => ({ purges: await listPurges(plane, caller.orgId) }));
  addRoute(app, SHOW_PURGE, async ({ caller, params }) => {
    const [found] = await listPurges(plane, caller.orgId, params.purgeId);
    if (found === undefined) throw new ShieldwatchError('not_found', 'there is no such purge');
    return found;
  });
  addRoute(app, PURGE, async ({ caller, body }) => {
    const started = await requestPurge(plane, caller, {
      repository: body.repository,
      tokenId: body.tokenId,
      from: body.from === undefined ? undefined : readDate(body.from, 'from'),
      to: body.to === undefined ? undefined : readDate(body.to, 'to'),
    });
    onPurge();
    return started;
  });
}
