import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JAVA, PYTHON, type Check } from '../../testing/clients.js';
import { startTestServer, type TestServer } from '../../testing/clickhouse-server.js';

describe.each([
  ['clickhouse-connect, pandas and SQLAlchemy', PYTHON, 38],
  ['the JDBC driver', JAVA, 28],
] as const)('%s', (_name, client, count) => {
  const title = client.isInstalled ? '' : ` (NOT RUN: no ${client.needs})`;
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.remove());

  test.skipIf(!client.isInstalled)(
    `connect, query and insert as their users do, as the reader and as the writer${title}`,
    async () => {
      const checks: Check[] = await client.run([server.clickhouse.url, server.clickhouse.readerUrl]);
      expect(checks.filter(({ ok }) => !ok)).toEqual([]);
      expect(checks).toHaveLength(count);
    },
  );
});
