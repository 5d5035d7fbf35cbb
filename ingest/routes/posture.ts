import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Posture, RepositoryList } from '#schemas/http/posture.js';
import { callerOf } from '../auth/caller.js';
import { requireScope } from '../auth/require-scope.js';
import { fromStore } from '../errors/from-store.js';
import { blockedCommandRate } from '../queries/blocked-command-rate.js';
import { latestDrift } from '../queries/latest-drift.js';
import { latestScan } from '../queries/latest-scan.js';
import { scoreTrend } from '../queries/score-trend.js';
import { parseWindow } from '../queries/window.js';
import type { Repositories } from '../repositories.js';

/** `GET /v1/repos` and `GET /v1/repo/{repoId}/posture` (SPEC 4.5). */
export function postureRoutes(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories },
): void {
  const { clickhouse, repositories } = options;

  app.get('/v1/repos', { onRequest: requireScope('read') }, async (request): Promise<RepositoryList> => {
    const list = await repositories.list(callerOf(request));
    return {
      repos: list.map(({ id, fullName, firstSeenAt, lastSeenAt }) => ({
        repoId: id,
        repository: fullName,
        firstSeenAt,
        lastSeenAt,
      })),
    };
  });

  app.get<{ Params: { repoId: string } }>(
    '/v1/repo/:repoId/posture',
    { onRequest: requireScope('read') },
    async (request): Promise<Posture> => {
      const caller = callerOf(request);
      const window = parseWindow(request.query);
      const repository = await repositories.find(caller, request.params.repoId);
      if (repository === undefined) throw new ShieldwatchError('not_found', 'there is no such repository');
      const { id, fullName } = repository;
      const [trend, scan, drift, runtime] = await fromStore(
        Promise.all([
          scoreTrend(clickhouse, caller.orgId, fullName, window),
          latestScan(clickhouse, caller.orgId, fullName, window),
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
        scoreTrend: trend,
        latestScan: scan,
        latestDrift: drift,
        runtime,
      };
    },
  );
}
