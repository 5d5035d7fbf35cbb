import { ClickHouseError, ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';

export { ClickHouseError };
export type { ClickHouseClient };

export interface ClickHouseConfig {
  /** HTTP URL, such as `http://127.0.0.1:8123`; may contain user and password. */
  url: string;
  /** Database of our tables. Default: `shieldwatch`. */
  database?: string;
  /** Timeout of a request in milliseconds. Default: 30,000. */
  requestTimeoutMs?: number;
}

/** Default database. It must not be `default`: refreshable views need an Atomic database. */
export const DEFAULT_DATABASE = 'shieldwatch';

/** Creates a client for the embedded server or a real one. Close it when done. */
export function createClickHouse(config: ClickHouseConfig): ClickHouseClient {
  return createClient({
    url: config.url,
    database: config.database ?? DEFAULT_DATABASE,
    request_timeout: config.requestTimeoutMs ?? 30_000,
    max_open_connections: 8,
    // On a busy machine the client's idle timer may run after the server has closed the connection.
    keep_alive: { eagerly_destroy_stale_sockets: true },
    // The client's log would quote the server's error text, which quotes rows. Errors are thrown anyway.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      // Dates as UTC text, 64-bit integers as JSON numbers: counts stay far below 2^53.
      date_time_output_format: 'iso',
      output_format_json_quote_64bit_integers: 0,
    },
  });
}

/** Runs a SELECT and yields its rows in parts as they arrive, so that many rows do not block the event loop. */
export async function* selectInParts<T>(
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown> = {},
): AsyncGenerator<T[]> {
  const result = await client.query({ query, query_params: params, format: 'JSONEachRow' });
  for await (const rows of result.stream<T>()) yield rows.map((row) => row.json());
}

/** Runs a SELECT and returns its rows. `params` are typed parameters, `{name:Type}` in the SQL. */
export async function selectRows<T>(
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown> = {},
): Promise<T[]> {
  const result = await client.query({ query, query_params: params, format: 'JSONEachRow' });
  return result.json<T>();
}
