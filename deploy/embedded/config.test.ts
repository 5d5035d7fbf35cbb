import { afterEach, describe, expect, it, vi } from 'vitest';
import { CommandError } from '#schemas/errors.js';
import { resolveStackConfig, type StackFlags } from './config.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the configuration of a stack', () => {
  it.each<[NodeJS.ProcessEnv, string]>([
    [{ CLICKHOUSE_URL: 'clickhouse' }, 'CLICKHOUSE_URL must be a URL'],
    [{ DATABASE_URL: 'db' }, 'DATABASE_URL must be a URL'],
    [{ OTEL_COLLECTOR_URL: '' }, 'OTEL_COLLECTOR_URL must be a URL'],
    [{ GRAFANA_URL: '//' }, 'GRAFANA_URL must be a URL'],
    [{ CLICKHOUSE_READER_URL: 'x y' }, 'CLICKHOUSE_READER_URL must be a URL'],
    [
      { SHIELDWATCH_LOG_LEVEL: 'loud' },
      'SHIELDWATCH_LOG_LEVEL must be one of silent, fatal, error, warn, info, debug, trace',
    ],
    [{ SHIELDWATCH_DRAIN_SECONDS: '' }, 'SHIELDWATCH_DRAIN_SECONDS must be a number from 0 to 300'],
    [{ SHIELDWATCH_DRAIN_SECONDS: '301' }, 'SHIELDWATCH_DRAIN_SECONDS must be a number from 0 to 300'],
    [{ SHIELDWATCH_DRAIN_SECONDS: '1.5' }, 'SHIELDWATCH_DRAIN_SECONDS must be a number from 0 to 300'],
    [
      { SHIELDWATCH_LISTEN: 'localhost' },
      '--listen (or SHIELDWATCH_LISTEN) must be an IP address, as 0.0.0.0 for all of IPv4',
    ],
    [{ SHIELDWATCH_PORT: '-1' }, '--port (or SHIELDWATCH_PORT) must be a port number from 0 to 65535'],
    [
      { SHIELDWATCH_CLICKHOUSE_PORT: '65536' },
      '--clickhouse-port (or SHIELDWATCH_CLICKHOUSE_PORT) must be a port number from 0 to 65535',
    ],
    [
      { SHIELDWATCH_COLLECTOR_PORT: '4e99' },
      '--collector-port (or SHIELDWATCH_COLLECTOR_PORT) must be a port number from 0 to 65535',
    ],
    [
      { SHIELDWATCH_GRAFANA_PORT: 'g' },
      '--grafana-port (or SHIELDWATCH_GRAFANA_PORT) must be a port number from 0 to 65535',
    ],
  ])('%j is refused before anything starts', (env, message) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(() => resolveStackConfig({})).toThrow(new CommandError(message));
  });

  it('takes flags, else the environment, else defaults', () => {
    vi.stubEnv('SHIELDWATCH_PORT', '5000');
    vi.stubEnv('SHIELDWATCH_LOG_LEVEL', 'info');
    vi.stubEnv('DATABASE_URL', 'postgres://db.example/shieldwatch');
    const flags: StackFlags = { dataDir: '/data', collectorPort: '1', collector: false };
    expect(resolveStackConfig(flags)).toMatchObject({
      port: 5_000,
      clickhousePort: 8_123,
      collectorPort: 1,
      listen: '127.0.0.1',
      dataDir: '/data',
      logLevel: 'info',
      drainSeconds: 0,
      databaseUrl: 'postgres://db.example/shieldwatch',
      withoutCollector: true,
    });
    expect(resolveStackConfig({ ...flags, port: '0' }).port).toBe(0);
    expect(resolveStackConfig(flags)).not.toHaveProperty('grpcPort');
    expect(resolveStackConfig({ ...flags, grpcPort: '4317' }).grpcPort).toBe(4_317);
  });
});
