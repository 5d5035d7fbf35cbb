import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { repositoryId } from '#schemas/records/repository.js';
import type { Caller } from './auth/caller.js';
import { fromStore } from './errors/from-store.js';

interface Repository {
  id: string;
  fullName: string;
}

interface SeenRepository extends Repository {
  firstSeenAt: string | null;
  lastSeenAt: string | null;
}

/** The repositories of an organisation. Every method answers for the caller's organisation only. */
export interface Repositories {
  /** Makes the row of a repository that sends something for the first time. */
  ensure(caller: Caller, fullName: string): Promise<void>;
  /** By `repo_...` id or full name; undefined when the caller has none of that name. */
  find(caller: Caller, idOrName: string): Promise<Repository | undefined>;
  list(caller: Caller): Promise<SeenRepository[]>;
}

interface Activity {
  repo: string;
  first_seen_at: string;
  last_seen_at: string;
}

const MAX_LISTED = 10_000;

/**
 * Postgres holds the rows; ClickHouse knows repositories that were heard of by OTLP only, and those get their row
 * when somebody asks for them.
 */
export function createRepositories(postgres: Postgres, clickhouse: ClickHouseClient): Repositories {
  async function ensureAll(orgId: string, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    await fromStore(
      postgres.query(
        `INSERT INTO repo (id, org_id, full_name)
         SELECT id, $1, full_name FROM unnest($2::text[], $3::text[]) AS seen (id, full_name)
         ON CONFLICT DO NOTHING`,
        [orgId, names.map((name) => repositoryId(orgId, name)), [...names]],
      ),
    );
  }

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
    const found = await fromStore(
      postgres.query<{ id: string; full_name: string }>(
        `SELECT id, full_name FROM repo WHERE org_id = $1 AND ${condition} ORDER BY full_name LIMIT ${String(MAX_LISTED)}`,
        [orgId, ...params],
      ),
    );
    return found.map((row) => ({ id: row.id, fullName: row.full_name }));
  }

  return {
    ensure: (caller, fullName) => ensureAll(caller.orgId, [fullName]),

    async find(caller, idOrName) {
      // Postgres text cannot hold NUL, and no name of ours does.
      if (idOrName.includes('\0')) return undefined;
      const [known] = await rows(caller.orgId, '(id = $2 OR full_name = $2)', [idOrName]);
      const found = known ?? (await findActive(caller.orgId, idOrName));
      return found !== undefined && isVisible(caller, found.fullName) ? found : undefined;
    },

    async list(caller) {
      const [known, active] = await Promise.all([rows(caller.orgId, 'true', []), activity(caller.orgId)]);
      const names = new Set(known.map((repository) => repository.fullName));
      await ensureAll(caller.orgId, active.map((row) => row.repo).filter((name) => !names.has(name)));
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
  };

  async function findActive(orgId: string, idOrName: string): Promise<Repository | undefined> {
    const active = await activity(orgId);
    const name = active.find((row) => row.repo === idOrName || repositoryId(orgId, row.repo) === idOrName)?.repo;
    if (name === undefined) return undefined;
    await ensureAll(orgId, [name]);
    return { id: repositoryId(orgId, name), fullName: name };
  }
}

/** A token that is bound to a repository sees that one only. */
function isVisible(caller: Caller, fullName: string): boolean {
  return caller.repository === null || caller.repository === fullName;
}
