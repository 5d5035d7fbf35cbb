import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { ControlPlane } from '../control/control-plane.js';
import { createPageCache } from '../metrics/cache.js';
import { collectMetrics } from '../metrics/collect.js';
import { acceptsGzip, negotiate, OPEN_METRICS } from '../metrics/exposition.js';

const PROMETHEUS = {
  id: 'prometheusMetrics',
  method: 'GET',
  url: '/v1/metrics/prometheus',
  tag: 'query',
  summary: 'Show the current values of all series as metrics for Prometheus',
  description:
    'OpenMetrics 1.0, or the Prometheus text format 0.0.4, by the Accept header. Gauges without timestamps, of at most 400 repositories by name; the others are folded into `repository="_other"`.',
  scopes: ['read'],
  response: z.string(),
  responseType: OPEN_METRICS,
} as const satisfies RouteSpec;

/** Adds `GET /v1/metrics/prometheus`. */
export function metricsRoute(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; plane: ControlPlane },
): void {
  const cache = createPageCache();
  addRoute(app, PROMETHEUS, async ({ caller: { orgId, repository }, request, reply }) => {
    const { text, compressed, samples } = await cache.page({ orgId, repository }, () =>
      collectMetrics(options, { orgId, repository }),
    );
    app.countEntries(request, samples);
    const isCompressed = acceptsGzip(request.headers['accept-encoding']);
    if (isCompressed) void reply.header('content-encoding', 'gzip');
    return reply
      .header('vary', 'accept, accept-encoding')
      .type(negotiate(request.headers.accept))
      .send(isCompressed ? compressed : text);
  });
}
