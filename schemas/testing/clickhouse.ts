import { randomUUID } from 'node:crypto';
import { giveBackDatabase, rememberDatabase, takeDatabase } from './database-pool.js';
import { createClickHouse, type ClickHouseClient } from '../clickhouse/client.js';
import { migrateClickHouse } from '../clickhouse/migrate.js';

export interface TestDatabase {
  client: ClickHouseClient;
  database: string;
  /** Empties the database for the next suite, or drops it, and closes the client. */
  drop(): Promise<void>;
}

/** A migrated and empty database on the store at `url`, which nobody else uses until it is dropped. */
export async function freshDatabase(url: string): Promise<TestDatabase> {
  const used = await takeDatabase(url);
  const database = used ?? `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  if (used === undefined) await migrateClickHouse({ url, database });
  const client = createClickHouse({ url, database });
  if (used === undefined) await rememberDatabase(url, database, client);
  return {
    client,
    database,
    async drop() {
      if (!(await giveBackDatabase(url, database, client)))
        await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
      await client.close();
    },
  };
}
