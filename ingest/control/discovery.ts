import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { repositoryId } from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import type { ControlPlane } from './control-plane.js';
import { forMarkedOrganisations } from './marked-organisations.js';
import { PLAN_LIMITS, type Plan } from '../plans.js';

/** Names handled in one transaction, which inserts the new ones with one statement. */
const BATCH = 500;
/** Maximum cached names that have a row, so that a round queries new ones only. */
const MAX_CACHED = 50_000;
/** Milliseconds after which cached names are queried again, because a row may have been removed. */
const CACHE_TTL_MS = 300_000;
/** Names that the audit entry of a batch lists. */
const MAX_LISTED = 10;

/**
 * Creates a job that adds rows for repositories named in telemetry since the last round, up to the plan's number of
 * discovered repositories. Those beyond have no row, but `GET /v1/repos` lists them.
 */
export function createDiscovery(clickhouse: ClickHouseClient, plane: ControlPlane): () => Promise<void> {
  const known = new Set<string>();
  let knownSince = Date.now();

  const round = forMarkedOrganisations(clickhouse, "repo != ''", discoverOf);
  return async () => {
    const now = Date.now();
    if (known.size > MAX_CACHED || now - knownSince > CACHE_TTL_MS) {
      known.clear();
      knownSince = now;
    }
    await round();
  };

  async function discoverOf(orgId: string, from: number): Promise<void> {
    for (let after = ''; ;) {
      const rows = await selectRows<{ repo: string }>(
        clickhouse,
        `SELECT DISTINCT repo FROM dirty_hour_v1
         WHERE marked_at > fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND org_id = {orgId:String} AND repo > {after:String} ORDER BY repo LIMIT {limit:UInt32}`,
        { from, orgId, after, limit: BATCH },
      );
      const unknown = rows.map(({ repo }) => repo).filter((name) => !known.has(`${orgId}\0${name}`));
      if (unknown.length > 0 && !(await addMissing(orgId, unknown))) return;
      for (const name of unknown) known.add(`${orgId}\0${name}`);
      const last = rows.at(-1);
      if (last === undefined || rows.length < BATCH) return;
      after = last.repo;
    }
  }

  /**
   * Adds the missing rows.
   * @returns false when the plan allows no more rows.
   */
  async function addMissing(orgId: string, names: readonly string[]): Promise<boolean> {
    const ids = names.map((name) => repositoryId(orgId, name));
    const state = await plane.read(orgId, (tx) => stateOf(tx, ids));
    if (state === undefined || state.missing === 0) return true;
    if (state.remaining === 0) return false;
    return plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
      await tx.query("SELECT pg_advisory_xact_lock(hashtext('repos'), hashtext($1))", [orgId]);
      const locked = await stateOf(tx, ids);
      if (locked === undefined) return true;
      const added = await tx.query<{ full_name: string }>(
        `INSERT INTO repo (id, org_id, full_name)
         SELECT new.id, $1, new.name FROM unnest($2::text[], $3::text[]) AS new (id, name)
         WHERE NOT EXISTS (SELECT FROM repo WHERE repo.id = new.id)
           AND NOT EXISTS (SELECT FROM repo_merge WHERE from_name = new.name)
           AND NOT EXISTS (SELECT FROM purge WHERE purge.repository = new.name AND purge.finished_at IS NULL)
         ORDER BY new.name LIMIT $4 ON CONFLICT DO NOTHING RETURNING full_name`,
        [orgId, ids, names, locked.remaining],
      );
      if (added.length > 0) {
        const listed = added
          .slice(0, MAX_LISTED)
          .map(({ full_name: name }) => name)
          .join(', ');
        await tx.record({
          action: 'repo.discover',
          subject: orgId,
          detail: { repositories: added.length, names: added.length > MAX_LISTED ? `${listed} and more` : listed },
        });
      }
      return locked.missing <= locked.remaining;
    });
  }
}

/**
 * Returns how many of these repositories have no row and how many rows the plan still allows; undefined when the
 * organisation is deleted.
 */
async function stateOf(
  tx: Session,
  ids: readonly string[],
): Promise<{ missing: number; remaining: number } | undefined> {
  const [row] = await tx.query<{ plan: Plan; repos: number; found: number }>(
    `SELECT plan, (SELECT count(*)::int FROM repo) AS repos, (SELECT count(*)::int FROM repo WHERE id = ANY ($1::text[])) AS found
     FROM org WHERE deleted_at IS NULL`,
    [ids],
  );
  return row === undefined
    ? undefined
    : { missing: ids.length - row.found, remaining: Math.max(0, PLAN_LIMITS[row.plan].discoveredRepos - row.repos) };
}
