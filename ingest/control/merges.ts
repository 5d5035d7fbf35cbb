import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { moveRepository } from '#schemas/clickhouse/move.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type { RepoMerge } from '#schemas/http/control.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole, type Session } from '#schemas/postgres/session.js';
import { repositoryId } from '#schemas/records/repository.js';
import { randomBase62 } from '../auth/token-format.js';
import { scanIdOf } from '#schemas/records/ids.js';
import { runEach } from './background.js';
import type { Actor, ChangeSession, ControlPlane } from './control-plane.js';
import { isoOrNull } from './iso.js';

interface MergeRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  from_name: string;
  to_name: string;
  requested_by: string;
  requested_at: Date | string;
  last_run_at: Date | string | null;
  finished_at: Date | string | null;
  rows_moved: string | number;
}

/**
 * Milliseconds in which an INSERT that has begun must end. Younger rows wait for the next round, so that no row is
 * deleted before it is copied.
 */
const MAX_INSERT_MS = 60_000;

/** Milliseconds after which a finished merge is checked again. */
const RECHECK_MS = 300_000;
/** Milliseconds before the previous round that a round checks again. */
const OVERLAP_MS = 600_000;

/**
 * Tables that move with a repository, and the columns that identify a row. A row that the surviving repository already
 * has is kept.
 */
const MOVED_TABLES = {
  scan_receipt: ['bundle_digest'],
  review_item: ['route', 'bundle_digest'],
  finding_triage: ['finding_key'],
  baseline: [],
} as const;

/**
 * Makes `from` another name of `to`. Tokens, decisions and receipts move at once, ClickHouse rows in the background. A
 * repeated request returns the existing merge.
 * @throws ShieldwatchError 409 when `to` was itself merged.
 */
export async function requestMerge(plane: ControlPlane, actor: Actor, from: string, to: string): Promise<RepoMerge> {
  const { orgId } = actor;
  if (from === to)
    throw new ShieldwatchError('body_invalid', 'from: expected a repository other than into', { field: 'from' });
  return plane.change(actor, async (tx) => {
    await tx.query("SELECT pg_advisory_xact_lock(hashtext('repos'), hashtext($1))", [orgId]);
    const survivor = await survivingName(tx, to);
    if (survivor !== to)
      throw new ShieldwatchError('conflict', `into: this repository was merged into ${survivor}`, { field: 'into' });
    const [known] = await tx.query<MergeRow>('SELECT * FROM repo_merge WHERE from_name = $1', [from]);
    if (known?.to_name === to) return mergeOf(known);
    if (known !== undefined)
      throw new ShieldwatchError('conflict', `from: this repository was merged into ${known.to_name}`, {
        field: 'from',
      });
    const [fromId, toId] = [repositoryId(orgId, from), repositoryId(orgId, to)];
    await tx.query('UPDATE repo_merge SET to_name = $2, finished_at = NULL WHERE to_name = $1', [from, to]);
    const [row] = await tx.query<MergeRow>(
      'INSERT INTO repo_merge (id, org_id, from_id, from_name, to_name, requested_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING *',
      [`merge_${randomBase62(20)}`, orgId, fromId, from, to, actor.actor],
    );
    if (row === undefined) throw new Error('the merge was not stored');
    await tx.query('INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING', [
      toId,
      orgId,
      to,
    ]);
    for (const [table, key] of Object.entries(MOVED_TABLES)) {
      const same = ['other.repo_id = $2', ...key.map((column) => `other.${column} = ${table}.${column}`)].join(' AND ');
      await tx.query(
        `UPDATE ${table} SET repo_id = $2 WHERE repo_id = $1 AND NOT EXISTS (SELECT FROM ${table} AS other WHERE ${same})`,
        [fromId, toId],
      );
    }
    // Of two review items about the same subject the surviving one is kept, with the comments of both.
    await tx.query(
      `UPDATE review_item_comment SET item_id = other.id FROM review_item AS mine
         JOIN review_item AS other ON other.repo_id = $2 AND other.route = mine.route AND other.bundle_digest = mine.bundle_digest
       WHERE mine.repo_id = $1 AND item_id = mine.id`,
      [fromId, toId],
    );
    // What still fires opens again under the surviving name.
    await tx.query(
      "UPDATE alert_episode SET state = 'superseded', ended_at = now() WHERE repository = $1 AND state IN ('firing', 'no_data')",
      [from],
    );
    await tx.query('DELETE FROM repo WHERE id = $1', [fromId]);
    await recordBaseline(tx, orgId, toId, to);
    await tx.query('UPDATE token SET repository = $2 WHERE repository = $1', [from, to]);
    await tx.record({ action: 'repo.merge', subject: fromId, detail: { repository: from, into: to } });
    return mergeOf(row);
  });
}

/**
 * Records the baseline of the surviving name again, after the facts of both names' baselines: boards read the newest.
 * Its scan is known by the id that it has under this name.
 */
async function recordBaseline(tx: ChangeSession, orgId: string, id: string, repository: string): Promise<void> {
  const [row] = await tx.query<{
    source_scan_id: string;
    source_event_id: string | null;
    numeric_score: number;
    finding_count: number;
  }>('SELECT * FROM baseline WHERE repo_id = $1', [id]);
  if (row === undefined) return;
  const { source_event_id: eventId, numeric_score: score, finding_count: findings } = row;
  const scanId = eventId === null ? row.source_scan_id : scanIdOf(orgId, repository, eventId);
  await tx.query('UPDATE baseline SET source_scan_id = $2 WHERE repo_id = $1', [id, scanId]);
  await tx.record({
    action: 'baseline.keep',
    subject: id,
    detail: { repository, scanId, eventId: eventId ?? '', score, findings },
    fact: { kind: 'baseline', state: 'set', repository },
  });
}

/** Returns the current name of a repository: its own, or the one it was merged into. */
export async function survivingName(tx: Session, nameOrId: string): Promise<string> {
  const [row] = await tx.query<{ to_name: string }>('SELECT to_name FROM repo_merge WHERE $1 IN (from_name, from_id)', [
    nameOrId,
  ]);
  return row?.to_name ?? nameOrId;
}

/** Returns merged names with the names that their repositories have now; those of one repository where `into` is given. */
export async function mergedNames(tx: Session, into?: string): Promise<Map<string, string>> {
  const rows = await tx.query<{ from_name: string; to_name: string }>(
    'SELECT from_name, to_name FROM repo_merge WHERE $1::text IS NULL OR to_name = $1',
    [into ?? null],
  );
  return new Map(rows.map(({ from_name, to_name }) => [from_name, to_name]));
}

/** Lists an organisation's merges, newest first. */
export async function listMerges(plane: ControlPlane, orgId: string): Promise<RepoMerge[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<MergeRow>('SELECT * FROM repo_merge ORDER BY requested_at DESC, id LIMIT 1000'),
  );
  return rows.map(mergeOf);
}

/** Moves landing rows and facts stored under merged names. Repeats, because producers may keep sending the old name. */
export async function runMerges(
  postgres: Postgres,
  clickhouse: ClickHouseClient,
  plane: ControlPlane,
  { settledMs, everyMs } = { settledMs: MAX_INSERT_MS, everyMs: RECHECK_MS },
): Promise<void> {
  const rows = await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
    tx.query<MergeRow>(
      'SELECT * FROM repo_merge WHERE finished_at IS NULL OR last_run_at <= $1 ORDER BY requested_at, id',
      [new Date(Date.now() - everyMs).toISOString()],
    ),
  );
  await runEach(rows, async (row) => {
    const until = new Date(Date.now() - settledMs);
    // After a finished merge only newer rows can remain.
    const since =
      row.finished_at === null || row.last_run_at === null
        ? new Date(0)
        : new Date(new Date(row.last_run_at).getTime() - settledMs - OVERLAP_MS);
    const moved = await moveRepository(clickhouse, {
      orgId: row.org_id,
      from: row.from_name,
      to: row.to_name,
      since,
      until,
    });
    const isFinished = row.finished_at === null && until >= new Date(row.requested_at);
    if (moved > 0 || isFinished) {
      await plane.change({ orgId: row.org_id, actor: 'shieldwatch' }, async (tx) => {
        // While the old name had facts, a request may have created its row again.
        await tx.query('DELETE FROM repo WHERE full_name = $1', [row.from_name]);
        await tx.record({
          action: isFinished ? 'repo.merge.finish' : 'repo.merge.move',
          subject: row.id,
          detail: { rowsMoved: moved },
        });
      });
    }
    await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
      tx.query(
        'UPDATE repo_merge SET last_run_at = now(), rows_moved = rows_moved + $2, finished_at = CASE WHEN $3 THEN coalesce(finished_at, now()) ELSE finished_at END WHERE id = $1',
        [row.id, moved, isFinished],
      ),
    );
  });
}

function mergeOf(row: MergeRow): RepoMerge {
  return {
    id: row.id,
    from: row.from_name,
    into: row.to_name,
    requestedBy: row.requested_by,
    requestedAt: new Date(row.requested_at).toISOString(),
    status: row.finished_at === null ? 'running' : 'done',
    rowsMoved: Number(row.rows_moved),
    finishedAt: isoOrNull(row.finished_at),
  };
}
