import type { tracing } from '@opentelemetry/sdk-node';
import { fastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { installAuth } from './auth/install.js';
import { createTokenUse } from './auth/token-use.js';
import { startBackgroundWork } from './background-work.js';
import { contentLength } from './request/content.js';
import { readParts } from './body/parts.js';
import { boards, type BoardsSettings } from './boards/plugin.js';
import { auditDenials } from './control/audit-denials.js';
import { auditFilesInMemory, type AuditFiles } from './control/audit-files.js';
import { createPlanNotice } from './control/plan-notice.js';
import { createControlPlane } from './control/control-plane.js';
import { createEgress, type EgressSettings } from './delivery/egress.js';
import { secretsKeyInMemory, type SecretsKey } from './delivery/seal.js';
import { installErrors, sendError } from './errors/install.js';
import { createLandingSink } from './telemetry/landing-sink.js';
import { installHeldBytes } from './limits/held-bytes.js';
import { DEFAULT_QUOTAS, installQuotas, type QuotaSettings } from './limits/install.js';
import { DEFAULT_SLOW_BODIES, SlowBodies, type SlowBodySettings } from './limits/slow-bodies.js';
import { loggerOptions } from './logging.js';
import { docsRoutes } from './openapi/routes.js';
import { createFailingSeries } from './operations/failing-series.js';
import { installTelemetry } from './operations/telemetry.js';
import { createRepositories } from './repositories.js';
import { alertDeliveryRoutes } from './routes/alert-delivery.js';
import { alertRoutes } from './routes/alerts.js';
import { auditRoutes } from './routes/audit.js';
import { controlRoutes } from './routes/control.js';
import { drillRoutes } from './routes/drills.js';
import { findingRoutes } from './routes/findings.js';
import { fleetRoutes } from './routes/fleet.js';
import { healthRoutes } from './routes/health.js';
import { ingestDriftRoutes } from './routes/ingest-drift.js';
import { ingestRuntimeRoute } from './routes/ingest-runtime.js';
import { ingestScanRoute } from './routes/ingest-scan.js';
import { metricsRoute } from './routes/metrics.js';
import { otlpRoutes } from './routes/otlp.js';
import { policyPromotionRoutes } from './routes/policy-promotions.js';
import { postureRoute } from './routes/posture.js';
import { repoRoutes } from './routes/repos.js';
import { seriesRoutes } from './routes/series.js';
import { tokenRoutes } from './routes/tokens.js';
import { toolCallRoutes } from './routes/tool-calls.js';
import { installSecurityHeaders, SECURITY_HEADERS } from './security-headers.js';
import { createCollectorSink, type CollectorSettings } from './telemetry/collector-sink.js';
import { replay, type Replay } from './telemetry/replay.js';
import type { Signal } from './request/signal.js';

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Sends an OTLP export request again that the collector set aside. Used by the commands of the machine's operator.
     */
    replay(signal: Signal, body: Buffer): Promise<Replay>;
  }
}

export interface GatewaySettings {
  clickhouse: ClickHouseClient;
  postgres: Postgres;
  /** The collector that telemetry is forwarded to. Without one, the gateway inserts into landing itself. */
  collector?: CollectorSettings;
  /** Additional attribute keys to store where there is no collector. */
  allowedKeys?: readonly string[];
  /** The secret from which pseudonyms are derived where there is no collector. Without one, personal data is masked. */
  pseudonymKey?: string | undefined;
  /** Signing key and published heads of the audit trail. Default: kept in memory, for the life of the process. */
  audit?: AuditFiles;
  /** Default: {@link DEFAULT_QUOTAS}. */
  quotas?: QuotaSettings;
  /** Bytes that the bodies of all concurrent requests may hold together. Default: 512 MiB. */
  maxHeldBytes?: number;
  /** Default: {@link DEFAULT_SLOW_BODIES}. */
  slowBodies?: SlowBodySettings;
  /** Where the gateway's own spans are exported. Default: nowhere. */
  spans?: tracing.SpanExporter;
  boards?: BoardsSettings;
  delivery?: {
    /** Encrypts secrets of destinations. Default: a key for the life of the process. */
    key?: SecretsKey;
    egress?: EgressSettings;
    /** URL at which people reach the gateway, for links in notices. */
    publicUrl?: string | undefined;
  };
  /** Returns the number of files with telemetry that the store rejected; `/readyz` shows it. */
  countSetAside?: () => number;
  logger?: FastifyServerOptions['logger'];
}

/** Milliseconds in which a client must have sent a whole request. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Milliseconds between two checks for slow bodies. */
const SWEEP_MS = 1_000;

/** Creates the gateway, ready to listen or for `inject`. It does not own the stores: the caller closes them. */
export async function createGateway(settings: GatewaySettings): Promise<FastifyInstance> {
  const { clickhouse, postgres, collector } = settings;
  const logger = loggerOptions(settings.logger);
  const app = fastify({
    ...(logger === undefined ? {} : { logger }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // The request timeout also applies when the answer is sent before the body has arrived.
    http: { connectionsCheckingInterval: 5_000 },
    // A drain waits for requests, not for keep-alive connections without one.
    forceCloseConnections: 'idle',
    // A full name in a path may take three characters for each of its bytes. Some OTLP exporters keep the slash at the
    // end of their base URL.
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply.headers({ ...SECURITY_HEADERS }));
    },
  });
  const audit = settings.audit ?? auditFilesInMemory();
  const plane = createControlPlane(postgres, audit);
  plane.onPublishFailed((error) => {
    app.log.error(
      { problem: error instanceof Error ? error.name : 'unknown' },
      'the audit trail heads could not be published; the next change publishes them',
    );
  });
  app.decorate('apiRoutes', []);
  app.decorate('plane', plane);
  installErrors(app);
  installSecurityHeaders(app);
  const failingSeries = createFailingSeries(clickhouse);
  installTelemetry(app, settings.spans, failingSeries);
  const tokenUse = createTokenUse();
  installAuth(app, postgres, tokenUse);
  installQuotas(app, settings.quotas ?? DEFAULT_QUOTAS);
  installHeldBytes(app, settings.maxHeldBytes);
  auditDenials(app, plane);

  const secretsKey = settings.delivery?.key ?? secretsKeyInMemory();
  const delivery = {
    key: secretsKey,
    egress: createEgress(settings.delivery?.egress),
    publicUrl: settings.delivery?.publicUrl,
    onDead: ({ orgId, kind }: { orgId: string; kind: string }) => {
      app.log.error({ orgId, kind }, 'a notice could not be delivered; `shieldwatch alerts dead list` shows it');
    },
  };
  const work = startBackgroundWork({ postgres, clickhouse, plane, tokenUse, delivery }, (name, error) => {
    app.log.error(
      { problem: error instanceof Error ? error.name : 'unknown' },
      `background work failed and will be retried: ${name}`,
    );
  });
  app.addHook('onClose', () => work.stop());

  const sink =
    collector === undefined
      ? createLandingSink(clickhouse, {
          allowedKeys: settings.allowedKeys ?? [],
          pseudonymKey: settings.pseudonymKey,
        })
      : createCollectorSink(collector);
  app.decorate('replay', (signal, body) => replay(plane, sink, signal, body));
  const repositories = createRepositories(plane, clickhouse);
  const slowBodies = new SlowBodies(settings.slowBodies ?? DEFAULT_SLOW_BODIES);
  const sweeping = setInterval(() => {
    slowBodies.sweep();
  }, SWEEP_MS).unref();
  app.addHook('onClose', () => {
    clearInterval(sweeping);
  });
  await app.register((api, _options, done) => {
    // Bodies are kept as bytes: OTLP is forwarded unchanged, and each route checks type, encoding and size itself.
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', (request, stream, parsed) => {
      const announced = contentLength(request);
      const abort = readParts(stream, announced, request.routeOptions.bodyLimit, (error, parts, size) => {
        release();
        if (announced === undefined) app.countBytes(request, size);
        parsed(error, parts);
      });
      const release = slowBodies.watch(request.caller?.orgId ?? '', abort);
    });
    otlpRoutes(api, { sink, planNotice: createPlanNotice(clickhouse) });
    ingestScanRoute(api, { sink, repositories, plane, onScan: work.reviewItems.wake });
    ingestRuntimeRoute(api, { sink, repositories });
    ingestDriftRoutes(api, { sink, repositories, plane });
    fleetRoutes(api, { clickhouse, repositories, plane });
    postureRoute(api, { clickhouse, repositories });
    repoRoutes(api, { clickhouse, repositories, plane, onPurge: work.purges.wake, onMerge: work.merges.wake });
    seriesRoutes(api, { clickhouse, repositories });
    metricsRoute(api, { clickhouse, plane });
    findingRoutes(api, { clickhouse, repositories, plane });
    toolCallRoutes(api, { clickhouse, repositories });
    drillRoutes(api, { clickhouse, repositories });
    controlRoutes(api, { plane, onPurge: work.purges.wake });
    tokenRoutes(api, { plane });
    policyPromotionRoutes(api, { plane });
    alertRoutes(api, { plane, onChange: work.alerts.wake });
    auditRoutes(api, { plane, audit });
    alertDeliveryRoutes(api, { plane, key: secretsKey, onQueued: work.delivery.wake });
    done();
  });
  docsRoutes(app);
  await app.register(boards, { clickhouse, ...settings.boards });
  healthRoutes(app, { clickhouse, postgres, collector, countSetAside: settings.countSetAside, failingSeries });
  return app;
}
