import { ShieldwatchError } from '#schemas/errors.js';
import type { Member } from '#schemas/http/control.js';
import type { Role } from '#schemas/http/roles.js';
import type { Session } from '#schemas/postgres/session.js';
import { randomBase62 } from '../auth/token-format.js';
import type { Actor, ControlPlane } from './control-plane.js';
import { memberByLogin, type MemberRow } from './member-by-login.js';
import { revokeMintedBy } from './tokens.js';

const memberOf = (row: MemberRow): Member => ({
  id: row.id,
  login: row.login,
  role: row.role,
  createdAt: new Date(row.created_at).toISOString(),
});

export async function listMembers(plane: ControlPlane, orgId: string): Promise<Member[]> {
  return (await plane.read(orgId, (tx) => tx.query<MemberRow>('SELECT * FROM member ORDER BY login LIMIT 10000'))).map(
    memberOf,
  );
}

export async function addMember(
  plane: ControlPlane,
  actor: Actor,
  { login, role }: { login: string; role: Role },
): Promise<Member> {
  return plane.change(actor, async (tx) => {
    const [row] = await tx.query<MemberRow>(
      'INSERT INTO member (id, org_id, login, role) VALUES ($1, $2, $3, $4) ON CONFLICT (org_id, lower(login COLLATE "C")) DO NOTHING RETURNING *',
      [`mem_${randomBase62(20)}`, actor.orgId, login, role],
    );
    if (row === undefined)
      throw new ShieldwatchError('conflict', 'a member with this login already exists (letter case is ignored)', {
        field: 'login',
      });
    await tx.record({
      action: 'member.add',
      subject: row.id,
      detail: { login, role },
      fact: { kind: 'member', state: role },
    });
    return memberOf(row);
  });
}

/** Changes the role of a member, given by id or login. */
export async function changeMember(plane: ControlPlane, actor: Actor, idOrLogin: string, role: Role): Promise<Member> {
  return plane.change(actor, async (tx) => {
    const before = await requireMember(tx, idOrLogin);
    if (before.role === 'owner' && role !== 'owner') await requireAnotherOwner(tx, before.id);
    await tx.query('UPDATE member SET role = $2 WHERE id = $1', [before.id, role]);
    await tx.record({
      action: 'member.role',
      subject: before.id,
      detail: { login: before.login, from: before.role, to: role },
      fact: { kind: 'member', state: role },
    });
    return memberOf({ ...before, role });
  });
}

/** Removes a member. Its tokens and those it minted are revoked and work at most a second longer. */
export async function removeMember(plane: ControlPlane, actor: Actor, idOrLogin: string): Promise<void> {
  await plane.change(actor, async (tx) => {
    const before = await requireMember(tx, idOrLogin);
    if (before.role === 'owner') await requireAnotherOwner(tx, before.id);
    await revokeMintedBy(tx, before.id);
    await tx.query('DELETE FROM member WHERE id = $1', [before.id]);
    await tx.record({
      action: 'member.remove',
      subject: before.id,
      detail: { login: before.login },
      fact: { kind: 'member', state: 'removed' },
    });
  });
}

async function requireMember(tx: Session, idOrLogin: string): Promise<MemberRow> {
  // Ids take precedence: a login that equals an id must not shadow it.
  const [byId] = await tx.query<MemberRow>('SELECT * FROM member WHERE id = $1 FOR UPDATE', [idOrLogin]);
  const row = byId ?? (await memberByLogin(tx, idOrLogin));
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such member');
  return row;
}

async function requireAnotherOwner(tx: Session, id: string): Promise<void> {
  // Locks all owners, so that two of them cannot remove each other at the same time.
  const owners = await tx.query("SELECT id FROM member WHERE role = 'owner' ORDER BY id FOR UPDATE");
  if (!owners.some((owner) => owner['id'] !== id))
    throw new ShieldwatchError('conflict', 'an organisation needs at least one owner');
}
