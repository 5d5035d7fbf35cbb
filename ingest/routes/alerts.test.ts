import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Alert, AlertExplanation, AlertRoutes } from '#schemas/http/alerts.js';
import type { DriftAnswer } from '#schemas/http/ingest-drift.js';
import { inOrg } from '#schemas/postgres/session.js';
import { addBareDestination } from '../delivery/testing/notice.js';
import { driftOfSpec } from '../testing/bodies.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  await inOrg(gateway.postgres, 'org_a', (tx) => addBareDestination(tx, 'org_a', 'oncall'));
});
afterAll(() => gateway.close());

interface Answer<T> {
  status: number;
  body: T;
}

async function call<T>(method: string, url: string, token: string, body?: unknown): Promise<Answer<T>> {
  const answer = await gateway.app.inject({
    method: method as 'GET',
    url,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
  });
  return { status: answer.statusCode, body: answer.json<T>() };
}
const drift = (over: object) =>
  call<DriftAnswer>('POST', '/v1/ingest/drift', gateway.ingestToken, {
    ...driftOfSpec({ timestamp: new Date().toISOString() }),
    ...over,
  });
const put = (version: number, routes: object[]) =>
  call<AlertRoutes & Refusal>('PUT', '/v1/alerts/routes', gateway.adminToken, { version, routes });

describe('routes of alerts', () => {
  it('are none at first, and are replaced as a whole with the version that was read', async () => {
    const first = await call<AlertRoutes>('GET', '/v1/alerts/routes', gateway.readToken);
    expect(first.body).toEqual({ version: 0, routes: [], updatedBy: null, updatedAt: null });
    const stored = await put(0, [{ name: 'drifts', match: { kinds: ['drift'] }, destinations: ['oncall'] }]);
    expect([stored.status, stored.body.version, stored.body.routes[0]?.digest]).toEqual([200, 1, 'none']);
    const late = await put(0, []);
    expect([late.status, late.body.error.field]).toEqual([409, 'version']);
    const unknown = await put(1, [{ name: 'x', destinations: ['nowhere'] }]);
    expect([unknown.status, unknown.body.error.field]).toEqual([400, 'routes[0].destinations[0]']);
    expect((await call('PUT', '/v1/alerts/routes', gateway.readToken, { version: 1, routes: [] })).status).toBe(403);
  });
});

describe('a drift', () => {
  it('is answered with alertRouted only when a notice was queued', async () => {
    expect((await drift({ repository: 'acme/bad' })).body.alertRouted).toBe(true);
    const fine = await drift({
      ...{ repository: 'acme/fine', newFindings: [], isRegression: false, hasCritical: false },
      ...{ previousScore: 60, currentScore: 70, scoreDelta: 10 },
    });
    expect([fine.status, fine.body.alertRouted]).toEqual([200, false]);
    const queued = await inOrg(gateway.postgres, 'org_a', (tx) =>
      tx.query<{ repository: string; idempotency_key: string }>(
        'SELECT repository, idempotency_key FROM alert_delivery',
      ),
    );
    expect(queued).toMatchObject([{ repository: 'acme/bad' }]);
    const { body } = await call<{ alerts: Alert[] }>('GET', '/v1/alerts?state=all', gateway.readToken);
    const [alert] = body.alerts.filter(({ kind }) => kind === 'drift');
    expect(alert).toMatchObject({ repository: 'acme/bad', severity: 'critical', state: 'firing', episode: 1 });
    const explained = await call<AlertExplanation>('GET', `/v1/alerts/${alert?.id ?? ''}`, gateway.readToken);
    expect(explained.body.decisions).toMatchObject([
      { notice: 'firing', outcome: 'queued', reason: 'routed', route: 'drifts', destination: 'oncall' },
    ]);
    expect(explained.body.routes).toEqual([{ name: 'drifts', matches: true, because: 'meets every condition' }]);
  });

  it('that no route takes is not routed, and the explanation says why', async () => {
    await put(1, [{ name: 'others', match: { repositories: ['other/*'] }, destinations: ['oncall'] }]);
    expect((await drift({ repository: 'acme/unrouted' })).body.alertRouted).toBe(false);
    const { body } = await call<{ alerts: Alert[] }>('GET', '/v1/alerts', gateway.readToken);
    const alert = body.alerts.find(({ repository }) => repository === 'acme/unrouted');
    const explained = await call<AlertExplanation>('GET', `/v1/alerts/${alert?.id ?? ''}`, gateway.readToken);
    expect(explained.body.decisions).toMatchObject([{ outcome: 'suppressed', reason: 'no_route' }]);
    expect(explained.body.routes).toEqual([{ name: 'others', matches: false, because: 'does not meet repositories' }]);
  });
});

describe('the removal of a repository', () => {
  it('removes its alerts with their decisions', async () => {
    const removed = await gateway.app.asMachine('org_a', 'DELETE', '/v1/repo/acme%2Fbad');
    expect(removed.status, removed.body).toBe(200);
    await expect
      .poll(
        async () =>
          (await call<{ alerts: Alert[] }>('GET', '/v1/alerts?state=all', gateway.readToken)).body.alerts.filter(
            ({ repository }) => repository === 'acme/bad',
          ).length,
        { timeout: 120_000, interval: 500 },
      )
      .toBe(0);
  });
});
