// Asks the store for blocked calls by tool and reason, through its SQL port and with ClickHouse's own client.
import process from 'node:process';
import { createClient } from '@clickhouse/client';

const client = createClient({
  url: process.env['CLICKHOUSE_URL'] ?? 'http://127.0.0.1:8123',
  database: 'shieldwatch',
  username: 'reader',
  password: process.env['CLICKHOUSE_PASSWORD'] ?? '',
});

const result = await client.query({
  query: `SELECT repo, tool, reason, count() AS calls
          FROM runtime_event
          WHERE decision = {decision:String} AND occurred_at > now() - INTERVAL {days:UInt16} DAY
          GROUP BY repo, tool, reason ORDER BY calls DESC LIMIT 20`,
  query_params: { decision: 'block', days: 7 },
  format: 'JSONEachRow',
});
for (const row of await result.json()) console.log(JSON.stringify(row));
await client.close();
