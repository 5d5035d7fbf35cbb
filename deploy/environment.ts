/** The environment of this process. No other file of the stack and of the `shieldwatch` command reads it. */
export const environment: NodeJS.ProcessEnv = process.env;

/** Variables that the stack and the command read: every one of them, as README.md lists them. */
export const VARIABLES = [
  'SHIELDWATCH_DATA_DIR',
  'SHIELDWATCH_PORT',
  'SHIELDWATCH_GRPC_PORT',
  'SHIELDWATCH_LISTEN',
  'SHIELDWATCH_CLICKHOUSE_PORT',
  'SHIELDWATCH_CLICKHOUSE_ADMIN',
  'SHIELDWATCH_COLLECTOR_PORT',
  'SHIELDWATCH_COLLECTOR_KEY',
  'SHIELDWATCH_DRAIN_SECONDS',
  'SHIELDWATCH_GRAFANA_PORT',
  'SHIELDWATCH_LOG_LEVEL',
  'SHIELDWATCH_ALLOWED_KEYS',
  'SHIELDWATCH_PSEUDONYM_KEY_FILE',
  'SHIELDWATCH_SECRETS_KEY',
  'SHIELDWATCH_DELIVERY_ALLOW',
  'SHIELDWATCH_PUBLIC_URL',
  'SHIELDWATCH_TOKEN',
  'SHIELDWATCH_URL',
  'CLICKHOUSE_URL',
  'CLICKHOUSE_READER_URL',
  'DATABASE_URL',
  'OTEL_COLLECTOR_URL',
  'GRAFANA_URL',
  'GF_SECURITY_ADMIN_PASSWORD',
] as const;
export type Variable = (typeof VARIABLES)[number];

/** Returns the text of a variable; undefined if it is not set. */
export function variable(name: Variable): string | undefined {
  return environment[name];
}
