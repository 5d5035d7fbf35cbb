import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Fleet } from '#schemas/http/fleet.js';
import type { PolicyPromotion } from '#schemas/http/policy-promotion.js';
import { packageRoot } from '#schemas/root.js';
import { startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';
import { setPlan } from './orgs.js';

let gateway: TestGateway;
/** AgentShield's own output for a promotion. */
let promotion: Record<string, unknown>;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  const folder = await mkdtemp(join(tmpdir(), 'shieldwatch-promotion-'));
  const agentshield = (...args: string[]): string =>
    execFileSync(
      process.execPath,
      [join(packageRoot(), 'node_modules/ecc-agentshield/dist/index.js'), 'policy', ...args],
      { cwd: folder, encoding: 'utf8' },
    );
  agentshield('export', '--pack', 'team', '--owner', 'security@acme.test');
  promotion = JSON.parse(agentshield('promote', '--dry-run', '--json')) as Record<string, unknown>;
  await rm(folder, { recursive: true });
});
afterAll(() => gateway.close());

interface Answer<T> {
  status: number;
  body: T;
  text: string;
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
  return { status: answer.statusCode, body: answer.json<T>(), text: answer.body };
}
const ask = (body: unknown = promotion, token = gateway.ingestToken) =>
  call<PolicyPromotion & Refusal & { warnings?: string[] }>('POST', '/v1/policy-promotions', token, body);
const asOwner = async (id: string, body: object) => {
  const answer = await gateway.app.asMachine('org_a', 'PATCH', `/v1/policy-promotions/${id}`, body);
  return { status: answer.status, body: JSON.parse(answer.body) as PolicyPromotion };
};
const readback = async (): Promise<Fleet['operatorReadback']> =>
  (await call<Fleet>('GET', '/v1/org/org_a/fleet', gateway.readToken)).body.operatorReadback;

describe('a policy promotion', () => {
  it('waits for an owner, and answers a repeated request with the decision', async () => {
    expect(await readback()).toMatchObject({ ready: true, policyPromotionsRequiringApproval: [] });
    const first = await ask();
    expect(first.status, first.text).toBe(200);
    expect(first.body).toMatchObject({
      pack: 'team',
      status: 'open',
      owners: ['security@acme.test'],
      sha256: promotion['sha256'],
    });
    expect(first.body.reviewItems.map(({ id, status }) => [id, status])).toContainEqual([
      'runtime-smoke-test',
      'action_required',
    ]);
    // Paths of the machine are not stored.
    expect(first.text).not.toContain('shieldwatch-promotion-');
    expect(
      (await call('PATCH', `/v1/policy-promotions/${first.body.id}`, gateway.adminToken, { status: 'approved' }))
        .status,
    ).toBe(403);
    expect((await asOwner(first.body.id, { status: 'approved', note: 'rollout on Monday' })).body).toMatchObject({
      status: 'approved',
      decidedBy: 'machine',
      note: 'rollout on Monday',
    });
    expect((await ask()).body).toMatchObject({ id: first.body.id, status: 'approved' });
    // Other content needs another decision.
    const other = await ask({ ...promotion, sha256: `sha256:${'1'.repeat(64)}` });
    expect([other.body.status, other.body.id === first.body.id]).toEqual(['open', false]);
  });

  it('blocks `ready` on the plan enterprise, and is only shown on the plan team', async () => {
    const [waiting] = (
      await call<{ policyPromotions: PolicyPromotion[] }>('GET', '/v1/policy-promotions?status=open', gateway.readToken)
    ).body.policyPromotions;
    expect(await readback()).toMatchObject({
      status: 'ready',
      ready: true,
      requiresApproval: true,
      policyPromotionsRequiringApproval: [waiting?.id],
    });
    await setPlan(gateway.app.plane, 'org_a', 'enterprise');
    const blocked = await readback();
    expect(blocked).toMatchObject({ status: 'blocked', ready: false, requiresApproval: true });
    expect(blocked.nextAction).toContain('policy packs');
    await asOwner(waiting?.id ?? '', { status: 'rejected' });
    const after = await readback();
    expect(after).toMatchObject({ status: 'ready', ready: true, requiresApproval: false });
    expect(after.digest).not.toBe(blocked.digest);
  });

  it('is rejected when AgentShield did not verify it, or when it contradicts itself', async () => {
    for (const [over, field] of [
      [{ verified: false }, 'verified'],
      [{ sha256: 'abc' }, 'sha256'],
      [{ pack: '' }, 'pack'],
    ] as const) {
      const { status, body } = await ask({ ...promotion, ...over });
      expect([status, body.error.field]).toEqual([400, field]);
    }
    expect((await ask(promotion, gateway.readToken)).status).toBe(403);
    expect((await asOwner('promotion_NONE', { status: 'approved' })).status).toBe(404);
  });

  it('is in the audit trail with its decisions', async () => {
    const { entries } = (
      await call<{ entries: { record: string }[] }>('GET', '/v1/audit?limit=1000', gateway.adminToken)
    ).body;
    const actions = entries
      .map(({ record }) => (JSON.parse(record) as { action: string }).action)
      .filter((action) => action.startsWith('policy_promotion'));
    expect(actions).toEqual([
      'policy_promotion.request',
      'policy_promotion.approve',
      'policy_promotion.request',
      'policy_promotion.reject',
    ]);
  });
});
