import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { collectorBinary } from '#collector/binary.js';
import { createGateway } from '#ingest/app.js';
import { startGrpc } from '#ingest/grpc/server.js';
import { createFailingSeries } from '#ingest/operations/failing-series.js';
import { ensureFirstTokens, LOCAL_ORG_ID, type FirstTokens } from '#ingest/control/first-tokens.js';
import { openAuditFiles } from '#ingest/control/audit-files.js';
import { openSecretsKey } from '#ingest/delivery/seal.js';
import { startReconciler } from '#rollups/reconciler.js';
import { createRollupWorker } from '#rollups/worker.js';
import { createClickHouse, DEFAULT_DATABASE } from '#schemas/clickhouse/client.js';
import { deleteFacts } from '#schemas/clickhouse/delete.js';
import { FACTS, landingDays, reconcileFacts, type Fact } from '#schemas/clickhouse/facts.js';
import { outdatedDays, rebuildFacts } from '#schemas/clickhouse/rebuild.js';
import type { FailingSeries } from '#schemas/clickhouse/rollup-failure.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import { additionalKeys, ALLOWED_KEYS_VARIABLE } from '#schemas/attribute-keys.js';
import { CommandError } from '#schemas/errors.js';
import { RetiredStoreError } from '#schemas/migrations.js';
import { openPostgres, type Postgres } from '#schemas/postgres/client.js';
import { migratePostgres } from '#schemas/postgres/migrate.js';
import { exportPostgres } from '#schemas/postgres/rows.js';
import { raiseHeapLimit } from '../node-memory.js';
import { startClickHouse } from './clickhouse/process.js';
import { startCollector } from './collector.js';
import { setAsideBy, setAsideControl, type SetAside } from './set-aside.js';
import { isLoopback, LOOPBACK, ownUrl, type StackConfig } from './config.js';
import { logFailed } from './failed-series.js';
import { openDataFolder } from './data-folder.js';
import { findGrafana, startGrafana } from './grafana.js';
import { openGrafanaPasswords } from './grafana-passwords.js';
import { answerOf, callApi, manageOrgs } from './machine-api.js';
import { openPseudonymKey } from './pseudonym-key.js';
import { describeOutdated } from './outdated-facts.js';
import { rollupControl } from './rollup-control.js';
import { variable } from '../environment.js';

/** What runs where, as `shieldwatch stack` and the banner show it. */
export interface StackStatus {
  pid: number;
  dataDir: string;
  gateway: string;
  /** Address for OTLP/gRPC, if the start enables it. */
  grpc?: string;
  clickhouse: string;
  /** File with name and password of the embedded store's reader, for `curl --netrc-file`. */
  clickhouseReader?: string;
  /** The same for the admin, if the start enables it. */
  clickhouseAdmin?: string;
  /** Whether the system keeps the embedded engine's process to its own files. */
  clickhouseConfined?: boolean;
  postgres: 'embedded' | 'server';
  /** Address of the collector, or why the gateway lands by itself. */
  collector: { url: string } | { absent: string };
  /** What the collector set aside, since the store will never take it; absent: nothing. */
  setAside?: SetAside;
  /** Series with buckets that could not be computed; absent: none. */
  failingSeries?: readonly FailingSeries[];
  orgId: string;
  /** Address of a Grafana with the same boards: one that is named, or one of this machine that the stack runs. */
  grafana?: string;
  /** File with the password of its user `admin`, where the stack runs it. */
  grafanaPasswords?: string;
}

export interface Stack {
  readonly status: StackStatus;
  /** Present on the very first start only. */
  readonly firstTokens: FirstTokens | undefined;
  /** Password of the embedded store's reader; its file is in the status. */
  readonly readerPassword: string | undefined;
  /** Password of `admin` of the Grafana that the stack runs, at the start that made it. */
  readonly grafanaPassword: string | undefined;
  /** A link that opens the boards, once, within ten minutes. */
  boardsLink(): string;
  /** Drains and stops everything, last started first. */
  stop(): Promise<void>;
}

const deletionRequest = z.union([
  z.strictObject({ repo: z.string().min(1) }),
  z.strictObject({ tokenId: z.string().min(1) }),
]);

const landingDay = z.strictObject({ fact: z.enum(Object.keys(FACTS) as [Fact, ...Fact[]]), day: z.iso.date() });

/**
 * Starts everything in the order the data flows back: stores, schema, collector, gateway, jobs. When a part
 * fails, what was started before it is stopped again.
 *
 * @param log called with one line at a time of progress and warnings.
 * @throws CommandError with one clear line.
 */
export async function startStack(config: StackConfig, log: (line: string) => void): Promise<Stack> {
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
  };
  raiseHeapLimit();
  try {
    const folder = await openDataFolder(config.dataDir);
    closers.push(() => folder.release());

    log('starting ClickHouse');
    let clickhouseUrl = config.clickhouseUrl;
    let readerUrl = config.clickhouseReaderUrl;
    let readerFile: string | undefined;
    let adminFile: string | undefined;
    let readerPassword: string | undefined;
    let isConfined: boolean | undefined;
    if (clickhouseUrl === undefined) {
      const engine = await startClickHouse({
        dataDir: join(config.dataDir, 'clickhouse'),
        port: config.clickhousePort,
        host: LOOPBACK,
        withAdmin: config.clickhouseAdmin,
        onLog: (line) => {
          log(`[clickhouse] ${line}`);
        },
      });
      closers.push(() => engine.stop());
      clickhouseUrl = engine.url;
      ({ readerUrl, readerFile, adminFile, isConfined } = engine);
      readerPassword = new URL(readerUrl).password;
    }
    await upgrade(migrateClickHouse({ url: clickhouseUrl }), config.dataDir, config.clickhouseUrl);
    const clickhouse = createClickHouse({ url: clickhouseUrl });
    closers.push(() => clickhouse.close());
    const outdated = describeOutdated(await outdatedDays(clickhouse));
    if (outdated !== undefined) log(`[facts] ${outdated}`);

    log('starting Postgres');
    const postgres = await openPostgres(
      config.databaseUrl === undefined ? { dataDir: join(config.dataDir, 'postgres') } : { url: config.databaseUrl },
    );
    closers.push(() => postgres.close());
    await upgrade(migratePostgres(postgres), config.dataDir, config.databaseUrl);
    const audit = openAuditFiles(config.dataDir);
    const secretsKey = openSecretsKey(config.dataDir, variable('SHIELDWATCH_SECRETS_KEY'));
    const firstTokens = await ensureFirstTokens(postgres, audit);
    const orgId = LOCAL_ORG_ID;

    // A collector that somebody else runs has its own.
    const pseudonymKey =
      config.collectorUrl === undefined || config.withoutCollector ? openPseudonymKey(config.dataDir) : undefined;
    const collector = await openCollector(config, clickhouseUrl, pseudonymKey?.file, log, closers);

    const installed = config.grafanaUrl === undefined ? findGrafana() : undefined;
    // Written without a Grafana here too: compose's reads it.
    const grafanaPasswords = readerUrl === undefined ? undefined : openGrafanaPasswords(config.dataDir, readerUrl);
    const grafana =
      installed === undefined || readerUrl === undefined || grafanaPasswords === undefined
        ? undefined
        : startGrafana({
            installed,
            dataDir: config.dataDir,
            port: config.grafanaPort,
            readerUrl,
            passwords: grafanaPasswords,
            onLog: (line) => {
              log(`[grafana] ${line}`);
            },
          });
    if (grafana !== undefined) closers.push(() => grafana.stop());
    const grafanaUrl = config.grafanaUrl ?? grafana?.url;

    const gateway = await createGateway({
      clickhouse,
      postgres,
      ...('url' in collector ? { collector } : {}),
      allowedKeys: additionalKeys(variable(ALLOWED_KEYS_VARIABLE)),
      pseudonymKey: pseudonymKey?.secret,
      countSetAside: () => setAsideBy(config.dataDir).setAside?.files ?? 0,
      audit,
      ...(grafanaUrl === undefined ? {} : { boards: { grafanaUrl } }),
      delivery: {
        key: secretsKey,
        egress: { allow: config.deliveryAllow },
        publicUrl: config.publicUrl ?? ownUrl(config.listen, config.port),
      },
      logger: { level: config.logLevel },
    });
    closers.push(async () => {
      if (config.drainSeconds > 0) await gateway.drain(config.drainSeconds * 1_000);
      await gateway.close();
    });
    await gateway.listen({ host: config.listen, port: config.port }).catch(refusedPort('port', config.port));
    const address = gateway.server.address();
    const port = address !== null && typeof address === 'object' ? address.port : config.port;
    const gatewayUrl = ownUrl(config.listen, port);
    let grpcUrl: string | undefined;
    if (config.grpcPort !== undefined) {
      const grpc = await startGrpc(gateway, config.listen, config.grpcPort).catch(
        refusedPort('grpc-port', config.grpcPort),
      );
      closers.push(() => grpc.close());
      grpcUrl = ownUrl(config.listen, grpc.port);
    }
    if (!isLoopback(config.listen))
      log(
        `the gateway listens on ${config.listen} without TLS; put a proxy with TLS before it where the network is not yours alone`,
      );

    const worker = createRollupWorker({
      clickhouse,
      onError: () => {
        log('[rollups] a pass failed; trying again');
      },
      onFailed: logFailed(log),
    });
    worker.start();
    closers.push(() => worker.stop());
    const reconciler = startReconciler({
      clickhouse,
      onFactsCreated: (facts) => {
        log(`[rollups] ${facts} facts were missing and have been created from landing`);
      },
      onStale: (buckets) => {
        log(`[rollups] ${buckets} buckets differed from their facts and have been marked dirty`);
      },
      onError: (what) => {
        log(`[rollups] comparing ${what} failed; trying again in an hour`);
      },
    });
    closers.push(() => reconciler.stop());

    // Answers also while the store does not: commands ask for the status to know whether a stack runs.
    const askFailingSeries = createFailingSeries(clickhouse);
    const status = async (): Promise<StackStatus> => ({
      pid: process.pid,
      dataDir: config.dataDir,
      gateway: gatewayUrl,
      ...(grpcUrl === undefined ? {} : { grpc: grpcUrl }),
      clickhouse: withoutPassword(clickhouseUrl),
      ...(readerFile === undefined ? {} : { clickhouseReader: readerFile }),
      ...(adminFile === undefined ? {} : { clickhouseAdmin: adminFile }),
      ...(isConfined === undefined ? {} : { clickhouseConfined: isConfined }),
      postgres: config.databaseUrl === undefined ? 'embedded' : 'server',
      collector: 'url' in collector ? { url: withoutPassword(collector.url) } : collector,
      ...setAsideBy(config.dataDir),
      ...ifAny(await askFailingSeries()),
      orgId,
      ...(grafanaUrl === undefined ? {} : { grafana: grafanaUrl }),
      ...(grafana === undefined || grafanaPasswords === undefined ? {} : { grafanaPasswords: grafanaPasswords.file }),
    });
    const boardsLink = (ofOrg = orgId): string => `${gatewayUrl}${gateway.createLoginLink(ofOrg)}`;

    const setAside = setAsideControl(gateway, config.dataDir, log);
    folder.serve(async (method, path, body) => {
      if (method === 'GET' && path === '/status') return status();
      if (method === 'POST' && path === '/boards-link')
        return { url: boardsLink(await knownOrg(postgres, body, orgId)) };
      if (method === 'POST' && path === '/tokens')
        return answerOf(await gateway.asMachine(orgId, 'POST', '/v1/tokens', body));
      if (method === 'POST' && path === '/api') return callApi(gateway, orgId, body);
      if (method === 'POST' && path.startsWith('/set-aside/')) return setAside(path.slice('/set-aside/'.length), body);
      // Access to the socket implies access to the file of this password.
      if (method === 'POST' && path === '/backup/access') return { clickhouseUrl };
      if (method === 'POST' && path === '/backup/postgres') return exportPostgres(postgres);
      if (path === '/orgs') return manageOrgs(gateway, postgres, method, body);
      if (method === 'GET' && path === '/facts/days') return landingDays(clickhouse);
      if (method === 'POST' && (path === '/facts/reconcile' || path === '/facts/rebuild')) {
        const day = landingDay.safeParse(body);
        if (!day.success) throw new CommandError('a day of landing needs a fact and a date');
        if (path === '/facts/reconcile') return { missing: await reconcileFacts(clickhouse, day.data) };
        await rebuildFacts(clickhouse, day.data);
        return {};
      }
      if (method === 'POST' && path === '/facts/delete') {
        const deletion = deletionRequest.safeParse(body);
        if (!deletion.success) throw new CommandError('a deletion needs a repository or the id of a token');
        await deleteFacts(clickhouse, { orgId, ...deletion.data });
        return {};
      }
      if (method === 'POST' && path.startsWith('/rollup/')) {
        const answer = await rollupControl(clickhouse, worker, orgId, path.slice('/rollup/'.length), body);
        if (answer !== undefined) return answer;
      }
      throw new CommandError(`the stack knows no ${method} ${path}`);
    });
    const isGrafanaNew =
      grafana !== undefined && grafanaPasswords?.isNew === true && variable('GF_SECURITY_ADMIN_PASSWORD') === undefined;
    return {
      status: await status(),
      firstTokens,
      readerPassword,
      grafanaPassword: isGrafanaNew ? grafanaPasswords.admin : undefined,
      boardsLink,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Waits for the migration of a store. `serverUrl` is undefined for the embedded one, whose data folder the user can move.
 *
 * @throws CommandError that says what to do, when the data folder was made before the baseline.
 */
async function upgrade(migration: Promise<unknown>, dataDir: string, serverUrl: string | undefined): Promise<void> {
  try {
    await migration;
  } catch (error) {
    if (!(error instanceof RetiredStoreError) || serverUrl !== undefined) throw error;
    throw new CommandError(
      `the data folder ${dataDir} was made by a development version before the first release and cannot be upgraded; move it away (mv ${dataDir} ${dataDir}.old) and start again, which prints new tokens; spool, keys and hook settings outside it stay valid`,
    );
  }
}

const ifAny = (failing: readonly FailingSeries[]): Pick<StackStatus, 'failingSeries'> =>
  failing.length === 0 ? {} : { failingSeries: failing };

/** The organisation a request names, or `fallback` where it names none. */
async function knownOrg(postgres: Postgres, body: unknown, fallback: string): Promise<string> {
  const request = z.strictObject({ orgId: z.string().optional() }).safeParse(body ?? {});
  if (!request.success) throw new CommandError('a link to the boards takes the id of an organisation, orgId');
  const { orgId = fallback } = request.data;
  const known = await postgres.query('SELECT id FROM org WHERE id = $1 AND deleted_at IS NULL', [orgId]);
  if (known.length === 0)
    throw new CommandError('there is no organisation of that id; `shieldwatch org list` shows them');
  return orgId;
}

/** Our own collector, the one that is named, or the reason why there is none. */
async function openCollector(
  config: StackConfig,
  clickhouseUrl: string,
  pseudonymKeyFile: string | undefined,
  log: (line: string) => void,
  closers: (() => Promise<void>)[],
): Promise<{ url: string; key: string } | { absent: string }> {
  if (config.withoutCollector) return { absent: 'switched off' };
  if (config.collectorUrl !== undefined) return { url: config.collectorUrl, key: config.collectorKey ?? '' };
  const binary = collectorBinary();
  if (binary === undefined) return { absent: 'not built; `npm run collector:build` builds it, given Go' };
  log('starting the collector');
  // New for each start: only the gateway of this stack may send to this collector.
  const key = randomBytes(32).toString('hex');
  const collector = await startCollector({
    binary,
    dataDir: config.dataDir,
    port: config.collectorPort,
    clickhouseUrl,
    database: DEFAULT_DATABASE,
    key,
    ...(pseudonymKeyFile === undefined ? {} : { pseudonymKeyFile }),
    onLog: (line) => {
      log(`[collector] ${line}`);
    },
  });
  closers.push(() => collector.stop());
  return { url: collector.url, key };
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href.replace(/\/$/, '');
}

/** Explains why a port of the gateway could not be opened, and which flag names another. */
function refusedPort(flag: 'port' | 'grpc-port', port: number): (error: unknown) => never {
  return (error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRNOTAVAIL')
      throw new CommandError('this machine has no such address as --listen or SHIELDWATCH_LISTEN says');
    if (code !== 'EADDRINUSE') throw error;
    const variable = `SHIELDWATCH_${flag.toUpperCase().replace('-', '_')}`;
    throw new CommandError(`port ${String(port)} is in use; choose another with --${flag} or ${variable}`);
  };
}
