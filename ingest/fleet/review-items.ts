import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type {
  FleetEntry,
  ReviewComment,
  ReviewItem,
  ReviewItemState,
  ReviewRoute,
  ReviewStatus,
} from '#schemas/http/fleet.js';
import { repositoryId } from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import type { Actor, ChangeSession, ControlPlane } from '../control/control-plane.js';
import { memberByLogin } from '../control/member-by-login.js';
import { mergedNames } from '../control/merges.js';
import { digestOf, fleetEntry } from './entry.js';
import { latestScans, type FleetScan } from './latest-scans.js';
import { addComment, readComments, type CommentPage, type StoredComment } from './review-comments.js';
import { reviewItemText, type ReviewItemText } from './review-item.js';

/** An organisation's repositories by newest scan, with their review items. */
export interface CurrentFleet {
  entries: FleetEntry[];
  reviewItems: ReviewItem[];
  /** True when there are more repositories than are checked. */
  isCut: boolean;
}

interface Current {
  entry: FleetEntry;
  /** ISO 8601. */
  scannedAt: string;
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
  comments: number;
  opened_at: Date | string;
  decided_at: Date | string | null;
  decided_by: string | null;
  superseded_at: Date | string | null;
}

/** Scans processed before yielding to other work, and the maximum items opened in one transaction. */
const BATCH = 200;

/**
 * Reads the newest scans with their decisions. Writes nothing: the item of a new scan is open and gets its row from
 * {@link openReviewItems}.
 */
export async function currentFleet(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  orgId: string,
  repository?: string,
): Promise<CurrentFleet> {
  const fleet: CurrentFleet = { entries: [], reviewItems: [], isCut: false };
  for await (const { current, isCut } of newestScans(plane, clickhouse, orgId, repository)) {
    const stored = bySubject(await plane.read(orgId, (tx) => readItems(tx, orgId, current)));
    fleet.isCut = isCut;
    for (const { entry, text, scannedAt, digest } of current) {
      fleet.entries.push(entry);
      if (text === undefined) continue;
      const row = stored.get(subjectOf(repositoryId(orgId, text.repository), text.route, digest));
      fleet.reviewItems.push({
        ...text,
        ...(row === undefined ? { ...UNDECIDED, openedAt: scannedAt } : { id: row.id, ...decisionOf(row) }),
      });
    }
  }
  return fleet;
}

/**
 * Creates the missing items of the newest scans and supersedes items of older scans, with a few statements for many
 * scans.
 */
export async function openReviewItems(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  orgId: string,
  repository?: string,
): Promise<void> {
  for await (const { current } of newestScans(plane, clickhouse, orgId, repository))
    await bringUpToDate(plane, orgId, current);
}

const UNDECIDED = { status: 'open', assignee: null, commentCount: 0, decidedAt: null, decidedBy: null } as const;

/** Yields the newest scans in batches, so that a large organisation does not block others. */
async function* newestScans(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  orgId: string,
  repository: string | undefined,
): AsyncGenerator<{ current: Current[]; isCut: boolean }> {
  const survivors = await plane.read(orgId, (tx) => mergedNames(tx, repository));
  const { scans: found, isCut } = await latestScans(
    clickhouse,
    orgId,
    repository === undefined ? undefined : [repository, ...survivors.keys()],
  );
  const scans = underSurvivors(found, survivors);
  for (let at = 0; at < scans.length; at += BATCH) {
    const some = scans.slice(at, at + BATCH);
    yield {
      isCut,
      current: some.map((scan): Current => {
        const digest = digestOf(scan);
        const entry = fleetEntry(orgId, scan);
        return { entry, digest, text: reviewItemText(orgId, entry, digest), scannedAt: iso(scan.occurred_at) };
      }),
    };
    await nextTurn();
  }
}

/** Scans under the names that their repositories have now: one that a merge has not moved yet is of the repository it moves to. */
function underSurvivors(scans: FleetScan[], survivors: ReadonlyMap<string, string>): FleetScan[] {
  if (!scans.some(({ repo }) => survivors.has(repo))) return scans;
  const newest = new Map<string, FleetScan>();
  for (const scan of scans) {
    const repo = survivors.get(scan.repo) ?? scan.repo;
    const other = newest.get(repo);
    if (other === undefined || isNewer(scan, other)) newest.set(repo, { ...scan, repo });
  }
  return [...newest.values()].sort((one, other) => (one.repo < other.repo ? -1 : 1));
}

/** As `latestScans` orders the scans of one repository. */
const isNewer = (one: FleetScan, other: FleetScan): boolean => {
  const [at, otherAt] = [Date.parse(one.occurred_at), Date.parse(other.occurred_at)];
  return at === otherAt ? one.event_id > other.event_id : at > otherAt;
};

const repoIdsOf = (orgId: string, current: readonly Current[]): string[] =>
  current.map(({ entry }) => repositoryId(orgId, entry.repository));
/**
 * Returns the subject of an item. The item's id is derived from it, but with the repository's name at opening: a merge
 * keeps the id.
 */
const subjectOf = (repoId: string, route: ReviewRoute, digest: string): string => `${repoId} ${route} ${digest}`;
const subjectOfRow = (row: ItemRow): string => subjectOf(row.repo_id, row.route, row.bundle_digest);
const bySubject = (rows: readonly ItemRow[]): Map<string, ItemRow> =>
  new Map(rows.map((row) => [subjectOfRow(row), row]));

const ITEM_COLUMNS =
  'review_item.*, (SELECT count(*)::int FROM review_item_comment WHERE item_id = review_item.id) AS comments';

/** Reads the items of these repositories that are not superseded. */
function readItems(tx: Session, orgId: string, current: readonly Current[]): Promise<ItemRow[]> {
  return tx.query<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM review_item WHERE repo_id = ANY($1::text[]) AND superseded_at IS NULL`,
    [repoIdsOf(orgId, current)],
  );
}

/** Writes only if something changed. */
async function bringUpToDate(plane: ControlPlane, orgId: string, current: readonly Current[]): Promise<void> {
  const known = bySubject(await plane.read(orgId, (tx) => readItems(tx, orgId, current)));
  const wanted = new Map(
    current.flatMap(({ text, digest }) =>
      text === undefined
        ? []
        : [[subjectOf(repositoryId(orgId, text.repository), text.route, digest), { text, digest }] as const],
    ),
  );
  const missing = [...wanted].flatMap(([subject, item]) => (known.has(subject) ? [] : [item]));
  const outdated = [...known].flatMap(([subject, row]) => (wanted.has(subject) ? [] : [row]));
  if (missing.length === 0 && outdated.length === 0) return;
  await plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
    await open(tx, orgId, missing);
    await supersede(tx, orgId, outdated, current);
  });
}

async function open(
  tx: ChangeSession,
  orgId: string,
  items: readonly { text: ReviewItemText; digest: string }[],
): Promise<void> {
  const repoIds = items.map(({ text }) => repositoryId(orgId, text.repository));
  await tx.query(
    'INSERT INTO repo (id, org_id, full_name) SELECT id, $1, name FROM unnest($2::text[], $3::text[]) AS new (id, name) ON CONFLICT DO NOTHING',
    [orgId, repoIds, items.map(({ text }) => text.repository)],
  );
  // A superseded item returns when its scan is the newest again, after the newer one was purged. Where a merge has moved
  // an item since the scans were read, its id is taken; then that item is the one to decide about.
  const opened = await tx.query<ItemRow>(
    `INSERT INTO review_item (id, org_id, repo_id, route, bundle_digest, approval_id)
     SELECT id, $1, repo_id, route, digest, approval_id FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) AS new (id, repo_id, route, digest, approval_id)
     WHERE NOT EXISTS (SELECT 1 FROM review_item AS held WHERE held.id = new.id AND held.repo_id <> new.repo_id)
     ON CONFLICT (org_id, repo_id, route, bundle_digest) DO UPDATE SET superseded_at = NULL WHERE review_item.superseded_at IS NOT NULL RETURNING *`,
    [
      orgId,
      items.map(({ text }) => text.id),
      repoIds,
      items.map(({ text }) => text.route),
      items.map(({ digest }) => digest),
      items.map(({ text }) => text.approvalId),
    ],
  );
  const names = new Map(items.map(({ text }, index) => [repoIds[index], text.repository]));
  // A returning item keeps its decision.
  for (const row of opened) {
    const repository = names.get(row.repo_id) ?? '';
    await tx.record({
      action: 'review_item.open',
      subject: row.id,
      detail: { route: row.route, repository, bundleDigest: row.bundle_digest },
      fact: { kind: 'review_item', state: row.status, repository },
    });
  }
}

async function supersede(
  tx: ChangeSession,
  orgId: string,
  rows: readonly ItemRow[],
  current: readonly Current[],
): Promise<void> {
  const changed = await tx.query<{ id: string }>(
    'UPDATE review_item SET superseded_at = now() WHERE id = ANY ($1::text[]) AND superseded_at IS NULL RETURNING id',
    [rows.map(({ id }) => id)],
  );
  const ids = new Set(changed.map(({ id }) => id));
  const names = new Map(current.map(({ entry }) => [repositoryId(orgId, entry.repository), entry.repository]));
  for (const row of rows.filter(({ id }) => ids.has(id))) {
    const repository = names.get(row.repo_id) ?? '';
    await tx.record({
      action: 'review_item.supersede',
      subject: row.id,
      detail: { route: row.route, repository, bundleDigest: row.bundle_digest },
      fact: { kind: 'review_item', state: row.status === 'open' ? 'superseded' : row.status, repository },
    });
  }
}

function iso(time: Date | string): string {
  return new Date(time).toISOString();
}
const isoOrNull = (time: Date | string | null): string | null => (time === null ? null : iso(time));

function decisionOf(
  row: ItemRow,
): Pick<ReviewItem, 'status' | 'assignee' | 'commentCount' | 'openedAt' | 'decidedAt' | 'decidedBy'> {
  return {
    status: row.status,
    assignee: row.assignee,
    commentCount: row.comments,
    openedAt: iso(row.opened_at),
    decidedAt: isoOrNull(row.decided_at),
    decidedBy: row.decided_by,
  };
}

export interface ReviewChange {
  status?: ReviewStatus | undefined;
  assignee?: string | null | undefined;
  comment?: string | undefined;
}

/** Checks whether the caller may change an item, before anything is changed. Throws otherwise. */
export type MayChange = (item: { route: ReviewRoute; repository: string }) => void;

/**
 * Decides about an item, by its id or its AgentShield id, after checking the newest scan of its repository. `mayDecide`
 * is called before any change.
 */
export async function changeReviewItem(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  actor: Actor,
  id: string,
  change: ReviewChange,
  mayDecide: MayChange,
): Promise<ReviewItemState> {
  return changeItem(plane, clickhouse, actor, id, mayDecide, async (tx, row) => {
    const assignee = typeof change.assignee === 'string' ? await requireMember(tx, change.assignee) : change.assignee;
    if (change.comment !== undefined)
      await addComment(tx, actor, { itemId: row.id, repository: row.full_name, text: change.comment });
    const status = change.status ?? row.status;
    const isDecided = change.status !== undefined && change.status !== row.status;
    const isAssigned = assignee !== undefined && assignee !== row.assignee;
    const [after] = await tx.query<ItemRow>(
      `UPDATE review_item SET status = $2, assignee = $3,
         decided_at = CASE WHEN $4 THEN now() ELSE decided_at END, decided_by = CASE WHEN $4 THEN $5 ELSE decided_by END
       WHERE id = $1 RETURNING ${ITEM_COLUMNS}`,
      [row.id, status, assignee === undefined ? row.assignee : assignee, isDecided, actor.actor],
    );
    if (after === undefined) throw new ShieldwatchError('not_found', NO_ITEM);
    if (isDecided || isAssigned) {
      await tx.record({
        action: isDecided
          ? `review_item.${status === 'open' ? 'reopen' : status === 'approved' ? 'approve' : 'dismiss'}`
          : 'review_item.change',
        subject: row.id,
        detail: {
          route: row.route,
          repository: row.full_name,
          bundleDigest: row.bundle_digest,
          from: row.status,
          to: status,
          assignee: after.assignee,
        },
        fact: { kind: 'review_item', state: status, repository: row.full_name },
      });
    }
    return stateOf(after);
  });
}

/**
 * Adds a comment to an item.
 * @throws ShieldwatchError 409 when the item has the maximum number of comments.
 */
export function commentOnReviewItem(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  actor: Actor,
  id: string,
  text: string,
  mayComment: MayChange,
): Promise<ReviewComment> {
  return changeItem(plane, clickhouse, actor, id, mayComment, (tx, row) =>
    addComment(tx, actor, { itemId: row.id, repository: row.full_name, text }),
  );
}

/** Reads a page of an item's comments, also of a superseded item. An item without a row has none. */
export async function readReviewComments(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  { orgId, repository }: { orgId: string; repository: string | null },
  id: string,
  page: CommentPage,
): Promise<StoredComment[]> {
  const [known] = await plane.read(orgId, (tx) =>
    tx.query<{ id: string; full_name: string }>(`SELECT review_item.id, full_name ${ITEM_BY_ID}`, [id]),
  );
  if (known !== undefined && (repository === null || repository === known.full_name))
    return plane.read(orgId, (tx) => readComments(tx, known.id, page));
  const { reviewItems } =
    known === undefined ? await currentFleet(plane, clickhouse, orgId, repository ?? undefined) : { reviewItems: [] };
  if (reviewItems.some((item) => item.id === id || item.approvalId === id)) return [];
  throw new ShieldwatchError('not_found', NO_ITEM);
}

const NO_ITEM = 'there is no such review item';
/** AgentShield's id may match two items; the one that is not superseded comes first. */
const ITEM_BY_ID = `FROM review_item JOIN repo ON repo.id = review_item.repo_id
  WHERE review_item.id = $1 OR approval_id = $1 ORDER BY superseded_at DESC NULLS FIRST LIMIT 1`;

/**
 * Runs `work` on an item after checking that it is current and that the caller may change it. Changes of one item run
 * one after the other.
 */
async function changeItem<T>(
  plane: ControlPlane,
  clickhouse: ClickHouseClient,
  actor: Actor,
  id: string,
  may: MayChange,
  work: (tx: ChangeSession, row: ItemRow & { full_name: string }) => Promise<T>,
): Promise<T> {
  const [known] = await plane.read(actor.orgId, (tx) =>
    tx.query<{ full_name: string }>(`SELECT repo.full_name ${ITEM_BY_ID}`, [id]),
  );
  // An id without a row may belong to any repository.
  await openReviewItems(plane, clickhouse, actor.orgId, known?.full_name);
  return plane.change(actor, async (tx) => {
    const [row] = await tx.query<ItemRow & { full_name: string }>(
      `SELECT ${ITEM_COLUMNS}, repo.full_name ${ITEM_BY_ID} FOR UPDATE OF review_item`,
      [id],
    );
    if (row === undefined) throw new ShieldwatchError('not_found', NO_ITEM);
    may({ route: row.route, repository: row.full_name });
    if (row.superseded_at !== null) {
      throw new ShieldwatchError(
        'conflict',
        'a newer scan supersedes this review item; decide about the item of that scan',
      );
    }
    return work(tx, row);
  });
}

/** @returns the login as stored in the member's row */
async function requireMember(tx: Session, login: string): Promise<string> {
  const found = await memberByLogin(tx, login);
  if (found === undefined) {
    throw new ShieldwatchError('body_invalid', 'assignee: expected the login of a member', {
      field: 'assignee',
      expected: 'the login of a member',
    });
  }
  return found.login;
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
