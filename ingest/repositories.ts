import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { repositoryId } from '#schemas/records/repository.js';
import type { Session } from '#schemas/postgres/session.js';
import type { Caller } from './auth/caller.js';
import type { Actor, ChangeSession, ControlPlane } from './control/control-plane.js';
import { PLAN_LIMITS, type Plan } from './control/plans.js';
import { fromStore } from './errors/from-store.js';

export interface Repository {
  id: string;
  fullName: string;
}

interface SeenRepository extends Repository {
  firstSeenAt: string | null;
  lastSeenAt: string | null;
}

/** The repositories of an organisation. Every method answers for the caller's organisation only. */
export interface Repositories {
  /** Makes the row of a repository that sends something for the first time. @throws ShieldwatchError 403 past the plan's limit. */
  ensure(caller: Caller, fullName: string): Promise<Repository>;
  /** By `repo_...` id or full name; undefined when the caller has none of that name. */
  find(caller: Caller, idOrName: string): Promise<Repository | undefined>;
  /** {@link find}, or 404. */
  need(caller: Caller, idOrName: string): Promise<Repository>;
  list(caller: Caller): Promise<SeenRepository[]>;
  /** Forgets that a repository is known; call it when one was removed. */
  forget(orgId: string, id: string): void;
}

interface Activity {
  repo: string;
  first_seen_at: string;
  last_seen_at: string;
}

const MAX_LISTED = 10_000;
/** Milliseconds for which a repository is known without a question; another gateway may have removed it meanwhile. */
const KNOWN_MS = 10_000;
const MAX_KNOWN = 10_000;

/**
 * Postgres holds the rows; ClickHouse knows repositories that were heard of by OTLP only, and those get their row
 * when somebody asks for them.
 */
export function createRepositories(plane: ControlPlane, clickhouse: ClickHouseClient): Repositories {
  const known = new Map<string, number>();
  const keyOf = (orgId: string, id: string): string => `${orgId}\0${id}`;

  function activity(orgId: string): Promise<Activity[]> {
    return fromStore(
      selectRows<Activity>(
        clickhouse,
        `SELECT repo, first_seen_at, last_seen_at FROM repository_activity
         WHERE org_id = {orgId:String} ORDER BY repo LIMIT {limit:UInt32}`,
        { orgId, limit: MAX_LISTED },
      ),
    );
  }

  async function rows(orgId: string, condition: string, params: readonly unknown[]): Promise<Repository[]> {
    const found = await plane.read(orgId, (tx) =>
      tx.query<{ id: string; full_name: string }>(
        `SELECT id, full_name FROM repo WHERE ${condition} ORDER BY full_name LIMIT ${String(MAX_LISTED)}`,
        params,
      ),
    );
    return found.map((row) => ({ id: row.id, fullName: row.full_name }));
  }

  async function find(caller: Caller, idOrName: string): Promise<Repository | undefined> {
    // Postgres text cannot hold NUL, and no name of ours does.
    if (idOrName.includes('\0')) return undefined;
    const [row] = await rows(caller.orgId, '(id = $1 OR full_name = $1)', [idOrName]);
    const found = row ?? (await findActive(caller, idOrName));
    return found !== undefined && isVisible(caller, found.fullName) ? found : undefined;
  }

  /** What landed is there, whatever the plan says: hiding it would help nobody. */
  async function findActive(actor: Actor, idOrName: string): Promise<Repository | undefined> {
    const active = await activity(actor.orgId);
    const name = active.find((row) => row.repo === idOrName || repositoryId(actor.orgId, row.repo) === idOrName)?.repo;
    if (name === undefined) return undefined;
    await plane.change(actor, (tx) => addRepository(tx, actor.orgId, name));
    return { id: repositoryId(actor.orgId, name), fullName: name };
  }

  return {
    find,

    async ensure(caller, fullName) {
      const repository = { id: repositoryId(caller.orgId, fullName), fullName };
      const key = keyOf(caller.orgId, repository.id);
      if ((known.get(key) ?? 0) > Date.now()) return repository;
      const [row] = await rows(caller.orgId, 'id = $1', [repository.id]);
      if (row === undefined) {
        await plane.change(caller, async (tx) => {
          await checkLimit(tx, caller.orgId);
          await addRepository(tx, caller.orgId, fullName);
        });
      }
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(key, Date.now() + KNOWN_MS);
      return repository;
    },

    async need(caller, idOrName) {
      const found = await find(caller, idOrName);
      if (found === undefined) throw new ShieldwatchError('not_found', 'there is no such repository');
      return found;
    },

    async list(caller) {
      const [listed, active] = await Promise.all([rows(caller.orgId, 'true', []), activity(caller.orgId)]);
      const names = new Set(listed.map((repository) => repository.fullName));
      const missing = active.map((row) => row.repo).filter((name) => !names.has(name));
      if (missing.length > 0) {
        await plane.change(caller, async (tx) => {
          for (const name of missing) await addRepository(tx, caller.orgId, name);
        });
      }
      const seen = new Map(active.map((row) => [row.repo, row]));
      return [...new Set([...names, ...seen.keys()])]
        .filter((name) => isVisible(caller, name))
        .sort()
        .map((fullName) => ({
          id: repositoryId(caller.orgId, fullName),
          fullName,
          firstSeenAt: seen.get(fullName)?.first_seen_at ?? null,
          lastSeenAt: seen.get(fullName)?.last_seen_at ?? null,
        }));
    },

    forget(orgId, id) {
      known.delete(keyOf(orgId, id));
    },
  };
}

async function addRepository(tx: ChangeSession, orgId: string, fullName: string): Promise<void> {
  const id = repositoryId(orgId, fullName);
  const added = await tx.query('INSERT INTO repo (id, org_id, full_name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING id', [id, orgId, fullName]);
  if (added.length === 0) return;
  await tx.record({ action: 'repo.add', subject: id, detail: { repository: fullName }, fact: { kind: 'repo', state: 'added', repository: fullName } });
}

/** @throws ShieldwatchError 403 when the organisation's plan has no room for one repository more. */
async function checkLimit(tx: Session, orgId: string): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtext('repos'), hashtext($1))", [orgId]);
  const [row] = await tx.query<{ plan: Plan; repos: number }>('SELECT plan, (SELECT count(*)::int FROM repo) AS repos FROM org', []);
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
