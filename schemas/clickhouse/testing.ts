import { randomUUID } from 'node:crypto';
import { createClickHouse, type ClickHouseClient } from './client.js';
import { migrateClickHouse } from './migrate.js';

export interface TestDatabase {
  client: ClickHouseClient;
  database: string;
  /** Drops the database and closes the client. */
  drop(): Promise<void>;
}

/** A migrated database of its own on the store at `url`, for one test file. */
export async function freshDatabase(url: string): Promise<TestDatabase> {
  const database = `test_${randomUUID().replaceAll('-', '').slice(0, 12)}`;
  await migrateClickHouse({ url, database });
  const client = createClickHouse({ url, database });
  return {
    client,
    database,
    async drop() {
      await client.command({ query: 'DROP DATABASE {database:Identifier}', query_params: { database } });
      await client.close();
    },
  };
}
