import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Repo } from '#schemas/http/control.js';
import {
  canonicalRepository,
  IS_REPOSITORY_OF_ID,
  repositoryId,
  repositoryIdHash,
} from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import type { Caller } from './auth/caller.js';
import type { ChangeSession, ControlPlane } from './control/control-plane.js';
import { survivingName } from './control/merges.js';
import { PLAN_LIMITS, type Plan } from './plans.js';
import { withStoreErrors } from './errors/with-store-errors.js';

export interface Repository {
  id: string;
  fullName: string;
}

interface SeenRepository extends Repository, Pick<Repo, 'githubRepoId' | 'defaultProvider'> {
  firstSeenAt: string | null;
  lastSeenAt: string | null;
}

/** The repositories of an organisation. Every method is limited to the caller's organisation. */
export interface Repositories {
  /**
   * Creates the row of a repository at its first report.
   * @throws ShieldwatchError 403 when the plan's limit is reached.
   */
  ensure(caller: Caller, fullName: string): Promise<Repository>;
  /**
   * Finds a repository by `repo_...` id or by name in any spelling, also one that is known from telemetry only. Writes
   * nothing.
   * @throws ShieldwatchError 404.
   */
  get(caller: Caller, idOrName: string): Promise<Repository>;
  /**
   * Like {@link get}, and creates the repository's row, because a decision about it is stored. Ignores the plan's
   * limit.
   */
  getOrCreate(caller: Caller, idOrName: string): Promise<Repository>;
  /** Lists a page of repositories in byte order of their names. Writes nothing. */
  list(caller: Caller, after: string, limit: number): Promise<SeenRepository[]>;
  /** Counts the repositories known from telemetry beyond the number of rows that the plan allows. */
  countBeyondPlan(caller: Caller): Promise<number>;
  /** Removes a deleted repository from the cache. */
  forget(orgId: string, id: string): void;
}

interface Activity {
  repo: string;
  first_seen_at: string;
  last_seen_at: string;
}

/** Maximum number of names that are searched for an id without a row. */
const MAX_SEARCHED = 10_000;
/** Milliseconds for which a repository is cached; another gateway may remove it meanwhile. */
const CACHE_TTL_MS = 10_000;
const MAX_CACHED = 10_000;

/**
 * Combines the rows in Postgres with repositories that only ClickHouse knows, from OTLP. Background work creates rows
 * for the latter (`control/discovery.ts`).
 */
export function createRepositories(plane: ControlPlane, clickhouse: ClickHouseClient): Repositories {
  const known = new Map<string, number>();
  const keyOf = (orgId: string, id: string): string => `${orgId}\0${id}`;

  const ask = <T>(sql: string, params: Record<string, unknown>): Promise<T[]> =>
    withStoreErrors(selectRows<T>(clickhouse, sql, params));

  async function find(caller: Caller, idOrName: string): Promise<(Repository & { hasRow: boolean }) | undefined> {
    // Postgres text cannot hold NUL, so no stored name contains it.
    if (idOrName.includes('\0')) return undefined;
    const { orgId } = caller;
    const named = canonicalRepository(idOrName);
    const { row, survivor } = await plane.read(orgId, async (tx) => {
      const merged = await survivingName(tx, idOrName);
      const current = merged === idOrName ? await survivingName(tx, named) : merged;
      const [found] = await tx.query<{ id: string; full_name: string }>(
        'SELECT id, full_name FROM repo WHERE id = $1 OR full_name IN ($1, $2) ORDER BY full_name != $1, full_name LIMIT 1',
        current === named ? [idOrName, named] : [current, current],
      );
      return { row: found, survivor: current };
    });
    const name = row?.full_name ?? (await findActive(orgId, survivor === named ? idOrName : survivor));
    return name !== undefined && isVisible(caller, name)
      ? { id: repositoryId(orgId, name), fullName: name, hasRow: row !== undefined }
      : undefined;
  }

  async function findActive(orgId: string, idOrName: string): Promise<string | undefined> {
    const [named] = await ask<{ repo: string }>(
      'SELECT repo FROM repository_activity_v1 WHERE org_id = {orgId:String} AND repo IN ({name:String}, {canonical:String}) ORDER BY repo != {name:String} LIMIT 1',
      { orgId, name: idOrName, canonical: canonicalRepository(idOrName) },
    );
    const idHash = repositoryIdHash(idOrName);
    if (named !== undefined || idHash === undefined) return named?.repo;
    const [byId] = await ask<{ repo: string }>(
      `SELECT repo FROM (SELECT DISTINCT repo FROM repository_activity_v1 WHERE org_id = {orgId:String} LIMIT {limit:UInt32})
       WHERE ${IS_REPOSITORY_OF_ID('repo')} LIMIT 1`,
      { orgId, idHash, limit: MAX_SEARCHED },
    );
    return byId?.repo;
  }

  async function get(caller: Caller, idOrName: string): Promise<Repository & { hasRow: boolean }> {
    const found = await find(caller, idOrName);
    if (found === undefined) throw new ShieldwatchError('not_found', 'there is no such repository');
    return found;
  }

  return {
    get,

    async getOrCreate(caller, idOrName) {
      const { id, fullName, hasRow } = await get(caller, idOrName);
      if (!hasRow) await plane.change(caller, (tx) => addRepository(tx, caller.orgId, fullName));
      return { id, fullName };
    },

    async ensure(caller, named) {
      const knownUntil = known.get(keyOf(caller.orgId, repositoryId(caller.orgId, named))) ?? 0;
      const fullName =
        knownUntil > Date.now() ? named : await plane.read(caller.orgId, (tx) => survivingName(tx, named));
      const repository = { id: repositoryId(caller.orgId, fullName), fullName };
      const key = keyOf(caller.orgId, repository.id);
      if ((known.get(key) ?? 0) > Date.now()) return repository;
      const rows = await plane.read(caller.orgId, (tx) =>
        tx.query('SELECT id FROM repo WHERE id = $1', [repository.id]),
      );
      if (rows.length === 0) {
        await plane.change(caller, async (tx) => {
          await checkLimit(tx, caller.orgId);
          await addRepository(tx, caller.orgId, fullName);
        });
      }
      if (known.size >= MAX_CACHED) known.clear();
      known.set(key, Date.now() + CACHE_TTL_MS);
      return repository;
    },

    async list(caller, after, limit) {
      const { orgId, repository } = caller;
      const [rows, active] = await Promise.all([
        plane.read(orgId, (tx) =>
          tx.query<{ full_name: string; github_repo_id: string | null; default_provider: Repo['defaultProvider'] }>(
            'SELECT full_name, github_repo_id, default_provider FROM repo WHERE full_name COLLATE "C" > $1 AND ($2::text IS NULL OR full_name = $2) ORDER BY full_name COLLATE "C" LIMIT $3',
            [after, repository, limit],
          ),
        ),
        ask<Activity>(
          `SELECT repo, min(first_seen) AS first_seen_at, max(last_seen) AS last_seen_at FROM repository_activity_v1
           WHERE org_id = {orgId:String} AND repo > {after:String} AND repo != '' AND ({repository:String} = '' OR repo = {repository:String})
           GROUP BY repo ORDER BY repo LIMIT {limit:UInt32}`,
          { orgId, after, repository: repository ?? '', limit },
        ),
      ]);
      const seen = new Map(active.map((row) => [row.repo, row]));
      const linked = new Map(rows.map((row) => [row.full_name, row]));
      // Each list holds the first names of its store, so the merged list holds the first names of both.
      const names = [...new Set([...rows.map((row) => row.full_name), ...seen.keys()])].map((name) => ({
        name,
        bytes: Buffer.from(name),
      }));
      return names
        .sort((a, b) => a.bytes.compare(b.bytes))
        .slice(0, limit)
        .map(({ name }) => ({
          id: repositoryId(orgId, name),
          fullName: name,
          firstSeenAt: seen.get(name)?.first_seen_at ?? null,
          lastSeenAt: seen.get(name)?.last_seen_at ?? null,
          githubRepoId: linked.get(name)?.github_repo_id ?? null,
          defaultProvider: linked.get(name)?.default_provider ?? null,
        }));
    },

    async countBeyondPlan({ orgId, repository }) {
      if (repository !== null) return 0;
      const [[heard], [org]] = await Promise.all([
        ask<{ repos: number }>(
          "SELECT uniqExact(repo) AS repos FROM repository_activity_v1 WHERE org_id = {orgId:String} AND repo != ''",
          { orgId },
        ),
        plane.read(orgId, (tx) => tx.query<{ plan: Plan }>('SELECT plan FROM org')),
      ]);
      return Math.max(0, (heard?.repos ?? 0) - PLAN_LIMITS[org?.plan ?? 'team'].discoveredRepos);
    },

    forget(orgId, id) {
      known.delete(keyOf(orgId, id));
    },
  };
}

async function addRepository(tx: ChangeSession, orgId: string, fullName: string): Promise<void> {
  const id = repositoryId(orgId, fullName);
  const added = await tx.query(
    'INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id',
    [id, orgId, fullName],
  );
  if (added.length === 0) return;
  await tx.record({
    action: 'repo.add',
    subject: id,
    detail: { repository: fullName },
    fact: { kind: 'repo', state: 'added', repository: fullName },
  });
}

/**
 * Rejects one more repository when the plan's limit is reached.
 * @throws ShieldwatchError 403.
 */
async function checkLimit(tx: Session, orgId: string): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtext('repos'), hashtext($1))", [orgId]);
  const [row] = await tx.query<{ plan: Plan; repos: number }>(
    'SELECT plan, (SELECT count(*)::int FROM repo) AS repos FROM org',
    [],
  );
  const limit = row === undefined ? null : PLAN_LIMITS[row.plan].repos;
  if (row === undefined || limit === null || row.repos < limit) return;
  throw new ShieldwatchError(
    'plan_limit',
    `the plan "${row.plan}" allows ${String(limit)} repositories and all are in use; remove one or change the plan`,
  );
}

/** Returns whether the caller may see the repository: a bound token sees only its own. */
function isVisible(caller: Caller, fullName: string): boolean {
  return caller.repository === null || caller.repository === fullName;
}
