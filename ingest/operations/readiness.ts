import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { clickhouseMigrations } from '#schemas/clickhouse/migrate.js';
import { MIGRATIONS_TABLE } from '#schemas/migrations.js';
import type { Postgres } from '#schemas/postgres/client.js';
import { postgresMigrations } from '#schemas/postgres/migrate.js';
import type { CollectorSettings } from '../telemetry/collector-sink.js';

/** Milliseconds in which a dependency must answer. */
const TIMEOUT_MS = 2_000;

/** Dependencies of the gateway: stores with this version's schema, and a collector that listens. */
export interface Readiness {
  clickhouse: boolean;
  postgres: boolean;
  migrations: boolean;
  /** Absent when the gateway inserts into landing itself. */
  collector?: boolean;
}

/** Checks every dependency. Returns which one failed but not why, because `/readyz` is public. */
export async function readiness(parts: {
  clickhouse: ClickHouseClient;
  postgres: Postgres;
  collector?: CollectorSettings | undefined;
}): Promise<Readiness> {
  const { clickhouse, postgres, collector } = parts;
  const [store, database, migrations, receiver] = await Promise.all([
    answers(clickhouse.query({ query: 'SELECT 1', format: 'JSONEachRow' }).then((result) => result.json())),
    answers(postgres.query('SELECT 1')),
    answers(isMigrated(clickhouse, postgres)),
    // Any answer shows that it listens; it rejects requests without a key.
    collector === undefined
      ? true
      : answers(
          fetch(collector.url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).then((response) => response.body?.cancel()),
        ),
  ]);
  return {
    clickhouse: store,
    postgres: database,
    migrations,
    ...(collector === undefined ? {} : { collector: receiver }),
  };
}

/** @throws when a store does not have the schema of this version. */
async function isMigrated(clickhouse: ClickHouseClient, postgres: Postgres): Promise<void> {
  const newest = (versions: readonly { version: number }[]): number =>
    Math.max(0, ...versions.map(({ version }) => version));
  const [wantedStore, wantedDatabase, store, database] = await Promise.all([
    clickhouseMigrations(),
    postgresMigrations(),
    selectRows<{ version: number }>(clickhouse, `SELECT max(version) AS version FROM ${MIGRATIONS_TABLE}`),
    postgres.query<{ version: number }>(`SELECT max(version) AS version FROM ${MIGRATIONS_TABLE}`),
  ]);
  if (newest(store) !== newest(wantedStore) || newest(database) !== newest(wantedDatabase))
    throw new Error('another version');
}

async function answers(question: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false);
    }, TIMEOUT_MS);
  });
  const answered = question.then(
    () => true,
    () => false,
  );
  return Promise.race([answered, late]).finally(() => {
    clearTimeout(timer);
  });
}
