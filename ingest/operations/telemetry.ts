import { SpanKind, SpanStatusCode, type Span } from '@opentelemetry/api';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { metrics, resources, tracing } from '@opentelemetry/sdk-node';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ATTR_SERVICE_NAME, SCOPE_NAME, SERVICE_NAME_GATEWAY } from '#schemas/semconv.js';
import type { AskFailingSeries } from './failing-series.js';
import { contentLength } from '../request/content.js';

declare module 'fastify' {
  interface FastifyRequest {
    span: Span | null;
  }
}

/** Bucket boundaries of the semantic conventions for HTTP. */
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/**
 * Installs the gateway's own telemetry: `GET /metrics` for Prometheus, and a span per request if an exporter is given.
 * It contains route patterns, methods and status codes; no path, query, header, body or token.
 */
export function installTelemetry(
  app: FastifyInstance,
  spans: tracing.SpanExporter | undefined,
  failingSeries: AskFailingSeries,
): void {
  const resource = resources.resourceFromAttributes({ [ATTR_SERVICE_NAME]: SERVICE_NAME_GATEWAY });
  const prometheus = new PrometheusExporter({ preventServerStart: true });
  const meters = new metrics.MeterProvider({ resource, readers: [prometheus] });
  const meter = meters.getMeter(SCOPE_NAME);
  const duration = meter.createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'Duration of HTTP server requests.',
    advice: { explicitBucketBoundaries: DURATIONS },
  });
  // Plain counters that are read on collection: an instrument that is called per request costs more than a hook.
  const bodyBytes = new Map<string, number>();
  let active = 0;
  meter
    .createObservableCounter('shieldwatch.gateway.body.size', {
      unit: 'By',
      description: 'Size of HTTP server request bodies, by content-length.',
    })
    .addCallback((result) => {
      for (const [route, bytes] of bodyBytes) result.observe(bytes, { 'http.route': route });
    });
  meter
    .createObservableUpDownCounter('http.server.active_requests', {
      description: 'Number of active HTTP server requests.',
    })
    .addCallback((result) => {
      result.observe(active);
    });
  meter
    .createObservableGauge('shieldwatch.rollup.failing', {
      unit: '{bucket}',
      description: 'Buckets of a series that could not be computed, or that wait for such a bucket.',
    })
    .addCallback(async (result) => {
      for (const { series, failed, waiting } of await failingSeries())
        result.observe(failed + waiting, { 'shieldwatch.series': series });
    });
  meter.createObservableGauge('process.memory.usage', { unit: 'By' }).addCallback((result) => {
    result.observe(process.memoryUsage.rss());
  });
  const tracer =
    spans === undefined
      ? undefined
      : new tracing.BasicTracerProvider({ resource, spanProcessors: [new tracing.BatchSpanProcessor(spans)] });

  app.decorateRequest('span', null);
  app.addHook('onRequest', (request, _reply, next) => {
    active += 1;
    request.span = tracer?.getTracer(SCOPE_NAME).startSpan(nameOf(request), { kind: SpanKind.SERVER }) ?? null;
    next();
  });
  app.addHook('onResponse', (request, reply, next) => {
    active -= 1;
    const attributes = attributesOf(request, reply);
    duration.record(reply.elapsedTime / 1_000, attributes);
    const size = contentLength(request) ?? 0;
    if (size > 0) bodyBytes.set(attributes['http.route'], (bodyBytes.get(attributes['http.route']) ?? 0) + size);
    if (request.span !== null) {
      request.span.setAttributes(attributes);
      if (reply.statusCode >= 500) request.span.setStatus({ code: SpanStatusCode.ERROR });
      request.span.end();
    }
    next();
  });
  app.get('/metrics', (_request, reply) => {
    // The exporter writes to the raw response, so fastify must not answer.
    reply.hijack();
    prometheus.getMetricsRequestHandler(_request.raw, reply.raw);
  });
  app.addHook('onClose', async () => {
    await Promise.allSettled([meters.shutdown(), tracer?.shutdown()]);
  });
}

const nameOf = (request: FastifyRequest): string => `${request.method} ${request.routeOptions.url ?? 'unknown'}`;

function attributesOf(request: FastifyRequest, reply: FastifyReply) {
  return {
    'http.request.method': request.method,
    'http.route': request.routeOptions.url ?? 'unknown',
    'http.response.status_code': reply.statusCode,
  };
}
