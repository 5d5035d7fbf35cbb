import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseAllowed } from '#ingest/delivery/egress.js';
import { CommandError } from '#schemas/errors.js';
import { variable, type Variable } from '../environment.js';

/** What a person may choose about the embedded stack. */
export interface StackConfig {
  /** Folder of everything the stack keeps. */
  dataDir: string;
  /** Gateway: OTLP in, REST, boards. */
  port: number;
  /** OTLP/gRPC of the gateway; absent: it does not listen for it. */
  grpcPort?: number;
  /** IP address the gateway listens on. Everything else stays on loopback. */
  listen: string;
  /** Embedded ClickHouse, HTTP interface. */
  clickhousePort: number;
  /** A user of the embedded ClickHouse who makes databases beside ours. */
  clickhouseAdmin: boolean;
  /** Collector, OTLP/HTTP behind its own key. */
  collectorPort: number;
  /** A ClickHouse server instead of the embedded one. */
  clickhouseUrl?: string;
  /** That server as its reader may ask it, for a Grafana on this machine. */
  clickhouseReaderUrl?: string;
  /** A Postgres server instead of the embedded one. */
  databaseUrl?: string;
  /** A running collector instead of our own child process; its receiver's key in `collectorKey`. */
  collectorUrl?: string;
  collectorKey?: string;
  /** A Grafana with the same boards, for links to it. */
  grafanaUrl?: string;
  /** Port of a Grafana that is found on this machine. */
  grafanaPort: number;
  /** URL at which people reach the gateway, for links in notices. */
  publicUrl?: string;
  /** Addresses that notices may be sent to although they are not public. */
  deliveryAllow: string[];
  /** Land in the gateway even where a collector could run. */
  withoutCollector: boolean;
  /** Seconds for which the gateway continues after a stop signal, while its `/readyz` is 503. */
  drainSeconds: number;
  /** Least level of the gateway's log lines (JSON, standard output). */
  logLevel: (typeof LOG_LEVELS)[number];
}

const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** Flags as commander hands them over: text, or absent. */
export interface StackFlags {
  dataDir?: string;
  port?: string;
  grpcPort?: string;
  listen?: string;
  clickhousePort?: string;
  clickhouseAdmin?: boolean;
  collectorPort?: string;
  /** False after `--no-collector`. */
  collector?: boolean;
}

/** Address every part of the embedded stack listens on; the gateway by default. */
export const LOOPBACK = '127.0.0.1';

function port(name: string, env: Variable, flag: string | undefined, fallback: number): number {
  const text = flag ?? variable(env);
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new CommandError(`--${name} (or ${env}) must be a port number from 0 to 65535`);
  }
  return value;
}

const isGiven = (text: string | undefined): boolean => text !== undefined && text !== '';

function drainSeconds(): number {
  const text = variable('SHIELDWATCH_DRAIN_SECONDS') ?? '0';
  const seconds = Number(text);
  if (text === '' || !Number.isInteger(seconds) || seconds < 0 || seconds > 300)
    throw new CommandError('SHIELDWATCH_DRAIN_SECONDS must be a number from 0 to 300');
  return seconds;
}

function deliveryAllow(): string[] {
  try {
    return parseAllowed(variable('SHIELDWATCH_DELIVERY_ALLOW'));
  } catch (error) {
    throw new CommandError(`SHIELDWATCH_DELIVERY_ALLOW: ${error instanceof Error ? error.message : 'not a list'}`);
  }
}

function listenAddress(flag: string | undefined): string {
  const text = flag ?? variable('SHIELDWATCH_LISTEN');
  if (text === undefined || text === '') return LOOPBACK;
  if (isIP(text) === 0)
    throw new CommandError('--listen (or SHIELDWATCH_LISTEN) must be an IP address, as 0.0.0.0 for all of IPv4');
  return text;
}

/** Whether only this machine can reach an address. */
export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Address by which this machine reaches a gateway that listens on `listen`. */
export function ownUrl(listen: string, port: number): string {
  if (listen === '0.0.0.0' || listen === '::') return `http://${LOOPBACK}:${port}`;
  return `http://${isIP(listen) === 6 ? `[${listen}]` : listen}:${port}`;
}

/** Where data is kept unless said otherwise. */
export function resolveDataDir(flag: string | undefined): string {
  return resolve(flag ?? variable('SHIELDWATCH_DATA_DIR') ?? join(homedir(), '.shieldwatch/data'));
}

/** Flag, else environment, else default; each value checked here and nowhere later. */
export function resolveStackConfig(flags: StackFlags): StackConfig {
  const clickhouseUrl = variable('CLICKHOUSE_URL');
  const databaseUrl = variable('DATABASE_URL');
  const collectorUrl = variable('OTEL_COLLECTOR_URL');
  const collectorKey = variable('SHIELDWATCH_COLLECTOR_KEY');
  const grafanaUrl = variable('GRAFANA_URL');
  const readerUrl = variable('CLICKHOUSE_READER_URL');
  const publicUrl = variable('SHIELDWATCH_PUBLIC_URL');
  for (const [name, value] of Object.entries({
    CLICKHOUSE_URL: clickhouseUrl,
    DATABASE_URL: databaseUrl,
    OTEL_COLLECTOR_URL: collectorUrl,
    GRAFANA_URL: grafanaUrl,
    CLICKHOUSE_READER_URL: readerUrl,
    SHIELDWATCH_PUBLIC_URL: publicUrl,
  })) {
    if (value !== undefined && !URL.canParse(value)) throw new CommandError(`${name} must be a URL`);
  }
  const level = variable('SHIELDWATCH_LOG_LEVEL') ?? 'error';
  const logLevel = LOG_LEVELS.find((each) => each === level);
  if (logLevel === undefined) throw new CommandError(`SHIELDWATCH_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}`);
  return {
    logLevel,
    dataDir: resolveDataDir(flags.dataDir),
    port: port('port', 'SHIELDWATCH_PORT', flags.port, 4000),
    ...(isGiven(flags.grpcPort ?? variable('SHIELDWATCH_GRPC_PORT'))
      ? { grpcPort: port('grpc-port', 'SHIELDWATCH_GRPC_PORT', flags.grpcPort, 0) }
      : {}),
    listen: listenAddress(flags.listen),
    clickhousePort: port('clickhouse-port', 'SHIELDWATCH_CLICKHOUSE_PORT', flags.clickhousePort, 8123),
    clickhouseAdmin: flags.clickhouseAdmin ?? variable('SHIELDWATCH_CLICKHOUSE_ADMIN') === '1',
    collectorPort: port('collector-port', 'SHIELDWATCH_COLLECTOR_PORT', flags.collectorPort, 4318),
    ...(clickhouseUrl === undefined ? {} : { clickhouseUrl }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(collectorUrl === undefined ? {} : { collectorUrl }),
    ...(collectorKey === undefined ? {} : { collectorKey }),
    ...(grafanaUrl === undefined ? {} : { grafanaUrl }),
    grafanaPort: port('grafana-port', 'SHIELDWATCH_GRAFANA_PORT', undefined, 3000),
    ...(readerUrl === undefined ? {} : { clickhouseReaderUrl: readerUrl }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    deliveryAllow: deliveryAllow(),
    drainSeconds: drainSeconds(),
    withoutCollector: flags.collector === false,
  };
}
