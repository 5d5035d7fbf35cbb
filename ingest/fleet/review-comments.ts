import { ShieldwatchError } from '#schemas/errors.js';
import type { ReviewComment } from '#schemas/http/fleet.js';
import type { Session } from '#schemas/postgres/session.js';
import { randomBase62 } from '../auth/token-format.js';
import type { Actor, ChangeSession } from '../control/control-plane.js';

/** Comments that one review item may have. */
const MAX_COMMENTS = 1_000;

interface CommentRow extends Record<string, unknown> {
  id: string;
  seq: string | number;
  author: string;
  body: string;
  created_at: Date | string;
}

/** A comment and its place among those of its item. */
export interface StoredComment extends ReviewComment {
  seq: number;
}

export interface CommentPage {
  /** Place of the last one of the page before. */
  after: number;
  limit: number;
}

/**
 * Adds a comment to an item whose row is locked. What its newest comment says already, by the same author, is that one:
 * a client that got no answer sends it again. The audit trail has the comment's id and never its words, since nothing
 * can be taken out of the trail.
 *
 * @throws ShieldwatchError 409 when the item has {@link MAX_COMMENTS}.
 */
export async function addComment(
  tx: ChangeSession,
  actor: Actor,
  { itemId, repository, text }: { itemId: string; repository: string; text: string },
): Promise<ReviewComment> {
  const [newest] = await tx.query<CommentRow & { comments: number }>(
    'SELECT *, (SELECT count(*)::int FROM review_item_comment WHERE item_id = $1) AS comments FROM review_item_comment WHERE item_id = $1 ORDER BY seq DESC LIMIT 1',
    [itemId],
  );
  if (newest !== undefined && newest.author === actor.actor && newest.body === text) return publicOf(newest);
  if (newest !== undefined && newest.comments >= MAX_COMMENTS) {
    throw new ShieldwatchError('conflict', `the review item has ${String(MAX_COMMENTS)} comments, and takes no more`);
  }
  const [row] = await tx.query<CommentRow>(
    'INSERT INTO review_item_comment (id, org_id, item_id, author, body) VALUES ($1, $2, $3, $4, $5) RETURNING *',
    [`comment_${randomBase62(20)}`, actor.orgId, itemId, actor.actor, text],
  );
  if (row === undefined) throw new Error('the comment was not stored');
  await tx.record({ action: 'review_item.comment', subject: itemId, detail: { repository, comment: row.id } });
  return publicOf(row);
}

/** A page of an item's comments, oldest first. */
export async function readComments(
  tx: Session,
  itemId: string,
  { after, limit }: CommentPage,
): Promise<StoredComment[]> {
  const rows = await tx.query<CommentRow>(
    'SELECT * FROM review_item_comment WHERE item_id = $1 AND seq > $2 ORDER BY seq LIMIT $3',
    [itemId, after, limit],
  );
  return rows.map((row) => ({ ...publicOf(row), seq: Number(row.seq) }));
}

function publicOf({ id, author, body, created_at: createdAt }: CommentRow): ReviewComment {
  return { id, author, text: body, createdAt: new Date(createdAt).toISOString() };
}
