import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Alert, alertChange, AlertExplanation, alertList, alertsQuery } from '#schemas/http/alerts.js';
import type { Session } from '#schemas/postgres/session.js';
import { decodeCursor, page } from '../api/cursor.js';
import type { Actor, ControlPlane } from '../control/control-plane.js';
import { isoOrNull } from '../control/iso.js';
import { memberByLogin } from '../control/member-by-login.js';
import { recordAction } from './facts.js';
import { isCovered, unmetCondition } from './match.js';
import { linksOf } from './notice.js';
import { lockEpisodes, settle } from './settle.js';
import { readRoutes, type EpisodeRow, type Time } from './store.js';

const MAX_MUTE_MS = 366 * 86_400_000;

type Listed = EpisodeRow & { muted_until: Time | null };

const COLUMNS =
  'alert_episode.*, (SELECT until FROM alert_mute WHERE alert_mute.key = alert_episode.key AND until > now()) AS muted_until';

/** Lists episodes, newest first. */
export async function listAlerts(
  plane: ControlPlane,
  orgId: string,
  query: z.output<typeof alertsQuery>,
): Promise<z.input<typeof alertList>> {
  const after = decodeCursor(query.cursor, ['string', 'string']);
  const states = query.state === 'all' ? null : query.state === 'open' ? ['firing', 'no_data'] : [query.state];
  return plane.read(orgId, async (tx) => {
    const [evaluation] = await tx.query<{ last_run_at: Time | null; problems: string }>(
      'SELECT last_run_at, problems FROM alert_evaluation',
    );
    const found = await tx.query<Listed & { place: string }>(
      `SELECT ${COLUMNS}, to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS place FROM alert_episode
       WHERE ($1::text[] IS NULL OR state = ANY ($1)) AND ($2::text IS NULL OR (since, id) < ($2::timestamptz, $3))
       ORDER BY since DESC, id DESC LIMIT $4`,
      [states, validTime(after?.[0]), after?.[1] ?? null, query.limit + 1],
    );
    const { rows, nextCursor } = page(found, query.limit, ({ place, id }) => [place, id]);
    return {
      isEvaluated: evaluation !== undefined,
      evaluatedAt: isoOrNull(evaluation?.last_run_at ?? null),
      problems: Object.entries(JSON.parse(evaluation?.problems ?? '{}') as Record<string, string>).map(
        ([rule, problem]) => ({ rule, problem }),
      ),
      alerts: rows.map(alertOf),
      nextCursor,
    };
  });
}

function validTime(value: string | number | undefined): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/.test(value) || Number.isNaN(Date.parse(value)))
    throw new ShieldwatchError('query_invalid', 'cursor: expected the nextCursor of the page before', {
      field: 'cursor',
    });
  return value;
}

function alertOf(row: Listed): Alert {
  return {
    id: row.id,
    key: row.key,
    episode: row.number,
    rule: row.rule,
    kind: row.kind,
    severity: row.severity,
    state: row.state,
    repository: row.repository === '' ? null : row.repository,
    labels: JSON.parse(row.labels) as Record<string, string>,
    title: row.title,
    summary: row.summary,
    value: row.value,
    threshold: row.threshold,
    windowSeconds: row.window_seconds,
    since: new Date(row.since).toISOString(),
    endedAt: isoOrNull(row.ended_at),
    acknowledgedAt: isoOrNull(row.acknowledged_at),
    acknowledgedBy: row.acknowledged_by,
    assignee: row.assignee,
    mutedUntil: isoOrNull(row.muted_until),
    links: linksOf(row, 'now'),
  };
}

async function readAlert(tx: Session, id: string): Promise<Listed> {
  const [row] = await tx.query<Listed>(`SELECT ${COLUMNS} FROM alert_episode WHERE id = $1`, [id]);
  if (row === undefined) throw new ShieldwatchError('not_found', 'there is no such alert');
  return row;
}

/** Returns an episode with every decision about its notices, and which routes take it. */
export async function explainAlert(plane: ControlPlane, orgId: string, id: string): Promise<AlertExplanation> {
  return plane.read(orgId, async (tx) => {
    const row = await readAlert(tx, id);
    const { routes } = await readRoutes(tx);
    const decisions = await tx.query<{
      at: Time;
      kind: AlertExplanation['decisions'][number]['notice'];
      outcome: AlertExplanation['decisions'][number]['outcome'];
      reason: string;
      route: string;
      destination: string | null;
      due_at: Time | null;
      delivery_id: string | null;
    }>(
      `SELECT d.*, (SELECT name FROM alert_destination WHERE alert_destination.id = d.destination_id) AS destination
       FROM alert_decision AS d WHERE d.episode_id = $1 ORDER BY d.at, d.kind, d.destination_id`,
      [id],
    );
    return {
      alert: alertOf(row),
      decisions: decisions.map((each) => ({
        at: new Date(each.at).toISOString(),
        notice: each.kind,
        outcome: each.outcome,
        reason: each.reason,
        route: each.route === '' ? null : each.route,
        destination: each.destination,
        dueAt: isoOrNull(each.due_at),
        deliveryId: each.delivery_id,
      })),
      routes: routes.map((route) => {
        const unmet = unmetCondition(route, row);
        const covered = unmet === undefined && isCovered(route, row);
        return {
          name: route.name,
          matches: unmet === undefined && !covered,
          because: covered
            ? 'it announces each finding by itself'
            : unmet === undefined
              ? 'meets every condition'
              : `does not meet ${unmet}`,
        };
      }),
    };
  });
}

/**
 * Acknowledges, mutes or assigns an episode. A mute is of its key: it lasts for later episodes too.
 *
 * @throws ShieldwatchError 404; 409 when it is over; 400 for an end of a mute in the past, or somebody who is no member
 */
export async function changeAlert(
  plane: ControlPlane,
  actor: Actor,
  id: string,
  change: z.output<typeof alertChange>,
): Promise<Alert> {
  return plane.change(actor, async (tx) => {
    await lockEpisodes(tx);
    const row = await readAlert(tx, id);
    const detail = { rule: row.rule, repository: row.repository, episode: row.number };
    if (change.acknowledged === true && row.acknowledged_at === null) {
      if (row.ended_at !== null)
        throw new ShieldwatchError('conflict', 'the alert is over: there is nothing to acknowledge');
      await tx.query(
        'UPDATE alert_episode SET acknowledged_at = now(), acknowledged_by = $2, is_unsettled = true WHERE id = $1',
        [id, actor.actor],
      );
      await recordAction(tx, actor.orgId, {
        id,
        repository: row.repository,
        state: 'acknowledged',
        actor: actor.actor,
      });
      await tx.record({ action: 'alert.acknowledge', subject: id, detail });
    }
    if (change.mute !== undefined) await mute(tx, actor, row.key, change.mute);
    if (change.mute !== undefined)
      await tx.record({
        action: change.mute === null ? 'alert.unmute' : 'alert.mute',
        subject: id,
        detail: {
          ...detail,
          ...(change.mute === null
            ? {}
            : { until: new Date(change.mute.until).toISOString(), reason: change.mute.reason }),
        },
      });
    if (change.assignee !== undefined) {
      const member = change.assignee === null ? undefined : await memberByLogin(tx, change.assignee);
      if (change.assignee !== null && member === undefined)
        throw new ShieldwatchError('body_invalid', 'assignee: expected the login of a member', {
          field: 'assignee',
          expected: 'the login of a member',
        });
      const assignee = member?.login ?? null;
      await tx.query('UPDATE alert_episode SET assignee = $2 WHERE id = $1', [id, assignee]);
      await tx.record({ action: 'alert.assign', subject: id, detail: { ...detail, assignee } });
    }
    const [clock] = await tx.query<{ at: Time }>('SELECT now() AS at');
    await settle(tx, actor.orgId, new Date(clock?.at ?? Date.now()).getTime());
    return alertOf(await readAlert(tx, id));
  });
}

async function mute(
  tx: Session,
  { orgId, actor }: Actor,
  key: string,
  change: { until: string; reason: string } | null,
): Promise<void> {
  if (change === null) {
    await tx.query('DELETE FROM alert_mute WHERE key = $1', [key]);
    return;
  }
  const until = new Date(change.until);
  const ahead = until.getTime() - Date.now();
  if (ahead <= 0 || ahead > MAX_MUTE_MS)
    throw new ShieldwatchError('body_invalid', 'mute.until: expected a time in the future, at most 366 days ahead', {
      field: 'mute.until',
    });
  await tx.query(
    `INSERT INTO alert_mute (org_id, key, until, reason, set_by) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (org_id, key) DO UPDATE SET until = excluded.until, reason = excluded.reason, set_by = excluded.set_by, set_at = now()`,
    [orgId, key, until.toISOString(), change.reason, actor],
  );
}

/**
 * Takes over the state of a ticket. A closed one does not resolve its alert: the next evaluation does, or the ticket's
 * destination is notified that it still fires.
 */
export async function onTicket(
  plane: ControlPlane,
  { orgId, key, state }: { orgId: string; key: string; state: 'open' | 'closed' },
): Promise<void> {
  await plane.read(orgId, async (tx) => {
    await lockEpisodes(tx);
    await tx.query(
      "UPDATE alert_episode SET ticket_closed_at = CASE WHEN $2 THEN now() END WHERE key = $1 AND state IN ('firing', 'no_data')",
      [key, state === 'closed'],
    );
    await tx.query('UPDATE alert_evaluation SET due_at = now()');
  });
}
