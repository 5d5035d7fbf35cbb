import type { Session } from '#schemas/postgres/session.js';

/** Kind of the facts of episodes in `control_event`. */
const KIND = 'alert_episode';

/**
 * Adds to the outbox what changed in episodes at the time `at`: that they opened, were announced, or ended. The board of
 * alerts reads these facts.
 */
export async function recordEpisodes(tx: Session, orgId: string, at: number): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (org_id, event_id, occurred_at, repository, kind, subject, state, actor, detail)
     SELECT org_id, id || ':' || changed.state, $2, repository, $3, id, changed.state, 'shieldwatch',
       jsonb_build_object('rule', rule, 'kind', kind, 'severity', severity, 'episode', number, 'title', title)::text
     FROM alert_episode, LATERAL (
       SELECT 'firing' AS state WHERE since = $2
       UNION ALL SELECT 'announced' WHERE announced_at = $2
       UNION ALL SELECT alert_episode.state WHERE ended_at = $2
     ) AS changed
     WHERE org_id = $1 AND (since = $2 OR announced_at = $2 OR ended_at = $2)
     ON CONFLICT DO NOTHING`,
    [orgId, new Date(at).toISOString(), KIND],
  );
}

/** Adds to the outbox what a person did about an episode. */
export async function recordAction(
  tx: Session,
  orgId: string,
  { id, repository, state, actor }: { id: string; repository: string; state: 'acknowledged'; actor: string },
): Promise<void> {
  await tx.query(
    `INSERT INTO outbox (org_id, event_id, repository, kind, subject, state, actor) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT DO NOTHING`,
    [orgId, `${id}:${state}`, repository, KIND, id, state, actor],
  );
}
