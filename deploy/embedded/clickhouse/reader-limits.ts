import { totalmem } from 'node:os';

const MIB = 2 ** 20;

/** Of one reader's query, unless it asks for less or, up to `READER_LIMITS`, for more. */
export const READER_DEFAULTS = {
  max_result_rows: '1000000',
  max_result_bytes: String(512 * MIB),
  max_memory_usage: String(Math.min(Math.floor(totalmem() / 4), 2048 * MIB)),
} as const;

/** What a reader's query can ask for at most. `max_execution_time` holds Grafana's default (60 s) with what clickhouse-go adds. */
export const READER_LIMITS = {
  max_execution_time: 120,
  max_result_rows: 10_000_000,
  max_result_bytes: 4096 * MIB,
  max_memory_usage: Math.min(Math.floor(totalmem() / 4), 4096 * MIB),
  max_threads: 16,
} as const;
