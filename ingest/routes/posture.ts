import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { posture, postureQuery } from '#schemas/http/posture.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { blockedCommandRate } from '../queries/blocked-command-rate.js';
import { latestDrift } from '../queries/latest-drift.js';
import { latestScan } from '../queries/latest-scan.js';
import { scoreTrend } from '../queries/score-trend.js';
import { windowOf } from '../queries/window.js';
import type { Repositories } from '../repositories.js';

/** Path parameter of a repository: its id or its URL-encoded full name. */
export const repoParams = z.object({ repoId: z.string().min(1).max(2_000) });

const SPEC = {
  id: 'posture',
  method: 'GET',
  url: '/v1/repo/{repoId}/posture',
  tag: 'query',
  summary: "Show a repository's posture: score trend, newest scan and drift, decisions",
  scopes: ['read'],
  params: repoParams,
  query: postureQuery,
  response: posture,
} as const satisfies RouteSpec;

/** Adds `GET /v1/repo/{repoId}/posture` (`ingest/CONTRACT.md` 4.5). */
export function postureRoute(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories },
): void {
  const { clickhouse, repositories } = options;
  addRoute(app, SPEC, async ({ caller, params, query }) => {
    const window = windowOf(query, caller);
    const { id, fullName } = await repositories.get(caller, params.repoId);
    const [trend, scan, drift, runtime] = await withStoreErrors(
      Promise.all([
        scoreTrend(clickhouse, caller.orgId, fullName, window),
        latestScan(clickhouse, { orgId: caller.orgId, repository: fullName }, window),
        latestDrift(clickhouse, caller.orgId, fullName, window),
        blockedCommandRate(clickhouse, caller.orgId, fullName, window),
      ]),
    );
    return {
      repoId: id,
      repository: fullName,
      from: window.from.toISOString(),
      to: window.to.toISOString(),
      bucket: window.bucket,
      historyFrom: window.historyFrom,
      scoreTrend: trend,
      latestScan: scan,
      latestDrift: drift,
      runtime,
    };
  });
}
