import { ShieldwatchError } from '#schemas/errors.js';
import type { Org, OrgChange } from '#schemas/http/control.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, type Session } from '#schemas/postgres/session.js';
import { scrubText } from '#schemas/scrub.js';
import { randomBase62 } from '../auth/token-format.js';
import { machineActor, type Actor, type ControlPlane } from './control-plane.js';
import { PLAN_LIMITS, type Plan } from '../plans.js';

interface OrgRow extends Record<string, unknown> {
  id: string;
  name: string;
  plan: Plan;
  retention_days: number;
  keep_content: boolean;
  keep_identities: boolean;
  github_org_login: string | null;
  sso_enabled: boolean;
  created_at: Date | string;
  repos: number;
}

export async function showOrg(plane: ControlPlane, orgId: string): Promise<Org> {
  return plane.read(orgId, readOrg);
}

async function readOrg(tx: Session): Promise<Org> {
  const [row] = await tx.query<OrgRow>('SELECT org.*, (SELECT count(*)::int FROM repo) AS repos FROM org');
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such organisation');
  return {
    id: row.id,
    name: row.name,
    plan: row.plan,
    githubOrgLogin: row.github_org_login,
    ssoEnabled: row.sso_enabled,
    createdAt: new Date(row.created_at).toISOString(),
    repos: { used: row.repos, limit: PLAN_LIMITS[row.plan].repos },
    retentionDays: { used: row.retention_days, limit: PLAN_LIMITS[row.plan].retentionDays },
    keepContent: row.keep_content,
    keepIdentities: row.keep_identities,
  };
}

/**
 * Changes an organisation's settings.
 * @throws ShieldwatchError 403 when the plan does not allow the retention or SSO.
 */
export async function changeOrg(plane: ControlPlane, actor: Actor, change: OrgChange): Promise<Org> {
  await plane.change(actor, async (tx) => {
    // Locked, so that concurrent changes do not overwrite each other.
    await tx.query('SELECT id FROM org FOR UPDATE');
    const before = await readOrg(tx);
    const { limit } = before.retentionDays;
    if (change.retentionDays !== undefined && change.retentionDays > limit) {
      throw new ShieldwatchError(
        'plan_limit',
        `retentionDays: the plan "${before.plan}" keeps telemetry for at most ${String(limit)} days`,
        {
          field: 'retentionDays',
        },
      );
    }
    if (change.ssoEnabled === true && !PLAN_LIMITS[before.plan].hasSso) {
      throw new ShieldwatchError('plan_limit', `ssoEnabled: the plan "${before.plan}" has no SSO`, {
        field: 'ssoEnabled',
      });
    }
    const name = change.name === undefined ? before.name : scrubText(change.name, 100);
    const retentionDays = change.retentionDays ?? before.retentionDays.used;
    const keepContent = change.keepContent ?? before.keepContent;
    const keepIdentities = change.keepIdentities ?? before.keepIdentities;
    const githubOrgLogin = change.githubOrgLogin === undefined ? before.githubOrgLogin : change.githubOrgLogin;
    const ssoEnabled = change.ssoEnabled ?? before.ssoEnabled;
    await tx.query(
      'UPDATE org SET name = $1, retention_days = $2, keep_content = $3, keep_identities = $4, github_org_login = $5, sso_enabled = $6',
      [name, retentionDays, keepContent, keepIdentities, githubOrgLogin, ssoEnabled],
    );
    await tx.record({
      action: 'org.change',
      subject: actor.orgId,
      detail: { name, retentionDays, keepContent, keepIdentities, githubOrgLogin, ssoEnabled },
    });
  });
  return showOrg(plane, actor.orgId);
}

/** Lists every organisation of this server, for the operator's commands. */
export async function listOrgs(db: Postgres): Promise<{ id: string; name: string; plan: Plan }[]> {
  return asRole(db, 'shieldwatch_operator', {}, (tx) =>
    tx.query<{ id: string; name: string; plan: Plan }>(
      'SELECT id, name, plan FROM org WHERE deleted_at IS NULL ORDER BY created_at, id',
    ),
  );
}

/** Adds an organisation, for the operator's commands. */
export async function createOrg(
  plane: ControlPlane,
  { name, plan }: { name: string; plan: Plan },
): Promise<{ id: string }> {
  const id = `org_${randomBase62(20)}`;
  const values = [id, scrubText(name, 100), plan, Math.min(90, PLAN_LIMITS[plan].retentionDays)];
  await plane.operate(
    machineActor(id),
    (tx) => tx.query('INSERT INTO org (id, name, plan, retention_days) VALUES ($1, $2, $3, $4)', values),
    (tx) => tx.record({ action: 'org.create', subject: id, detail: { plan } }),
  );
  return { id };
}

/** Changes the plan of an organisation, for the operator's commands. Stored data is kept. */
export async function setPlan(plane: ControlPlane, orgId: string, plan: Plan): Promise<Org> {
  await plane.operate(
    machineActor(orgId),
    (tx) =>
      tx.query(
        'UPDATE org SET plan = $2, sso_enabled = sso_enabled AND $3 WHERE id = $1 AND deleted_at IS NULL RETURNING id',
        [orgId, plan, PLAN_LIMITS[plan].hasSso],
      ),
    async (tx, changed) => {
      if (changed.length === 0) throw new ShieldwatchError('not_found', 'there is no such organisation');
      await tx.record({ action: 'org.plan', subject: orgId, detail: { plan } });
    },
  );
  return showOrg(plane, orgId);
}
