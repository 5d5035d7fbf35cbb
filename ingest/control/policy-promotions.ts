import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import type { PolicyPromotion, policyPromotionChange, policyPromotionRequest } from '#schemas/http/policy-promotion.js';
import { idOf } from '#schemas/records/ids.js';
import { scrubText } from '#schemas/scrub.js';
import type { Actor, ControlPlane } from './control-plane.js';
import { isoOrNull } from './iso.js';

/** Maximum open promotions of an organisation, so that nobody can fill the table. */
const MAX_WAITING = 1_000;

interface Row extends Record<string, unknown> {
  id: string;
  pack: string;
  policy_name: string;
  sha256: string;
  owners: string[];
  review_items: string;
  status: PolicyPromotion['status'];
  note: string | null;
  requested_by: string;
  requested_at: Date | string;
  decided_by: string | null;
  decided_at: Date | string | null;
}

/** Requests approval of a policy pack's content. A repeated request returns the decision, so a pipeline can poll. */
export async function requestPromotion(
  plane: ControlPlane,
  actor: Actor,
  request: z.output<typeof policyPromotionRequest>,
): Promise<PolicyPromotion> {
  const pack = scrubText(request.pack, 50);
  const id = idOf('promotion', actor.orgId, pack, request.sha256);
  const known = await find(plane, actor.orgId, id);
  if (known !== undefined) return known;
  const items = request.reviewItems.map((item) => ({
    id: scrubText(item.id, 100),
    status: item.status,
    severity: item.severity,
    title: scrubText(item.title, 200),
  }));
  return plane.change(actor, async (tx) => {
    const [{ waiting } = { waiting: 0 }] = await tx.query<{ waiting: number }>(
      "SELECT count(*)::int AS waiting FROM policy_promotion WHERE status = 'open'",
    );
    if (waiting >= MAX_WAITING)
      throw new ShieldwatchError(
        'conflict',
        `${String(MAX_WAITING)} policy promotions are waiting for approval; decide about those first`,
      );
    const added = await tx.query(
      `INSERT INTO policy_promotion (id, org_id, pack, policy_name, sha256, owners, review_items, requested_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id`,
      [
        id,
        actor.orgId,
        pack,
        scrubText(request.policyName, 200),
        request.sha256,
        request.owners.map((owner) => scrubText(owner, 200)),
        JSON.stringify(items),
        actor.actor,
      ],
    );
    if (added.length > 0) {
      await tx.record({
        action: 'policy_promotion.request',
        subject: id,
        detail: { pack, sha256: request.sha256 },
        fact: { kind: 'policy_promotion', state: 'open' },
      });
    }
    const [row] = await tx.query<Row>('SELECT * FROM policy_promotion WHERE id = $1', [id]);
    if (row === undefined) throw new Error('the promotion was not stored');
    return promotionOf(row);
  });
}

/** Lists a page of promotions after the id `after`, ordered by id. */
export async function listPromotions(
  plane: ControlPlane,
  orgId: string,
  {
    status,
    after,
    limit,
  }: { status?: PolicyPromotion['status'] | undefined; after?: string | undefined; limit: number },
): Promise<PolicyPromotion[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<Row>(
      'SELECT * FROM policy_promotion WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR id > $2) ORDER BY id LIMIT $3',
      [status ?? null, after ?? null, limit],
    ),
  );
  return rows.map(promotionOf);
}

/** Approves, rejects or reopens a promotion. */
export async function decidePromotion(
  plane: ControlPlane,
  actor: Actor,
  id: string,
  change: z.output<typeof policyPromotionChange>,
): Promise<PolicyPromotion> {
  return plane.change(actor, async (tx) => {
    const [before] = await tx.query<Row>('SELECT * FROM policy_promotion WHERE id = $1 FOR UPDATE', [id]);
    if (before === undefined) throw new ShieldwatchError('not_found', 'there is no such policy promotion');
    const isDecided = change.status !== before.status;
    const note = change.note === undefined ? before.note : change.note === null ? null : scrubText(change.note, 1_000);
    const [after] = await tx.query<Row>(
      `UPDATE policy_promotion SET status = $2, note = $3, decided_by = CASE WHEN $4 THEN $5 ELSE decided_by END,
         decided_at = CASE WHEN $4 THEN now() ELSE decided_at END WHERE id = $1 RETURNING *`,
      [id, change.status, note, isDecided, actor.actor],
    );
    if (after === undefined) throw new ShieldwatchError('not_found', 'there is no such policy promotion');
    const verb = change.status === 'open' ? 'reopen' : change.status === 'approved' ? 'approve' : 'reject';
    await tx.record({
      action: `policy_promotion.${isDecided ? verb : 'change'}`,
      subject: id,
      detail: { pack: after.pack, sha256: after.sha256, from: before.status, to: change.status },
      fact: { kind: 'policy_promotion', state: change.status },
    });
    return promotionOf(after);
  });
}

async function find(plane: ControlPlane, orgId: string, id: string): Promise<PolicyPromotion | undefined> {
  const [row] = await plane.read(orgId, (tx) => tx.query<Row>('SELECT * FROM policy_promotion WHERE id = $1', [id]));
  return row === undefined ? undefined : promotionOf(row);
}

function promotionOf(row: Row): PolicyPromotion {
  return {
    id: row.id,
    pack: row.pack,
    policyName: row.policy_name,
    sha256: row.sha256,
    owners: row.owners,
    reviewItems: JSON.parse(row.review_items) as PolicyPromotion['reviewItems'],
    status: row.status,
    note: row.note,
    requestedBy: row.requested_by,
    requestedAt: new Date(row.requested_at).toISOString(),
    decidedBy: row.decided_by,
    decidedAt: isoOrNull(row.decided_at),
  };
}
