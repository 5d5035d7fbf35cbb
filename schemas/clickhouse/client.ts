import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';

export type { ClickHouseClient };

export interface ClickHouseConfig {
  /** HTTP address, e.g. `http://127.0.0.1:8123`; user and password may be part of it. */
  url: string;
  /** Database of our tables; `shieldwatch` unless set. */
  database?: string;
  /** Milliseconds one request may take; 30,000 unless set. */
  requestTimeoutMs?: number;
}

/** Name of the database unless a deployment chooses another. It must not be `default`: refreshable views need an Atomic database. */
export const DEFAULT_DATABASE = 'shieldwatch';

/** A client for the store: the embedded server and a real one alike. Close it when done. */
export function createClickHouse(config: ClickHouseConfig): ClickHouseClient {
  return createClient({
    url: config.url,
    database: config.database ?? DEFAULT_DATABASE,
    request_timeout: config.requestTimeoutMs ?? 30_000,
    max_open_connections: 8,
    // On a busy machine the timer that gives up an idle connection may run after the server has closed it.
    keep_alive: { eagerly_destroy_stale_sockets: true },
    // Its log would quote the server's error text, and that quotes rows. Errors are thrown anyway.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      // Dates as text in UTC, 64-bit counts as JSON numbers: series counts stay far below 2^53.
      date_time_output_format: 'iso',
      output_format_json_quote_64bit_integers: 0,
    },
  });
}

/** Runs one SELECT and returns its rows. `params` are typed parameters, `{name:Type}` in the SQL. */
export async function selectRows<T>(
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown> = {},
): Promise<T[]> {
  const result = await client.query({ query, query_params: params, format: 'JSONEachRow' });
  return result.json<T>();
}
