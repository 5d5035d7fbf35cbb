import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type { DEFAULT_PROVIDERS, RepoChange } from '#schemas/http/control.js';
import type { Session } from '#schemas/postgres/session.js';
import { ATTR_CI_GITHUB_REPOSITORY_ID, ATTR_SCAN_PROVIDER, SPAN_SCAN } from '#schemas/semconv.js';
import type { ChangeSession, ControlPlane } from './control-plane.js';

/** Stored attributes of a repository, apart from its name. */
export interface RepoLink {
  githubRepoId: string | null;
  defaultProvider: (typeof DEFAULT_PROVIDERS)[number];
}

interface LinkRow extends Record<string, unknown> {
  id: string;
  github_repo_id: string | null;
  default_provider: RepoLink['defaultProvider'];
}

const GITHUB_REPOSITORY_ID = '^[1-9][0-9]{0,18}$';

/** Reads the links of repositories by id; repositories without a row are left out. */
export async function readLinks(tx: Session, ids: readonly string[]): Promise<Map<string, RepoLink>> {
  const rows = await tx.query<LinkRow>(
    'SELECT id, github_repo_id, default_provider FROM repo WHERE id = ANY ($1::text[])',
    [ids],
  );
  return new Map(
    rows.map((row) => [row.id, { githubRepoId: row.github_repo_id, defaultProvider: row.default_provider }]),
  );
}

/**
 * Changes the link of a repository.
 * @throws ShieldwatchError 404 when it was removed meanwhile.
 */
export async function changeLink(
  tx: ChangeSession,
  id: string,
  repository: string,
  change: RepoChange,
): Promise<RepoLink> {
  // Locked, so that concurrent changes do not overwrite each other.
  await tx.query('SELECT id FROM repo WHERE id = $1 FOR UPDATE', [id]);
  const before = (await readLinks(tx, [id])).get(id);
  if (before === undefined) throw new ShieldwatchError('not_found', 'there is no such repository');
  const after: RepoLink = {
    githubRepoId: change.githubRepoId === undefined ? before.githubRepoId : change.githubRepoId,
    defaultProvider: change.defaultProvider ?? before.defaultProvider,
  };
  await tx.query('UPDATE repo SET github_repo_id = $2, default_provider = $3 WHERE id = $1', [
    id,
    after.githubRepoId,
    after.defaultProvider,
  ]);
  await tx.record({ action: 'repo.link', subject: id, detail: { repository, ...after, by: 'hand' } });
  return after;
}

/**
 * Stores GitHub's repository ids as claimed by scans from GitHub Actions that landed since `since` (ms). The first
 * claim is kept, because a sender of scans must not change what a repository is linked to. An administrator can.
 */
export async function linkFromScans(
  clickhouse: ClickHouseClient,
  plane: ControlPlane,
  orgId: string,
  since: number,
): Promise<void> {
  const claims = await selectRows<{ repo: string; id: string }>(
    clickhouse,
    `SELECT Repository AS repo, argMin(SpanAttributes[{attribute:String}], Timestamp) AS id FROM otel_traces
     WHERE OrgId = {orgId:String} AND SpanName = {span:String} AND SpanAttributes[{provider:String}] = 'github-actions'
       AND IngestedAt >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND match(SpanAttributes[{attribute:String}], {pattern:String})
     GROUP BY repo LIMIT 10000`,
    {
      orgId,
      since,
      span: SPAN_SCAN,
      provider: ATTR_SCAN_PROVIDER,
      attribute: ATTR_CI_GITHUB_REPOSITORY_ID,
      pattern: GITHUB_REPOSITORY_ID,
    },
  );
  if (claims.length === 0) return;
  const [names, ids] = [claims.map(({ repo }) => repo), claims.map(({ id }) => id)];
  const unlinked = await plane.read(orgId, (tx) =>
    tx.query('SELECT id FROM repo WHERE full_name = ANY ($1::text[]) AND github_repo_id IS NULL LIMIT 1', [names]),
  );
  if (unlinked.length === 0) return;
  await plane.change({ orgId, actor: 'shieldwatch' }, async (tx) => {
    const linked = await tx.query<LinkRow & { full_name: string }>(
      `UPDATE repo SET github_repo_id = claim.id, default_provider = 'github-actions' FROM unnest($1::text[], $2::text[]) AS claim (name, id)
       WHERE repo.full_name = claim.name AND repo.github_repo_id IS NULL RETURNING repo.id, repo.full_name, repo.github_repo_id, repo.default_provider`,
      [names, ids],
    );
    for (const row of linked) {
      await tx.record({
        action: 'repo.link',
        subject: row.id,
        detail: {
          repository: row.full_name,
          githubRepoId: row.github_repo_id,
          defaultProvider: row.default_provider,
          by: 'scan',
        },
      });
    }
  });
}
