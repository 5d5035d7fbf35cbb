import type { Purge } from '#schemas/http/control.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { asRole } from '#schemas/postgres/session.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { randomBase62 } from '../auth/token-format.js';
import { runEach } from './background.js';
import type { Actor, ChangeSession, ControlPlane } from './control-plane.js';
import { removeRows, type Removal } from './remove-rows.js';
import { isoOrNull } from './iso.js';

/** Conditions of a purge; at least one is set. */
export interface PurgeConditions {
  repository?: string | undefined;
  tokenId?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
  /** Purges the whole organisation, without other conditions. */
  organisation?: true;
}

interface PurgeRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  repository: string | null;
  token_id: string | null;
  from_at: Date | string | null;
  to_at: Date | string | null;
  requested_by: string;
  requested_at: Date | string;
  finished_at: Date | string | null;
  last_run_at: Date | string | null;
  tables_done: number;
  tables_total: number;
  rows_removed: string | number;
  is_whole_org: boolean;
}

/** Stores a purge request and runs `also` in the same transaction. Background work carries it out. */
export async function requestPurge(
  plane: ControlPlane,
  actor: Actor,
  { repository, tokenId, from, to, organisation }: PurgeConditions,
  also?: (tx: ChangeSession) => Promise<void>,
): Promise<Purge> {
  return plane.change(actor, async (tx) => {
    const [row] = await tx.query<PurgeRow>(
      `INSERT INTO purge (id, org_id, repository, token_id, from_at, to_at, requested_by, is_whole_org)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *`,
      [
        `purge_${randomBase62(20)}`,
        actor.orgId,
        repository ?? null,
        tokenId ?? null,
        from?.toISOString() ?? null,
        to?.toISOString() ?? null,
        actor.actor,
        organisation === true,
      ],
    );
    if (row === undefined) throw new Error('the purge was not stored');
    await also?.(tx);
    await tx.record({
      action: 'purge.request',
      subject: row.id,
      detail: {
        repository: repository ?? null,
        tokenId: tokenId ?? null,
        from: from?.toISOString() ?? null,
        to: to?.toISOString() ?? null,
      },
    });
    return purgeOf(row);
  });
}

/** Lists an organisation's purges, newest first, or the one with the given id. */
export async function listPurges(plane: ControlPlane, orgId: string, id?: string): Promise<Purge[]> {
  const rows = await plane.read(orgId, (tx) =>
    tx.query<PurgeRow>(
      'SELECT * FROM purge WHERE $1::text IS NULL OR id = $1 ORDER BY requested_at DESC, id LIMIT 1000',
      [id ?? null],
    ),
  );
  return rows.map(purgeOf);
}

/**
 * Runs requested purges. Repeats each every hour for 8 days, because delivery is at-least-once and queues and spools
 * may still hold removed records. A repeat removes only events from before the request.
 */
export async function runPurges(postgres: Postgres, clickhouse: ClickHouseClient, plane: ControlPlane): Promise<void> {
  const due = await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
    tx.query<PurgeRow>(
      `SELECT * FROM purge WHERE finished_at IS NULL
         OR (requested_at > now() - interval '8 days' AND last_run_at < now() - interval '1 hour')
       ORDER BY last_run_at NULLS FIRST, requested_at LIMIT 10`,
    ),
  );
  await runEach(due, async (row) => {
    const removal = removalOf(row);
    const rows = await removeRows(clickhouse, removal, (done, total) => note(postgres, row.id, done, total));
    // Runs before the purge is marked as finished: a crash repeats all of it, and a finished purge has its audit entry.
    if (row.finished_at === null && row.is_whole_org) await finishOrgDeletion(plane, row.org_id);
    else if (removal.isWhole && row.repository !== null) await forgetRepository(plane, row.org_id, row.repository);
    if (row.finished_at === null || rows > 0) {
      await plane.change({ orgId: row.org_id, actor: 'shieldwatch' }, (tx) =>
        tx.record({
          action: row.finished_at === null ? 'purge.finish' : 'purge.repeat',
          subject: row.id,
          detail: { rowsRemoved: rows },
        }),
      );
    }
    await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
      tx.query(
        'UPDATE purge SET finished_at = coalesce(finished_at, now()), last_run_at = now(), rows_removed = rows_removed + $2 WHERE id = $1',
        [row.id, rows],
      ),
    );
  });
}

/** Removes control-plane rows and the last token once telemetry is gone. The organisation's row and its audit trail stay. */
async function finishOrgDeletion(plane: ControlPlane, orgId: string): Promise<void> {
  await plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
    await tx.query('UPDATE token SET revoked_at = coalesce(revoked_at, now()), member_id = NULL, name = $1', [
      'deleted',
    ]);
    for (const table of [
      ...['repo', 'member', 'policy_promotion', 'alert_delivery', 'alert_ticket', 'alert_destination'],
      ...['alert_episode', 'alert_pending', 'alert_mute', 'alert_routes', 'alert_evaluation'],
    ])
      await tx.query(`DELETE FROM ${table}`);
    await tx.query("UPDATE org SET name = 'deleted', github_org_login = NULL");
    await tx.record({ action: 'org.gone', subject: orgId, detail: {} });
  });
}

/** Removes the repository's row again, which a request may have recreated while it had facts, and notices about it. */
async function forgetRepository(plane: ControlPlane, orgId: string, repository: string): Promise<void> {
  await plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
    await tx.query('DELETE FROM repo WHERE full_name = $1', [repository]);
    await tx.query(
      `DELETE FROM alert_ticket WHERE key IN (SELECT key FROM alert_delivery WHERE repository = $1
         UNION ALL SELECT key FROM alert_episode WHERE repository = $1)`,
      [repository],
    );
    await tx.query('DELETE FROM alert_delivery WHERE repository = $1', [repository]);
    // The key of an alert ends in the repository.
    await tx.query("DELETE FROM alert_mute WHERE right(key, length($1) + 1) = '/' || $1::text", [repository]);
    await tx.query('DELETE FROM alert_episode WHERE repository = $1', [repository]);
  });
}

function removalOf(row: PurgeRow): Removal {
  const requestedAt = new Date(row.requested_at);
  const to = row.to_at === null ? undefined : new Date(row.to_at);
  const isRepeat = row.finished_at !== null;
  return {
    orgId: row.org_id,
    repository: row.repository ?? undefined,
    tokenId: row.token_id ?? undefined,
    from: row.from_at === null ? undefined : new Date(row.from_at),
    // Events after the request are new and stay; for a deleted organisation, later events are purged too.
    to: isRepeat && !row.is_whole_org && (to === undefined || to > requestedAt) ? requestedAt : to,
    isWhole: row.is_whole_org || (!isRepeat && row.token_id === null && row.from_at === null && to === undefined),
  };
}

async function note(postgres: Postgres, id: string, done: number, total: number): Promise<void> {
  await asRole(postgres, 'shieldwatch_worker', {}, (tx) =>
    tx.query('UPDATE purge SET tables_done = $2, tables_total = $3, last_run_at = now() WHERE id = $1', [
      id,
      done,
      total,
    ]),
  );
}

function purgeOf(row: PurgeRow): Purge {
  return {
    id: row.id,
    organisation: row.is_whole_org,
    repository: row.repository,
    tokenId: row.token_id,
    from: isoOrNull(row.from_at),
    to: isoOrNull(row.to_at),
    requestedBy: row.requested_by,
    requestedAt: new Date(row.requested_at).toISOString(),
    status: row.finished_at !== null ? 'done' : row.last_run_at === null ? 'waiting' : 'running',
    progress: { tables: row.tables_done, of: row.tables_total, rowsRemoved: Number(row.rows_removed) },
    finishedAt: isoOrNull(row.finished_at),
  };
}
