import { fastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { installAuth } from './auth/install.js';
import { boards, type BoardsSettings } from './boards/plugin.js';
import { installErrors, sendError } from './errors/install.js';
import { createLandingSink } from './landing/landing-sink.js';
import { loggerOptions } from './logging.js';
import { createRepositories } from './repositories.js';
import { healthRoutes } from './routes/health.js';
import { ingestRuntimeRoute } from './routes/ingest-runtime.js';
import { otlpRoutes } from './routes/otlp.js';
import { postureRoutes } from './routes/posture.js';
import { installSecurityHeaders, SECURITY_HEADERS } from './security-headers.js';
import { createCollectorSink, type CollectorSettings } from './telemetry/collector-sink.js';

export interface GatewaySettings {
  clickhouse: ClickHouseClient;
  postgres: Postgres;
  /** The collector that telemetry goes on to. Without one, the gateway writes to landing itself. */
  collector?: CollectorSettings;
  boards?: BoardsSettings;
  logger?: FastifyServerOptions['logger'];
}

/** Milliseconds a client has to send a whole request. */
const REQUEST_TIMEOUT_MS = 60_000;

/** The gateway, ready to listen or to be injected into. It owns no store: whoever opened them closes them. */
export async function createGateway(settings: GatewaySettings): Promise<FastifyInstance> {
  const { clickhouse, postgres } = settings;
  const logger = loggerOptions(settings.logger);
  const app = fastify({
    ...(logger === undefined ? {} : { logger }),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // A full name in a path may take three characters for each of its bytes.
    routerOptions: { maxParamLength: 2_000 },
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply.headers({ ...SECURITY_HEADERS }));
    },
  });
  installErrors(app);
  installSecurityHeaders(app);
  installAuth(app, postgres);

  const sink = settings.collector === undefined ? createLandingSink(clickhouse) : createCollectorSink(settings.collector);
  const repositories = createRepositories(postgres, clickhouse);
  await app.register((api, _options, done) => {
    // Bodies stay bytes here: OTLP goes on untouched, and each route checks type, encoding and size by itself.
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => {
      parsed(null, body);
    });
    otlpRoutes(api, { sink });
    ingestRuntimeRoute(api, { sink, repositories });
    postureRoutes(api, { clickhouse, repositories });
    done();
  });
  await app.register(boards, { clickhouse, ...settings.boards });
  healthRoutes(app, { clickhouse, postgres });
  return app;
}
