import { ShieldwatchError } from '#schemas/errors.js';
import type { ReviewComment } from '#schemas/http/fleet.js';
import type { Session } from '#schemas/postgres/session.js';
import { randomBase62 } from '../auth/token-format.js';
import type { Actor, ChangeSession } from '../control/control-plane.js';

/** Maximum comments of one review item. */
const MAX_COMMENTS = 1_000;

interface CommentRow extends Record<string, unknown> {
  id: string;
  seq: string | number;
  author: string;
  body: string;
  created_at: Date | string;
}

/** A comment with its position within its item. */
export interface StoredComment extends ReviewComment {
  seq: number;
}

export interface CommentPage {
  /** Position of the last comment of the previous page. */
  after: number;
  limit: number;
}

/**
 * Adds a comment to an item whose row is locked. If the newest comment has the same author and text, that one is
 * returned: a client without an answer retries. The audit trail has the comment's id and never its text, because
 * entries cannot be removed.
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
    throw new ShieldwatchError(
      'conflict',
      `the review item has ${String(MAX_COMMENTS)} comments, which is the maximum`,
    );
  }
  const [row] = await tx.query<CommentRow>(
    'INSERT INTO review_item_comment (id, org_id, item_id, author, body) VALUES ($1, $2, $3, $4, $5) RETURNING *',
    [`comment_${randomBase62(20)}`, actor.orgId, itemId, actor.actor, text],
  );
  if (row === undefined) throw new Error('the comment was not stored');
  await tx.record({ action: 'review_item.comment', subject: itemId, detail: { repository, comment: row.id } });
  return publicOf(row);
}

/** Reads a page of an item's comments, oldest first. */
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
