import type { FastifyInstance } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { paging } from '#schemas/http/atoms.js';
import {
  baseline,
  baselineRequest,
  purge,
  repo,
  repoChange,
  repoList,
  repoMerge,
  repoMergeList,
  repoMergeRequest,
  repoRequest,
  type Baseline,
} from '#schemas/http/control.js';
import { repositoryId } from '#schemas/records/repository.js';
import { z } from 'zod';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import { changeLink, readLinks } from '../control/repo-links.js';
import { listMerges, requestMerge } from '../control/merges.js';
import { requestPurge } from '../control/purges.js';
import { revokeBoundTo } from '../control/tokens.js';
import { rowOfRepository } from '../control/row-of-repository.js';
import { scanIdOf } from '#schemas/records/ids.js';
import { latestScans } from '../fleet/latest-scans.js';
import { compareWithBaseline } from '../queries/baseline-comparison.js';
import type { Repositories, Repository } from '../repositories.js';
import { repoParams } from './posture.js';

const LIST = {
  id: 'listRepos',
  method: 'GET',
  url: '/v1/repos',
  tag: 'query',
  summary: 'List repositories by name',
  scopes: ['read'],
  query: z.object({ ...paging, limit: z.coerce.number().int().min(1).max(1_000).default(1_000) }),
  response: repoList,
} as const satisfies RouteSpec;

const ADD = {
  id: 'addRepo',
  method: 'POST',
  url: '/v1/repos',
  tag: 'control',
  summary: 'Add a repository before its first report',
  scopes: ['admin'],
  role: 'admin',
  body: repoRequest,
  response: repo,
} as const satisfies RouteSpec;

const CHANGE = {
  id: 'changeRepo',
  method: 'PATCH',
  url: '/v1/repo/{repoId}',
  tag: 'control',
  summary: "Change a repository's GitHub id or default provider",
  scopes: ['admin'],
  role: 'admin',
  description: 'The first scan from GitHub Actions sets the id if there is none.',
  params: repoParams,
  body: repoChange,
  response: repo.omit({ firstSeenAt: true, lastSeenAt: true }),
} as const satisfies RouteSpec;

const REMOVE = {
  id: 'removeRepo',
  method: 'DELETE',
  url: '/v1/repo/{repoId}',
  tag: 'control',
  scopes: ['admin'],
  role: 'owner',
  summary: 'Remove a repository and all its stored data',
  description:
    'Starts a purge and returns it; `GET /v1/purges/{purgeId}` shows its progress. Tokens bound to the repository are revoked.',
  params: repoParams,
  response: purge,
} as const satisfies RouteSpec;

const MERGE = {
  id: 'mergeRepos',
  method: 'POST',
  url: '/v1/repos/merge',
  tag: 'control',
  scopes: ['admin'],
  role: 'owner',
  summary: 'Merge two names of one repository',
  description:
    'Landing rows, facts, decisions and tokens of `from` move to `into`, and series are recomputed. Later reports under the old name follow: by REST at once, by OTLP within minutes. A repeated request returns the progress.',
  body: repoMergeRequest,
  response: repoMerge,
} as const satisfies RouteSpec;

const LIST_MERGES = {
  id: 'listRepoMerges',
  method: 'GET',
  url: '/v1/repos/merges',
  tag: 'control',
  summary: 'List repository merges and their progress',
  scopes: ['admin'],
  role: 'admin',
  response: repoMergeList,
} as const satisfies RouteSpec;

const SHOW_BASELINE = {
  id: 'showBaseline',
  method: 'GET',
  url: '/v1/repo/{repoId}/baseline',
  tag: 'query',
  summary: "Show a repository's baseline and what is new since",
  scopes: ['read'],
  params: repoParams,
  response: baseline,
} as const satisfies RouteSpec;

const SET_BASELINE = {
  id: 'setBaseline',
  method: 'PUT',
  url: '/v1/repo/{repoId}/baseline',
  tag: 'control',
  scopes: ['admin'],
  role: 'admin',
  summary: "Make a repository's newest scan its baseline",
  params: repoParams,
  body: baselineRequest,
  response: baseline,
} as const satisfies RouteSpec;

interface BaselineRow extends Record<string, unknown> {
  source_event_id: string | null;
  source_scan_id: string;
  baseline_timestamp: Date | string;
  numeric_score: number | null;
  finding_count: number;
  set_by: string;
  set_at: Date | string;
}

/** Adds the routes of repositories and their baselines. */
export function repoRoutes(
  app: FastifyInstance,
  options: {
    clickhouse: ClickHouseClient;
    repositories: Repositories;
    plane: ControlPlane;
    onPurge: () => void;
    onMerge: () => void;
  },
): void {
  const { clickhouse, repositories, plane } = options;

  addRoute(app, LIST, async ({ caller, query }) => {
    const after = String(decodeCursor(query.cursor, ['string'])?.[0] ?? '');
    const [found, beyondPlan] = await Promise.all([
      repositories.list(caller, after, query.limit + 1),
      repositories.countBeyondPlan(caller),
    ]);
    const { rows, nextCursor } = page(found, query.limit, (last) => [last.fullName]);
    return {
      repos: rows.map(({ id, fullName, ...seen }) => ({ repoId: id, repository: fullName, ...seen })),
      nextCursor,
      beyondPlan,
    };
  });

  addRoute(app, ADD, async ({ caller, body }) => {
    const { id, fullName } = await repositories.ensure(caller, body.repository);
    const { githubRepoId, defaultProvider } = body;
    const isLinked = githubRepoId !== undefined || defaultProvider !== undefined;
    const link = isLinked
      ? await plane.change(caller, (tx) => changeLink(tx, id, fullName, { githubRepoId, defaultProvider }))
      : (await plane.read(caller.orgId, (tx) => readLinks(tx, [id]))).get(id);
    return {
      repoId: id,
      repository: fullName,
      firstSeenAt: null,
      lastSeenAt: null,
      githubRepoId: link?.githubRepoId ?? null,
      defaultProvider: link?.defaultProvider ?? null,
    };
  });

  addRoute(app, CHANGE, async ({ caller, params, body }) => {
    const { id, fullName } = await repositories.getOrCreate(caller, params.repoId);
    return {
      repoId: id,
      repository: fullName,
      ...(await plane.change(caller, (tx) => changeLink(tx, id, fullName, body))),
    };
  });

  addRoute(app, REMOVE, async ({ caller, params }) => {
    const { id, fullName } = await repositories.get(caller, params.repoId);
    const started = await requestPurge(plane, caller, { repository: fullName }, async (tx) => {
      await tx.query('DELETE FROM repo WHERE id = $1', [id]);
      await revokeBoundTo(tx, fullName);
      await tx.record({ action: 'repo.remove', subject: id, detail: { repository: fullName } });
    });
    repositories.forget(caller.orgId, id);
    options.onPurge();
    return started;
  });

  addRoute(app, MERGE, async ({ caller, body }) => {
    const merge = await requestMerge(plane, caller, body.from, body.into);
    repositories.forget(caller.orgId, repositoryId(caller.orgId, body.from));
    options.onMerge();
    return merge;
  });

  addRoute(app, LIST_MERGES, async ({ caller }) => ({ merges: await listMerges(plane, caller.orgId) }));

  addRoute(app, SHOW_BASELINE, async ({ caller, params }) => {
    const repository = await repositories.get(caller, params.repoId);
    const [row] = await plane.read(caller.orgId, (tx) =>
      tx.query<BaselineRow>('SELECT * FROM baseline WHERE repo_id = $1', [repository.id]),
    );
    if (row === undefined) throw new ShieldwatchError('not_found', 'this repository has no baseline');
    return baselineOf(row, caller.orgId, repository);
  });

  addRoute(app, SET_BASELINE, async ({ caller, params, body }) => {
    const { id, fullName } = await repositories.getOrCreate(caller, params.repoId);
    const {
      scans: [scan],
    } = await latestScans(clickhouse, caller.orgId, [fullName]);
    if (scan === undefined) throw new ShieldwatchError('conflict', 'this repository has no scan of at least one file');
    const scanId = scanIdOf(caller.orgId, fullName, scan.event_id);
    if (body.scanId !== undefined && body.scanId !== scanId) {
      throw new ShieldwatchError('conflict', 'scanId: expected the newest scan; a newer one was received', {
        field: 'scanId',
      });
    }
    const set = await plane.change(caller, async (tx) => {
      const row = await rowOfRepository(
        tx.query<BaselineRow>(
          `INSERT INTO baseline (org_id, repo_id, source_scan_id, baseline_timestamp, numeric_score, finding_count, set_by, source_event_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (org_id, repo_id) DO UPDATE SET source_scan_id = $3, baseline_timestamp = $4, numeric_score = $5, finding_count = $6,
           set_by = $7, set_at = now(), source_event_id = $8
         RETURNING *`,
          [caller.orgId, id, scanId, scan.occurred_at, scan.score, scan.total_findings, caller.actor, scan.event_id],
        ),
      );
      await tx.record({
        action: 'baseline.set',
        subject: id,
        detail: {
          repository: fullName,
          scanId,
          eventId: scan.event_id,
          score: scan.score,
          findings: scan.total_findings,
        },
        fact: { kind: 'baseline', state: 'set', repository: fullName },
      });
      return row;
    });
    return baselineOf(set, caller.orgId, { id, fullName });
  });

  async function baselineOf(row: BaselineRow, orgId: string, repository: Repository): Promise<Baseline> {
    const comparison = await compareWithBaseline(clickhouse, {
      orgId,
      repository: repository.fullName,
      eventId: row.source_event_id,
    });
    return {
      repoId: repository.id,
      repository: repository.fullName,
      sourceScanId: row.source_scan_id,
      baselineTimestamp: new Date(row.baseline_timestamp).toISOString(),
      numericScore: row.numeric_score,
      findingCount: row.finding_count,
      setBy: row.set_by,
      setAt: new Date(row.set_at).toISOString(),
      comparison,
    };
  }
}
