import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type { FleetEntry, ReviewItem, ReviewItemState, ReviewRoute, ReviewStatus } from '#schemas/http/fleet.js';
import { repositoryId } from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import type { Actor, ChangeSession, ControlPlane } from '../control/control-plane.js';
import { digestOf, fleetEntry, type Receipt } from './entry.js';
import { latestScans } from './latest-scans.js';
import { reviewItemText, type ReviewItemText } from './review-item.js';

/** An organisation's repositories by their newest scans, with the items to be decided about them. */
export interface CurrentFleet {
  entries: FleetEntry[];
  reviewItems: ReviewItem[];
}

interface Current {
  entry: FleetEntry;
  digest: string;
  text: ReviewItemText | undefined;
}

interface ItemRow extends Record<string, unknown> {
  id: string;
  repo_id: string;
  route: ReviewRoute;
  bundle_digest: string;
  approval_id: string;
  status: ReviewStatus;
  assignee: string | null;
  note: string | null;
  opened_at: Date | string;
  decided_at: Date | string | null;
  decided_by: string | null;
  superseded_at: Date | string | null;
}

/** Reads the newest scans and sees to it that every one that needs a decision has its item, and no older one is open. */
export async function currentFleet(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  actor: Actor,
  repository?: string,
): Promise<CurrentFleet> {
  const scans = await latestScans(clickhouse, actor.orgId, repository);
  const receipts = await readReceipts(plane, actor.orgId, scans.map((scan) => scan.bundle_digest));
  const current = scans.map((scan): Current => {
    const digest = digestOf(scan);
    const entry = fleetEntry(actor.orgId, scan, receipts.get(receiptKey(repositoryId(actor.orgId, scan.repo), scan.bundle_digest)));
    return { entry, digest, text: reviewItemText(actor.orgId, entry, digest) };
  });
  const stored = await bringUpToDate(plane, actor.orgId, current);
  return {
    entries: current.map(({ entry }) => entry),
    reviewItems: current.flatMap(({ text }) => {
      const row = text === undefined ? undefined : stored.get(text.id);
      return text === undefined || row === undefined ? [] : [{ ...text, ...decisionOf(row) }];
    }),
  };
}

const receiptKey = (repoId: string, digest: string): string => `${repoId}\0${digest}`;

async function readReceipts(plane: ControlPlane, orgId: string, digests: readonly string[]): Promise<Map<string, Receipt>> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<{ repo_id: string; bundle_digest: string; auto_fixable: number | null; manual_review: number | null }>(
      'SELECT repo_id, bundle_digest, auto_fixable, manual_review FROM scan_receipt WHERE bundle_digest = ANY($1::text[])',
      [digests],
    ),
  );
  return new Map(
    rows.map((row) => [receiptKey(row.repo_id, row.bundle_digest), { autoFixable: row.auto_fixable, manualReview: row.manual_review }]),
  );
}

/** The stored items of these scans by id. Writes only when there is something to write. */
async function bringUpToDate(plane: ControlPlane, orgId: string, current: readonly Current[]): Promise<Map<string, ItemRow>> {
  const repoIds = current.map(({ entry }) => repositoryId(orgId, entry.repository));
  const read = (tx: Session): Promise<ItemRow[]> =>
    tx.query<ItemRow>('SELECT * FROM review_item WHERE repo_id = ANY($1::text[]) AND superseded_at IS NULL', [repoIds]);
  const byId = (rows: readonly ItemRow[]): Map<string, ItemRow> => new Map(rows.map((row) => [row.id, row]));

  const known = byId(await plane.read(orgId, read));
  const wanted = new Map(current.flatMap(({ text, digest }) => (text === undefined ? [] : [[text.id, { text, digest }] as const])));
  const isComplete = [...wanted.keys()].every((id) => known.has(id)) && [...known.keys()].every((id) => wanted.has(id));
  if (isComplete) return known;

  return plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
    for (const { text, digest } of wanted.values()) if (!known.has(text.id)) await open(tx, orgId, text, digest);
    for (const row of known.values()) if (!wanted.has(row.id)) await supersede(tx, row, current, orgId);
    return byId(await read(tx));
  });
}

async function open(tx: ChangeSession, orgId: string, text: ReviewItemText, digest: string): Promise<void> {
  const repoId = repositoryId(orgId, text.repository);
  await tx.query('INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [repoId, orgId, text.repository]);
  // An item that was replaced comes back when its scan is the newest again: the newer one was purged.
  const opened = await tx.query(
    `INSERT INTO review_item (id, org_id, repo_id, route, bundle_digest, approval_id) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (id) DO UPDATE SET superseded_at = NULL WHERE review_item.superseded_at IS NOT NULL RETURNING status`,
    [text.id, orgId, repoId, text.route, digest, text.approvalId],
  );
  if (opened.length === 0) return;
  await tx.record({
    action: 'review_item.open',
    subject: text.id,
    detail: { route: text.route, repository: text.repository, bundleDigest: digest },
    fact: { kind: 'review_item', state: 'open', repository: text.repository },
  });
}

async function supersede(tx: ChangeSession, row: ItemRow, current: readonly Current[], orgId: string): Promise<void> {
  const changed = await tx.query('UPDATE review_item SET superseded_at = now() WHERE id = $1 AND superseded_at IS NULL RETURNING id', [row.id]);
  if (changed.length === 0) return;
  const repository = current.find(({ entry }) => repositoryId(orgId, entry.repository) === row.repo_id)?.entry.repository ?? '';
  await tx.record({
    action: 'review_item.supersede',
    subject: row.id,
    detail: { route: row.route, repository, bundleDigest: row.bundle_digest },
    fact: { kind: 'review_item', state: row.status === 'open' ? 'superseded' : row.status, repository },
  });
}

const iso = (time: Date | string): string => new Date(time).toISOString();
const isoOrNull = (time: Date | string | null): string | null => (time === null ? null : iso(time));

function decisionOf(row: ItemRow): Pick<ReviewItem, 'status' | 'assignee' | 'note' | 'openedAt' | 'decidedAt' | 'decidedBy'> {
  return {
    status: row.status,
    assignee: row.assignee,
    note: row.note,
    openedAt: iso(row.opened_at),
    decidedAt: isoOrNull(row.decided_at),
    decidedBy: row.decided_by,
  };
}

export interface ReviewChange {
  status?: ReviewStatus | undefined;
  assignee?: string | null | undefined;
  note?: string | null | undefined;
}

/** Decides about an item by its id or its AgentShield id. `mayDecide` is asked before anything is written. */
export async function changeReviewItem(
  plane: ControlPlane,
  actor: Actor,
  id: string,
  change: ReviewChange,
  mayDecide: (item: { route: ReviewRoute; repository: string }) => void,
): Promise<ReviewItemState> {
  return plane.change(actor, async (tx) => {
    const [row] = await tx.query<ItemRow & { full_name: string }>(
      `SELECT review_item.*, repo.full_name FROM review_item JOIN repo ON repo.id = review_item.repo_id
       WHERE review_item.id = $1 OR approval_id = $1 ORDER BY superseded_at DESC NULLS FIRST LIMIT 1 FOR UPDATE OF review_item`,
      [id],
    );
    if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such review item');
    mayDecide({ route: row.route, repository: row.full_name });
    if (row.superseded_at !== null) {
      throw new ShieldwatchError('conflict', 'a newer scan has taken the place of this review item; decide about that one');
    }
    if (typeof change.assignee === 'string') await needMember(tx, change.assignee);
    const status = change.status ?? row.status;
    const isDecided = change.status !== undefined && change.status !== row.status;
    const [after] = await tx.query<ItemRow>(
      `UPDATE review_item SET status = $2, assignee = $3, note = $4,
         decided_at = CASE WHEN $5 THEN now() ELSE decided_at END, decided_by = CASE WHEN $5 THEN $6 ELSE decided_by END
       WHERE id = $1 RETURNING *`,
      [row.id, status, change.assignee === undefined ? row.assignee : change.assignee, change.note === undefined ? row.note : change.note, isDecided, actor.actor],
    );
    if (after === undefined) throw new ShieldwatchError('not_found', 'there is no such review item');
    await tx.record({
      action: isDecided ? `review_item.${status === 'open' ? 'reopen' : status === 'approved' ? 'approve' : 'dismiss'}` : 'review_item.change',
      subject: row.id,
      detail: { route: row.route, repository: row.full_name, bundleDigest: row.bundle_digest, from: row.status, to: status, assignee: after.assignee },
      fact: { kind: 'review_item', state: status, repository: row.full_name },
    });
    return stateOf(after);
  });
}

async function needMember(tx: Session, login: string): Promise<void> {
  const found = await tx.query('SELECT id FROM member WHERE login = $1', [login]);
  if (found.length === 0) {
    throw new ShieldwatchError('body_invalid', 'assignee: expected the login of a member', { field: 'assignee', expected: 'the login of a member' });
  }
}

function stateOf(row: ItemRow): ReviewItemState {
  return {
    id: row.id,
    repoId: row.repo_id,
    route: row.route,
    bundleDigest: row.bundle_digest,
    approvalId: row.approval_id,
    supersededAt: isoOrNull(row.superseded_at),
    ...decisionOf(row),
  };
}
