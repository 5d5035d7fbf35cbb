import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { MintedToken } from '#schemas/http/control.js';
import { HEADER_ORG_ID, HEADER_REPOSITORY, HEADER_SESSION_KEY } from '#schemas/semconv.js';
import { driftOfSpec, scanOfSpec } from './testing/bodies.js';
import { startGateway, type TestGateway } from './testing/gateway.js';
import { policyItemOf } from './testing/review.js';
import { openTokenSession } from './testing/session.js';

/** Holders of a token in this story; one token each unless stated otherwise. */
type Holder =
  | 'owner'
  | 'admin'
  | 'member'
  | 'viewer'
  | 'service'
  | 'bound'
  | 'sender'
  | 'webhook'
  | 'ownerOfB'
  | 'revoked'
  | 'expired'
  | 'removed'
  | 'rotated'
  | 'nobody';

interface Story {
  tokens: Record<Holder, string>;
  /** Ids of tokens that an attempt uses. */
  ids: Record<'owner' | 'service' | 'expiring', string>;
  memberIds: Record<'owner' | 'admin' | 'member', string>;
  policy: { id: string; approvalId: string };
}

interface Attempt {
  by: Holder;
  method: string;
  path: string | ((story: Story) => string);
  body?: unknown;
  headers?: Record<string, string> | ((story: Story) => Record<string, string>);
  /** Statuses that count as a rejection. */
  refused: readonly number[];
}

const JSON_TYPE = { 'content-type': 'application/json' };
const ALL_SCOPES = ['read', 'admin', 'ingest:scan', 'ingest:runtime', 'ingest:drift', 'ingest:otlp'];
const REFUSED = [401, 403, 404] as const;
const promotion = {
  pack: 'team',
  policyName: 'p',
  owners: [],
  sha256: `sha256:${'0'.repeat(64)}`,
  verified: true,
  reviewItems: [],
};

/** Attempts by goal. None may change a control-plane row or reveal data that the holder may not see. */
const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  // Roles.
  'an admin makes themselves an owner': {
    by: 'admin',
    method: 'PATCH',
    path: '/v1/members/adm',
    body: { role: 'owner' },
    refused: [403],
  },
  'an admin makes themselves an owner under their id': {
    by: 'admin',
    method: 'PATCH',
    path: ({ memberIds }) => `/v1/members/${memberIds.admin}`,
    body: { role: 'owner' },
    refused: [403],
  },
  'a member makes themselves an admin': {
    by: 'member',
    method: 'PATCH',
    path: '/v1/members/mem',
    body: { role: 'admin' },
    refused: [403],
  },
  'a service adds an owner': {
    by: 'service',
    method: 'POST',
    path: '/v1/members',
    body: { login: 'new-owner', role: 'owner' },
    refused: [403],
  },
  'an owner adds a second row of a member, in capitals': {
    by: 'owner',
    method: 'POST',
    path: '/v1/members',
    body: { login: 'MEM', role: 'owner' },
    refused: [409],
  },
  'the last owner makes themselves a viewer': {
    by: 'owner',
    method: 'PATCH',
    path: '/v1/members/OWN',
    body: { role: 'viewer' },
    refused: [409],
  },
  'the last owner removes themselves': { by: 'owner', method: 'DELETE', path: '/v1/members/Own', refused: [409] },
  'an admin removes an owner': { by: 'admin', method: 'DELETE', path: '/v1/members/own', refused: [403] },
  'an admin keeps the identities of persons': {
    by: 'admin',
    method: 'PATCH',
    path: '/v1/org/org_a',
    body: { keepIdentities: true },
    refused: [403],
  },
  'an admin keeps content': {
    by: 'admin',
    method: 'PATCH',
    path: '/v1/org/org_a',
    body: { keepContent: true },
    refused: [403],
  },
  'an admin deletes the organisation': {
    by: 'admin',
    method: 'DELETE',
    path: '/v1/org/org_a',
    body: { name: 'a' },
    refused: [403],
  },
  'an admin merges two repositories': {
    by: 'admin',
    method: 'POST',
    path: '/v1/repos/merge',
    body: { from: 'acme/other', into: 'acme/bound' },
    refused: [403],
  },
  'an admin purges': {
    by: 'admin',
    method: 'POST',
    path: '/v1/purges',
    body: { repository: 'acme/other' },
    refused: [403],
  },
  'an admin removes a repository': { by: 'admin', method: 'DELETE', path: '/v1/repo/acme%2Fother', refused: [403] },
  'a viewer with every scope sends a scan': {
    by: 'viewer',
    method: 'POST',
    path: '/v1/ingest/scan',
    body: scanOfSpec({ repository: 'acme/viewers' }),
    refused: [403],
  },
  'a viewer with every scope sends logs': {
    by: 'viewer',
    method: 'POST',
    path: '/v1/logs',
    body: { resourceLogs: [] },
    refused: [403],
  },
  'a member sets a baseline': {
    by: 'member',
    method: 'PUT',
    path: '/v1/repo/acme%2Fother/baseline',
    body: {},
    refused: [403],
  },
  'a member accepts a finding': {
    by: 'member',
    method: 'PUT',
    path: '/v1/repo/acme%2Fother/findings/triage',
    body: { findingKey: 'k', state: 'accepted', reason: 'r', until: '2030-01-01T00:00:00Z' },
    refused: [403],
  },
  'a member reads the audit trail': { by: 'member', method: 'GET', path: '/v1/audit/export', refused: [403] },
  'a member asks for the audit trail by HEAD': {
    by: 'member',
    method: 'HEAD',
    path: '/v1/audit/export',
    refused: [403],
  },

  // Tokens.
  'a member mints a token': {
    by: 'member',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'mine', scopes: ['read'] },
    refused: [403],
  },
  "an admin mints an owner's token": {
    by: 'admin',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'theirs', scopes: ALL_SCOPES, member: 'own' },
    refused: [403],
  },
  "an admin mints an owner's token, in capitals": {
    by: 'admin',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'theirs', scopes: ALL_SCOPES, member: 'OWN' },
    refused: [403],
  },
  "a service mints an owner's token": {
    by: 'service',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'theirs', scopes: ALL_SCOPES, member: 'own' },
    refused: [403],
  },
  "an admin rotates an owner's token": {
    by: 'admin',
    method: 'POST',
    path: ({ ids }) => `/v1/tokens/${ids.owner}/rotate`,
    body: {},
    refused: [403],
  },
  "an admin revokes an owner's token": {
    by: 'admin',
    method: 'DELETE',
    path: ({ ids }) => `/v1/tokens/${ids.owner}`,
    refused: [403],
  },
  'an owner mints an administrator that is bound to a repository': {
    by: 'owner',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'b', scopes: ['read', 'admin'], repository: 'acme/bound' },
    refused: [400],
  },
  'a token is minted of another minter': {
    by: 'service',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'n', scopes: ['read'], mintedBy: null, minters: [] },
    refused: [400],
  },
  'a token is minted of another organisation': {
    by: 'service',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'n', scopes: ['read'], orgId: 'org_b' },
    refused: [400],
  },
  'a token is minted that ended before it began': {
    by: 'service',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'n', scopes: ['read'], expiresInDays: -1 },
    refused: [400],
  },
  'a token is rotated to a longer life': {
    by: 'service',
    method: 'POST',
    path: ({ ids }) => `/v1/tokens/${ids.expiring}/rotate`,
    body: { expiresInDays: 3_650 },
    refused: [400],
  },
  'a token is rotated with an overlap without end': {
    by: 'service',
    method: 'POST',
    path: ({ ids }) => `/v1/tokens/${ids.expiring}/rotate`,
    body: { overlapHours: 1e9 },
    refused: [400],
  },
  'a bound token lists tokens': { by: 'bound', method: 'GET', path: '/v1/tokens', refused: [403] },

  // Tokens that are no longer valid.
  'a revoked token reads': { by: 'revoked', method: 'GET', path: '/v1/repos', refused: [401] },
  'an expired token reads': { by: 'expired', method: 'GET', path: '/v1/repos', refused: [401] },
  'an expired token rotates itself': {
    by: 'expired',
    method: 'POST',
    path: ({ ids }) => `/v1/tokens/${ids.expiring}/rotate`,
    body: {},
    refused: [401],
  },
  'a token that was rotated reads': { by: 'rotated', method: 'GET', path: '/v1/repos', refused: [401] },
  "a removed member's token reads": { by: 'removed', method: 'GET', path: '/v1/repos', refused: [401] },
  "a removed member's session reads": {
    by: 'nobody',
    method: 'GET',
    path: '/v1/repos',
    headers: () => removedSession,
    refused: [401],
  },
  "a member's session writes": {
    by: 'nobody',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { comment: 'by cookie' },
    headers: () => ownerSession,
    refused: [403],
  },
  "an owner's session lists tokens": {
    by: 'nobody',
    method: 'GET',
    path: '/v1/tokens',
    headers: () => ownerSession,
    refused: [403],
  },
  'a cookie reads without its key': {
    by: 'nobody',
    method: 'GET',
    path: '/v1/repos',
    headers: () => ({ cookie: ownerSession['cookie'] ?? '' }),
    refused: [401],
  },
  "a cookie reads with another session's key": {
    by: 'nobody',
    method: 'GET',
    path: '/v1/repos',
    headers: () => ({
      cookie: ownerSession['cookie'] ?? '',
      [HEADER_SESSION_KEY]: removedSession[HEADER_SESSION_KEY] ?? '',
    }),
    refused: [401],
  },

  // Another repository than the token's.
  ...Object.fromEntries(
    [
      'acme%2Fother',
      'acme%2fother',
      'acme%252Fother',
      'ACME%2FOTHER',
      '%61cme%2Fother',
      'acme%2Fbound%2F..%2Fother',
      'acme%2Fother%00',
      'acme%2Fother%20',
      'https%3A%2F%2Fgithub.com%2Facme%2Fother',
    ].map((name) => [
      `a bound token reads the posture of ${name}`,
      { by: 'bound', method: 'GET', path: `/v1/repo/${name}/posture`, refused: [400, 403, 404] } satisfies Attempt,
    ]),
  ),
  'a bound token names both repositories': {
    by: 'bound',
    method: 'GET',
    path: '/v1/findings?repository=acme/bound&repository=acme/other',
    refused: [400, 403],
  },
  'a bound token names the other one twice': {
    by: 'bound',
    method: 'GET',
    path: '/v1/series/score_trend?repository=acme/other&repository=acme/other',
    refused: [400, 403],
  },
  'a bound token explains another repository': {
    by: 'bound',
    method: 'GET',
    path: '/v1/explain?series=score_trend&at=2026-06-21&bucket=day&repository=acme%2Fother',
    refused: [403, 404],
  },
  'a bound token reads a series of the organisation': {
    by: 'bound',
    method: 'GET',
    path: '/v1/series/score_trend_org',
    refused: [403],
  },
  'a bound token sends a scan of another repository': {
    by: 'bound',
    method: 'POST',
    path: '/v1/ingest/scan',
    body: scanOfSpec({ repository: 'acme/other' }),
    refused: [403],
  },
  'a bound token sends a drift of another repository': {
    by: 'bound',
    method: 'POST',
    path: '/v1/ingest/drift',
    body: driftOfSpec({ repository: 'ACME/other' }),
    refused: [403],
  },
  'a bound token asks for a promotion': {
    by: 'bound',
    method: 'POST',
    path: '/v1/policy-promotions',
    body: promotion,
    refused: [403],
  },
  'a bound token sees the organisation': { by: 'bound', method: 'GET', path: '/v1/org/org_a', refused: [403] },

  // Decisions.
  'an admin approves a policy review': {
    by: 'admin',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { status: 'approved' },
    refused: [403],
  },
  'an admin approves a policy review under its other id': {
    by: 'admin',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.approvalId}`,
    body: { status: 'approved' },
    refused: [403],
  },
  'an admin approves a policy review behind a slash': {
    by: 'admin',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}/`,
    body: { status: 'approved' },
    refused: [403],
  },
  'an admin dismisses a policy review while assigning it': {
    by: 'admin',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { status: 'dismissed', assignee: 'adm', comment: 'n' },
    refused: [403],
  },
  'an admin names a status of their own': {
    by: 'admin',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { status: 'superseded' },
    refused: [400],
  },
  'a member opens a policy review again': {
    by: 'member',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { status: 'open' },
    refused: [403],
  },
  'a member gives a review item to somebody else': {
    by: 'member',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { assignee: 'adm' },
    refused: [403],
  },
  'a member takes a review item from somebody': {
    by: 'member',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { assignee: null },
    refused: [403],
  },
  'a viewer comments on a review item': {
    by: 'viewer',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.id}`,
    body: { comment: 'n' },
    refused: [403],
  },
  'a viewer asks for a promotion': {
    by: 'viewer',
    method: 'POST',
    path: '/v1/policy-promotions',
    body: promotion,
    refused: [403],
  },

  // Another organisation.
  'a foreign owner decides': {
    by: 'ownerOfB',
    method: 'PATCH',
    path: ({ policy }) => `/v1/review-items/${policy.approvalId}`,
    body: { status: 'approved' },
    refused: [404],
  },
  'a foreign owner mints a token of a member of our organisation': {
    by: 'ownerOfB',
    method: 'POST',
    path: '/v1/tokens',
    body: { name: 'n', scopes: ['read'], member: 'own' },
    refused: [400],
  },
  'a foreign owner changes a member of our organisation': {
    by: 'ownerOfB',
    method: 'PATCH',
    path: ({ memberIds }) => `/v1/members/${memberIds.member}`,
    body: { role: 'owner' },
    refused: [404],
  },
  'a foreign owner makes our scan their baseline': {
    by: 'ownerOfB',
    method: 'PUT',
    path: '/v1/repo/acme%2Ftheirs/baseline',
    body: { scanId: 'of-org-a' },
    refused: [404, 409],
  },
  'a foreign owner names our organisation in a header': {
    by: 'ownerOfB',
    method: 'GET',
    path: '/v1/org/org_a/fleet',
    headers: { [HEADER_ORG_ID]: 'org_a', [HEADER_REPOSITORY]: 'acme/other' },
    refused: [404],
  },
  'a foreign owner names our organisation twice': {
    by: 'ownerOfB',
    method: 'GET',
    path: '/boards/api/boards/shieldwatch-fleet/panels/1?var-org=org_b&var-org=org_a',
    refused: [404],
  },

  // Ways around the URL and the method.
  ...Object.fromEntries(
    [
      '//v1/tokens',
      '/v1//tokens',
      '/v1/./tokens',
      '/v1/repos/../tokens',
      '/v1/repos/..%2Ftokens',
      '/v1%2Ftokens',
      '/V1/Tokens',
      '/v1/tokens/',
      '/v1/tokens;x=/v1/repos',
      '/v1/tokens%00',
      '/v1/tokens?scope=admin',
      '/v1/tokens#/v1/repos',
      'http://gateway/v1/tokens',
      '/boards/assets/..%2f..%2fv1%2ftokens',
      '/v1/tokens?_method=GET&access_token=none',
    ].map((path) => [
      `a reader lists tokens at ${path}`,
      {
        by: 'viewer',
        method: 'GET',
        path,
        headers: { 'x-original-url': '/v1/repos', 'x-rewrite-url': '/v1/repos' },
        refused: [400, ...REFUSED],
      } satisfies Attempt,
    ]),
  ),
  'a member revokes by an overridden method': {
    by: 'member',
    method: 'POST',
    path: ({ ids }) => `/v1/tokens/${ids.owner}?_method=DELETE`,
    headers: { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' },
    body: { _method: 'DELETE' },
    refused: [403, 404, 405],
  },
  'an admin deletes by an overridden method': {
    by: 'admin',
    method: 'PATCH',
    path: '/v1/org/org_a',
    headers: { 'x-http-method-override': 'DELETE' },
    body: { name: 'a', _method: 'DELETE' },
    refused: [400, 403],
  },
  'another origin asks what it may send': {
    by: 'nobody',
    method: 'OPTIONS',
    path: '/v1/tokens',
    headers: {
      origin: 'http://evil.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    },
    refused: [401, 404, 405],
  },
  'a token stands in the address': {
    by: 'nobody',
    method: 'GET',
    path: ({ tokens }) => `/v1/repos?access_token=${tokens.owner}&token=${tokens.owner}`,
    refused: [401],
  },
  'a token stands in a cookie': {
    by: 'nobody',
    method: 'GET',
    path: '/v1/repos',
    headers: ({ tokens }) => ({ cookie: `shieldwatch_session=${tokens.owner}`, [HEADER_SESSION_KEY]: tokens.owner }),
    refused: [401],
  },
  "a token is a user's password": {
    by: 'nobody',
    method: 'GET',
    path: '/v1/repos',
    headers: ({ tokens }) => ({ authorization: `Basic ${Buffer.from(`x:${tokens.owner}`).toString('base64')}` }),
    refused: [401],
  },
  'two tokens stand in one header': {
    by: 'nobody',
    method: 'GET',
    path: '/v1/tokens',
    headers: ({ tokens }) => ({ authorization: `Bearer ${tokens.viewer}, Bearer ${tokens.owner}` }),
    refused: [401],
  },
  'a ticket of the machine is guessed': {
    by: 'nobody',
    method: 'GET',
    path: '/v1/tokens',
    headers: { 'x-shieldwatch-inside': '0'.repeat(64) },
    refused: [401],
  },
  'a prototype is polluted': {
    by: 'admin',
    method: 'POST',
    path: '/v1/members',
    body: JSON.parse('{"login":"x","role":"viewer","__proto__":{"role":"owner"}}'),
    refused: [400, 403],
  },
  'a cookie alone asks for a board': {
    by: 'nobody',
    method: 'GET',
    path: '/boards/api/boards',
    headers: () => ({ cookie: ownerSession['cookie'] ?? '' }),
    refused: [401],
  },

  // A webhook's secret.
  "a webhook's secret is a token": { by: 'webhook', method: 'GET', path: '/v1/repos', refused: [403] },
  "a webhook's secret sends telemetry": {
    by: 'webhook',
    method: 'POST',
    path: '/v1/logs',
    body: { resourceLogs: [] },
    refused: [403],
  },
  "a webhook's secret opens the boards": { by: 'webhook', method: 'GET', path: '/boards/api/boards', refused: [403] },
  "a sender's token is a webhook's secret": {
    by: 'nobody',
    method: 'POST',
    path: ({ tokens }) => `/v1/webhooks/drift/${tokens.sender}`,
    body: driftOfSpec({}),
    refused: [401],
  },
  "an owner's token is a webhook's secret": {
    by: 'nobody',
    method: 'POST',
    path: ({ tokens }) => `/v1/webhooks/drift/${tokens.owner}`,
    body: driftOfSpec({}),
    refused: [401],
  },
  "a webhook's secret in capitals": {
    by: 'nobody',
    method: 'POST',
    path: ({ tokens }) => `/v1/webhooks/drift/${tokens.webhook.toUpperCase()}`,
    body: driftOfSpec({}),
    refused: [401],
  },
  "an owner's token beside a wrong secret": {
    by: 'owner',
    method: 'POST',
    path: '/v1/webhooks/drift/eccp_wrong',
    body: driftOfSpec({}),
    refused: [401],
  },
};

let gateway: TestGateway;
let url: URL;
let story: Story;
let ownerSession: Record<string, string>;
let removedSession: Record<string, string>;

async function machine<T>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  orgId = 'org_a',
): Promise<T> {
  const answer = await gateway.app.asMachine(orgId, method, path, body);
  if (answer.status !== 200) throw new Error(`${path}: ${answer.body}`);
  return JSON.parse(answer.body) as T;
}
const mint = (body: object, orgId?: string): Promise<MintedToken> =>
  machine('POST', '/v1/tokens', { name: 't', scopes: ALL_SCOPES, ...body }, orgId);
async function memberOf(login: string, role: string, orgId?: string): Promise<{ id: string; minted: MintedToken }> {
  const { id } = await machine<{ id: string }>('POST', '/v1/members', { login, role }, orgId);
  return { id, minted: await mint({ member: login }, orgId) };
}

beforeAll(async () => {
  const open = { rate: 1e9, burst: 1e9 };
  gateway = await startGateway(inject('clickhouseUrl'), {
    quotas: { requests: open, bytes: open, entries: open, failures: open },
  });
  url = new URL(await gateway.app.listen({ port: 0, host: '127.0.0.1' }));
  const policy = await policyItemOf(gateway, 'acme/other');
  for (const [repository, orgId] of [
    ['acme/bound', 'org_a'],
    ['acme/theirs', 'org_b'],
  ] as const)
    await machine('POST', '/v1/repos', { repository }, orgId);
  const [owner, admin, member, viewer, removed] = [
    await memberOf('own', 'owner'),
    await memberOf('adm', 'admin'),
    await memberOf('mem', 'member'),
    await memberOf('view', 'viewer'),
    await memberOf('gone', 'owner'),
  ];
  const ownerOfB = await memberOf('own-b', 'owner', 'org_b');
  const service = await mint({ scopes: ['read', 'admin'] });
  const [revoked, expiring, rotated] = [await mint({}), await mint({ expiresInDays: 1 }), await mint({})];
  ownerSession = await openTokenSession(gateway.app, owner.minted.token);
  removedSession = await openTokenSession(gateway.app, removed.minted.token);
  await machine('DELETE', `/v1/tokens/${revoked.id}`);
  await machine('POST', `/v1/tokens/${rotated.id}/rotate`, { overlapHours: 0 });
  await machine('DELETE', '/v1/members/GONE');
  const expired = await mint({ expiresInDays: 1 });
  await gateway.postgres.query("UPDATE token SET expires_at = now() - interval '1 second' WHERE id = $1", [expired.id]);
  story = {
    tokens: {
      owner: owner.minted.token,
      admin: admin.minted.token,
      member: member.minted.token,
      viewer: viewer.minted.token,
      service: service.token,
      bound: (await mint({ scopes: ['read', 'ingest:scan', 'ingest:drift'], repository: 'acme/bound' })).token,
      sender: (await mint({ scopes: ['ingest:drift', 'ingest:otlp'] })).token,
      webhook: (await mint({ scopes: ['webhook:drift'], repository: 'acme/bound' })).token,
      ownerOfB: ownerOfB.minted.token,
      revoked: revoked.token,
      expired: expired.token,
      removed: removed.minted.token,
      rotated: rotated.token,
      nobody: '',
    },
    ids: { owner: owner.minted.id, service: service.id, expiring: expiring.id },
    memberIds: { owner: owner.id, admin: admin.id, member: member.id },
    policy,
  };
});
afterAll(() => gateway.close());

/** Sends one request unchanged: a standard client would normalise the path. */
async function send({
  by,
  method,
  path,
  body,
  headers = {},
}: Attempt): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  const token = story.tokens[by];
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const sent = request({
    host: url.hostname,
    port: url.port,
    method,
    path: typeof path === 'string' ? path : path(story),
    agent: false,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(payload === undefined ? {} : { ...JSON_TYPE, 'content-length': Buffer.byteLength(payload) }),
      ...(typeof headers === 'function' ? headers(story) : headers),
    },
  });
  sent.end(payload);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, headers: response.headers, text: await text(response) };
}

const DECIDED = [
  'org',
  'repo',
  'member',
  'review_item',
  'review_item_comment',
  'finding_triage',
  'baseline',
  'policy_promotion',
  'alert_destination',
  'alert_delivery',
  'alert_ticket',
  'alert_routes',
  'alert_episode',
  'alert_mute',
  'purge',
  'repo_merge',
  'scan_receipt',
];
/** Returns all control-plane rows of every organisation, without the times of token use. */
async function decided(): Promise<unknown> {
  const tables = await Promise.all(
    DECIDED.map(
      async (table) => [table, await gateway.postgres.query(`SELECT * FROM ${table} ORDER BY 1, 2`)] as const,
    ),
  );
  return [
    ...tables,
    ['token', await gateway.postgres.query("SELECT to_jsonb(token) - 'last_used_at' AS token FROM token ORDER BY id")],
  ];
}

describe('a login', () => {
  it('identifies one member in any letter case, and keeps its spelling', async () => {
    const as = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
      const answer = await send({ by: 'owner', method, path, body, refused: [] });
      expect([path, answer.status, answer.text]).toEqual([path, 200, expect.any(String)]);
      return JSON.parse(answer.text) as T;
    };
    await as('POST', '/v1/members', { login: 'Ann.Lee@Example.com', role: 'member' });
    expect(
      (
        await send({
          by: 'owner',
          method: 'POST',
          path: '/v1/members',
          body: { login: 'ann.lee@example.COM', role: 'owner' },
          refused: [],
        })
      ).status,
    ).toBe(409);
    const { token } = await as<MintedToken>('POST', '/v1/tokens', {
      name: 't',
      scopes: ['read', 'admin'],
      member: 'ANN.LEE@EXAMPLE.COM',
    });
    // A member may assign an item to themselves, with their login in any letter case.
    story.tokens.nobody = token;
    const { id } = await policyItemOf(gateway, 'acme/of-ann');
    const taken = await send({
      by: 'nobody',
      method: 'PATCH',
      path: `/v1/review-items/${id}`,
      body: { assignee: 'ann.lee@example.com' },
      refused: [],
    });
    story.tokens.nobody = '';
    expect([taken.status, JSON.parse(taken.text)]).toMatchObject([200, { assignee: 'Ann.Lee@Example.com' }]);
    expect(await as('PATCH', '/v1/members/ann.LEE%40example.com', { role: 'viewer' })).toMatchObject({
      login: 'Ann.Lee@Example.com',
      role: 'viewer',
    });
    await as('DELETE', '/v1/members/ANN.lee@example.com');
    const { members } = await as<{ members: { login: string }[] }>('GET', '/v1/members');
    expect(members.map(({ login }) => login)).not.toContain('Ann.Lee@Example.com');
    // A login that equals another member's id does not address that member.
    const named = await as<{ id: string }>('POST', '/v1/members', { login: story.memberIds.member, role: 'viewer' });
    expect(await as('PATCH', `/v1/members/${story.memberIds.member}`, { role: 'member' })).toMatchObject({
      id: story.memberIds.member,
      login: 'mem',
    });
    await as('DELETE', `/v1/members/${named.id}`);
  });
});

describe('an attempt', () => {
  it.each(Object.entries(ATTEMPTS))('is refused and changes nothing: %s', async (_, attempt) => {
    const before = await decided();
    const answer = await send(attempt);
    expect(attempt.refused, answer.text).toContain(answer.status);
    expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    expect(answer.headers['set-cookie']).toBeUndefined();
    // Names, ids and tokens that the holder may not see.
    expect(answer.text).not.toMatch(/"tok_|"mem_|eccp_[0-9A-Za-z]{36}/);
    expect(await decided()).toEqual(before);
  });

  it("by a known caller is recorded in the audit trail of the caller's organisation", async () => {
    const entries = await gateway.postgres.query<{ org_id: string; record: string }>(
      "SELECT org_id, record FROM audit_entry WHERE record LIKE '%access.denied%'",
    );
    const denied = entries.map(({ record }) => JSON.parse(record) as { orgId: string; actor: string; subject: string });
    for (const [actor, subject] of [
      ['member:adm', 'PATCH /v1/members/:memberId'],
      ['member:mem', 'POST /v1/tokens'],
      ['member:view', 'POST /v1/logs'],
    ])
      expect(denied).toContainEqual(expect.objectContaining({ orgId: 'org_a', actor, subject }));
    expect(denied.filter(({ orgId, actor }) => orgId === 'org_a' && actor === 'member:own-b')).toEqual([]);
  });
});
