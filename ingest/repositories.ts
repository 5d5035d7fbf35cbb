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
import { fromStore } from './errors/from-store.js';

export interface Repository {
  id: string;
  fullName: string;
}

interface SeenRepository extends Repository, Pick<Repo, 'githubRepoId' | 'defaultProvider'> {
  firstSeenAt: string | null;
  lastSeenAt: string | null;
}

/** The repositories of an organisation. Every method answers for the caller's organisation only. */
export interface Repositories {
  /** Makes the row of a repository that sends something for the first time. @throws ShieldwatchError 403 past the plan's limit. */
  ensure(caller: Caller, fullName: string): Promise<Repository>;
  /** By `repo_...` id or name, as it was recorded or in any spelling of it, with a row or heard of by telemetry alone; writes nothing. @throws ShieldwatchError 404. */
  need(caller: Caller, idOrName: string): Promise<Repository>;
  /** {@link need}, and makes its row: something is decided about it. What landed is there, whatever the plan says. */
  needRow(caller: Caller, idOrName: string): Promise<Repository>;
  /** A page of them by name, in the order of bytes; writes nothing. */
  list(caller: Caller, after: string, limit: number): Promise<SeenRepository[]>;
  /** How many names telemetry has brought beyond those that the plan keeps rows of. */
  countBeyondPlan(caller: Caller): Promise<number>;
  /** Forgets that a repository is known; call it when one was removed. */
  forget(orgId: string, id: string): void;
}

interface Activity {
  repo: string;
  first_seen_at: string;
  last_seen_at: string;
}

/** Names among which one is looked for by an id that no row has. */
const MAX_SEARCHED = 10_000;
/** Milliseconds for which a repository is known without a question; another gateway may have removed it meanwhile. */
const KNOWN_MS = 10_000;
const MAX_KNOWN = 10_000;

/**
 * Postgres holds the rows; ClickHouse knows repositories that were heard of by OTLP only, and background work gives those
 * their row (`control/discovery.ts`).
 */
export function createRepositories(plane: ControlPlane, clickhouse: ClickHouseClient): Repositories {
  const known = new Map<string, number>();
  const keyOf = (orgId: string, id: string): string => `${orgId}\0${id}`;

  const ask = <T>(sql: string, params: Record<string, unknown>): Promise<T[]> =>
    fromStore(selectRows<T>(clickhouse, sql, params));

  async function find(caller: Caller, idOrName: string): Promise<(Repository & { hasRow: boolean }) | undefined> {
    // Postgres text cannot hold NUL, and no name of ours does.
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

  async function need(caller: Caller, idOrName: string): Promise<Repository & { hasRow: boolean }> {
    const found = await find(caller, idOrName);
    if (found === undefined) throw new ShieldwatchError('not_found', 'there is no such repository');
    return found;
  }

  return {
    need,

    async needRow(caller, idOrName) {
      const { id, fullName, hasRow } = await need(caller, idOrName);
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
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(key, Date.now() + KNOWN_MS);
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
      // Each page holds the first names of its store, so together they hold the first of both.
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

/** @throws ShieldwatchError 403 when the organisation's plan has no room for one repository more. */
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
    `the plan "${row.plan}" has room for ${String(limit)} repositories and all are in use; remove one or change the plan`,
  );
}

/** A token that is bound to a repository sees that one only. */
function isVisible(caller: Caller, fullName: string): boolean {
  return caller.repository === null || caller.repository === fullName;
}
