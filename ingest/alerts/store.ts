import type { AlertKind, AlertSeverity } from '#schemas/alerts/signals.js';
import { alertRoute, type AlertRoute } from '#schemas/http/alerts.js';
import type { Session } from '#schemas/postgres/session.js';
import { idOf } from '#schemas/records/ids.js';
import { scrubText } from '#schemas/scrub.js';
import type { Advanced, OpenEpisode, Pending } from './advance.js';
import type { Decision, Undecided } from './decide.js';
import type { Observation } from './observation.js';

export type Time = Date | string;
export type EpisodeState = 'firing' | 'no_data' | 'resolved' | 'expired' | 'superseded';

/** A row of `alert_episode`. */
export interface EpisodeRow extends Record<string, unknown> {
  id: string;
  org_id: string;
  key: string;
  number: number;
  rule: string;
  kind: AlertKind;
  severity: AlertSeverity;
  repository: string;
  owners: string[];
  labels: string;
  title: string;
  summary: string;
  value: number | null;
  threshold: number | null;
  window_seconds: number | null;
  occurrence: string;
  state: EpisodeState;
  since: Time;
  observed_at: Time;
  missing_since: Time | null;
  ended_at: Time | null;
  announced_at: Time | null;
  acknowledged_at: Time | null;
  acknowledged_by: string | null;
  assignee: string | null;
  ticket_closed_at: Time | null;
}

interface DecisionRow extends Record<string, unknown> {
  episode_id: string;
  destination_id: string;
  kind: Decision['kind'];
  outcome: Decision['outcome'];
  reason: string;
  route: string;
  due_at: Time | null;
}

/** Days for which ended episodes are kept here. */
const KEPT_DAYS = 90;
/** Maximum episodes about which one evaluation decides; the others follow in the next. */
const MAX_UNDECIDED = 2_000;

/** Converts a Postgres time to milliseconds since 1970. */
export const ms = (time: Time): number => new Date(time).getTime();
const iso = (at: number): string => new Date(at).toISOString();

/** Reads the routes of the organisation; version 0 if it has none. */
export async function readRoutes(
  tx: Session,
): Promise<{ version: number; routes: AlertRoute[]; updatedBy: string | null; updatedAt: Time | null }> {
  const [row] = await tx.query<{ version: number; routes: string; updated_by: string; updated_at: Time }>(
    'SELECT version, routes, updated_by, updated_at FROM alert_routes',
  );
  return row === undefined
    ? { version: 0, routes: [], updatedBy: null, updatedAt: null }
    : {
        version: row.version,
        routes: alertRoute.array().parse(JSON.parse(row.routes)),
        updatedBy: row.updated_by,
        updatedAt: row.updated_at,
      };
}

/** Reads the ids of destinations by name. */
export async function readDestinations(tx: Session): Promise<Map<string, string>> {
  const rows = await tx.query<{ id: string; name: string }>(
    'SELECT id, name FROM alert_destination WHERE removed_at IS NULL',
  );
  return new Map(rows.map(({ id, name }) => [name, id]));
}

export async function readPending(tx: Session): Promise<Pending[]> {
  const rows = await tx.query<{ key: string; rule: string; held_seconds: number; observed_at: Time }>(
    'SELECT key, rule, held_seconds, observed_at FROM alert_pending',
  );
  return rows.map((row) => ({
    key: row.key,
    rule: row.rule,
    heldSeconds: row.held_seconds,
    observedAt: ms(row.observed_at),
  }));
}

/** Open episodes with what the evaluation needs to read their values. */
export type TrackedEpisode = OpenEpisode & { repository: string; labels: Record<string, string> };

/** Reads the open episodes of the organisation, or of one rule. */
export async function readOpen(tx: Session, rule?: string): Promise<TrackedEpisode[]> {
  const rows = await tx.query<EpisodeRow>(
    `SELECT id, key, rule, repository, labels, state, since, observed_at, missing_since FROM alert_episode
     WHERE state IN ('firing', 'no_data') AND ($1::text IS NULL OR rule = $1)`,
    [rule ?? null],
  );
  return rows.map((row) => ({
    id: row.id,
    key: row.key,
    rule: row.rule,
    repository: row.repository,
    labels: JSON.parse(row.labels) as Record<string, string>,
    state: row.state as OpenEpisode['state'],
    since: ms(row.since),
    observedAt: ms(row.observed_at),
    missingSince: row.missing_since === null ? null : ms(row.missing_since),
  }));
}

/** Returns those of the events that had an episode. */
export async function knownEvents(tx: Session, occurrences: readonly string[]): Promise<Set<string>> {
  if (occurrences.length === 0) return new Set();
  const rows = await tx.query<{ occurrence: string }>(
    'SELECT occurrence FROM alert_episode WHERE occurrence = ANY ($1::text[])',
    [occurrences],
  );
  return new Set(rows.map(({ occurrence }) => occurrence));
}

/** Writes what an evaluation changed, with few statements for many instances. */
export async function writeAdvanced(tx: Session, orgId: string, advanced: Advanced, at: number): Promise<void> {
  const { opened, changed, ended, pending, settled } = advanced;
  if (ended.length > 0)
    await tx.query(
      `UPDATE alert_episode SET state = done.state, ended_at = $3, is_unsettled = true
       FROM unnest($1::text[], $2::text[]) AS done (id, state) WHERE alert_episode.id = done.id`,
      [ended.map(({ id }) => id), ended.map(({ state }) => state), iso(at)],
    );
  if (changed.length > 0)
    await tx.query(
      `UPDATE alert_episode SET state = new.state, observed_at = new.observed_at, missing_since = new.missing_since,
         value = CASE WHEN new.is_seen THEN new.value ELSE alert_episode.value END,
         summary = coalesce(new.summary, alert_episode.summary),
         is_unsettled = is_unsettled OR (ticket_closed_at IS NOT NULL AND new.is_seen)
       FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::boolean[], $6::float8[], $7::text[])
         AS new (id, state, observed_at, missing_since, is_seen, value, summary) WHERE alert_episode.id = new.id`,
      [
        changed.map(({ id }) => id),
        changed.map(({ state }) => state),
        changed.map(({ observedAt }) => iso(observedAt)),
        changed.map(({ missingSince }) => (missingSince === null ? null : iso(missingSince))),
        changed.map(({ seen }) => seen !== undefined),
        changed.map(({ seen }) => seen?.value ?? null),
        changed.map(({ seen }) => (seen === undefined ? null : scrubText(seen.summary, 2_000))),
      ],
    );
  if (settled.length > 0) await tx.query('DELETE FROM alert_pending WHERE key = ANY ($1::text[])', [settled]);
  if (pending.length > 0)
    await tx.query(
      `INSERT INTO alert_pending (org_id, key, rule, held_seconds, observed_at)
       SELECT $1, key, rule, held, $5 FROM unnest($2::text[], $3::text[], $4::int[]) AS new (key, rule, held)
       ON CONFLICT (org_id, key) DO UPDATE SET held_seconds = excluded.held_seconds, observed_at = excluded.observed_at`,
      [
        orgId,
        pending.map(({ key }) => key),
        pending.map(({ rule }) => rule),
        pending.map(({ heldSeconds }) => heldSeconds),
        iso(at),
      ],
    );
  if (opened.length > 0) await insertEpisodes(tx, orgId, opened, at);
}

async function insertEpisodes(tx: Session, orgId: string, opened: readonly Observation[], at: number): Promise<void> {
  const episodes = opened.map((each) => ({
    id: idOf('alert', orgId, each.key, String(at), each.occurrence),
    key: each.key,
    rule: each.rule,
    kind: each.kind,
    severity: each.severity,
    repository: each.repository,
    owners: each.owners,
    labels: JSON.stringify(each.labels),
    title: scrubText(each.title, 300),
    summary: scrubText(each.summary, 2_000),
    value: each.value,
    threshold: each.threshold,
    window_seconds: each.windowSeconds,
    occurrence: each.occurrence,
  }));
  await tx.query(
    `INSERT INTO alert_episode (id, org_id, key, number, rule, kind, severity, repository, owners, labels, title, summary,
       value, threshold, window_seconds, occurrence, since, observed_at)
     SELECT new.id, $1, new.key, coalesce((SELECT max(number) FROM alert_episode AS old WHERE old.key = new.key), 0) + 1,
       new.rule, new.kind, new.severity, new.repository, new.owners, new.labels, new.title, new.summary,
       new.value, new.threshold, new.window_seconds, new.occurrence, $3, $3
     FROM jsonb_to_recordset($2::jsonb) AS new (id text, key text, rule text, kind text, severity text, repository text,
       owners text[], labels text, title text, summary text, value float8, threshold float8, window_seconds int, occurrence text)
     ON CONFLICT DO NOTHING`,
    [orgId, JSON.stringify(episodes), iso(at)],
  );
}

/**
 * Reads the episodes about which something is to be decided, with the decisions so far. Open ones come first: recoveries
 * that wait for their turn do not keep a new alert from being announced.
 */
export async function readUndecided(tx: Session): Promise<{ rows: Map<string, EpisodeRow>; undecided: Undecided[] }> {
  const rows = await tx.query<EpisodeRow>(
    `SELECT * FROM alert_episode WHERE is_unsettled ORDER BY ended_at IS NOT NULL, severity, since, id LIMIT ${String(MAX_UNDECIDED)}`,
  );
  const decisions = new Map<string, Decision[]>();
  const found =
    rows.length === 0
      ? []
      : await tx.query<DecisionRow>('SELECT * FROM alert_decision WHERE episode_id = ANY ($1::text[])', [
          rows.map(({ id }) => id),
        ]);
  for (const row of found)
    decisions.set(row.episode_id, [
      ...(decisions.get(row.episode_id) ?? []),
      {
        episodeId: row.episode_id,
        destinationId: row.destination_id,
        kind: row.kind,
        outcome: row.outcome,
        reason: row.reason,
        route: row.route,
        dueAt: row.due_at === null ? null : ms(row.due_at),
      },
    ]);
  return {
    rows: new Map(rows.map((row) => [row.id, row])),
    undecided: rows.map((row) => ({
      id: row.id,
      key: row.key,
      kind: row.kind,
      rule: row.rule,
      severity: row.severity,
      repository: row.repository,
      owners: row.owners,
      isOpen: row.state === 'firing' || row.state === 'no_data',
      isResolved: row.state === 'resolved',
      since: ms(row.since),
      announcedAt: row.announced_at === null ? null : ms(row.announced_at),
      acknowledgedAt: row.acknowledged_at === null ? null : ms(row.acknowledged_at),
      isTicketWrong:
        row.state === 'firing' && row.ticket_closed_at !== null && ms(row.observed_at) > ms(row.ticket_closed_at),
      decisions: decisions.get(row.id) ?? [],
    })),
  };
}

/** Reads ends of mutes by key. */
export async function readMutes(tx: Session, keys: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.query<{ key: string; until: Time }>(
    'SELECT key, until FROM alert_mute WHERE key = ANY ($1::text[])',
    [keys],
  );
  return new Map(rows.map(({ key, until }) => [key, ms(until)]));
}

/** Reads of these keys when episodes were announced within a day before `at`, and how many were not. */
export async function readAnnounced(
  tx: Session,
  keys: readonly string[],
  at: number,
): Promise<{ announced: Map<string, number[]>; suppressed: Map<string, number> }> {
  const rows = await tx.query<{ key: string; announced_at: Time | null }>(
    `SELECT key, announced_at FROM alert_episode
     WHERE key = ANY ($1::text[]) AND (announced_at > $2 OR announced_at IS NULL AND ended_at > $2)`,
    [keys, iso(at - 86_400_000)],
  );
  const announced = new Map<string, number[]>();
  const suppressed = new Map<string, number>();
  for (const { key, announced_at: time } of rows)
    if (time === null) suppressed.set(key, (suppressed.get(key) ?? 0) + 1);
    else announced.set(key, [...(announced.get(key) ?? []), ms(time)]);
  return { announced, suppressed };
}

/** Writes decisions; `deliveries` are the ids of queued notices, in the same order. */
export async function writeDecisions(
  tx: Session,
  orgId: string,
  decisions: readonly (Decision & { deliveryId: string | null })[],
  at: number,
): Promise<void> {
  if (decisions.length === 0) return;
  await tx.query(
    `INSERT INTO alert_decision (org_id, episode_id, destination_id, kind, outcome, reason, route, at, due_at, delivery_id)
     SELECT $1, episode_id, destination_id, kind, outcome, reason, route, $9, due_at, delivery_id
     FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $10::text[])
       AS new (episode_id, destination_id, kind, outcome, reason, route, due_at, delivery_id)
     ON CONFLICT (episode_id, destination_id, kind) DO UPDATE SET outcome = excluded.outcome, reason = excluded.reason,
       route = excluded.route, at = excluded.at, due_at = excluded.due_at, delivery_id = excluded.delivery_id`,
    [
      orgId,
      decisions.map(({ episodeId }) => episodeId),
      decisions.map(({ destinationId }) => destinationId),
      decisions.map(({ kind }) => kind),
      decisions.map(({ outcome }) => outcome),
      decisions.map(({ reason }) => reason),
      decisions.map(({ route }) => route),
      decisions.map(({ dueAt }) => (dueAt === null ? null : iso(dueAt))),
      iso(at),
      decisions.map(({ deliveryId }) => deliveryId),
    ],
  );
}

export async function markAnnounced(tx: Session, ids: readonly string[], at: number): Promise<void> {
  if (ids.length > 0)
    await tx.query('UPDATE alert_episode SET announced_at = $2 WHERE id = ANY ($1::text[]) AND announced_at IS NULL', [
      ids,
      iso(at),
    ]);
}

export async function markSettled(tx: Session, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await tx.query('UPDATE alert_episode SET is_unsettled = false WHERE id = ANY ($1::text[])', [ids]);
}

/** A digest that is due, with its episodes. */
export interface DueDigest {
  destinationId: string;
  route: string;
  reason: string;
  dueAt: number;
  episodes: EpisodeRow[];
}

/** Reads the digests that are due, one of each route and destination. */
export async function readDueDigests(tx: Session, at: number): Promise<DueDigest[]> {
  const rows = await tx.query<EpisodeRow & { destination_id: string; route: string; reason: string; due_at: Time }>(
    `SELECT e.*, d.destination_id, d.route, d.reason, d.due_at FROM alert_decision AS d
     JOIN alert_episode AS e ON e.id = d.episode_id
     WHERE d.outcome = 'waiting' AND d.due_at <= $1 ORDER BY d.due_at, e.since, e.id`,
    [iso(at)],
  );
  const digests = new Map<string, DueDigest>();
  for (const row of rows) {
    const place = JSON.stringify([row.destination_id, row.route, row.reason]);
    const digest = digests.get(place) ?? {
      destinationId: row.destination_id,
      route: row.route,
      reason: row.reason,
      dueAt: ms(row.due_at),
      episodes: [],
    };
    digests.set(place, digest);
    digest.episodes.push(row);
  }
  return [...digests.values()];
}

export async function removeOld(tx: Session, at: number): Promise<void> {
  const before = iso(at - KEPT_DAYS * 86_400_000);
  await tx.query('DELETE FROM alert_episode WHERE ended_at < $1', [before]);
  await tx.query('DELETE FROM alert_mute WHERE until < $1', [before]);
}
