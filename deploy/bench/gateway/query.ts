import { createGateway } from '#ingest/app.js';
import { ensureFirstTokens, LOCAL_ORG_ID } from '#ingest/control/first-tokens.js';
import { readSeries } from '#ingest/queries/read-series.js';
import { SERIES_TABLE } from '#ingest/queries/series-table.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import type { BenchReport } from '../figure.js';
import { quantile } from '../measure.js';
import { withServer } from '../store/server.js';

const REPOSITORY = 'acme/agent-platform';
const HOUR_S = 3_600;
const DAYS = 30;

/** Measures the p95 of a page of a series by the API, minus the p95 of the same SQL sent to the store, alternating. */
export async function queryLatency(report: BenchReport, queries = 300): Promise<void> {
  await withServer(async ({ client }) => {
    const postgres = await freshPostgres();
    const first = await ensureFirstTokens(postgres);
    const until = Math.floor(Date.now() / 1_000 / HOUR_S) * HOUR_S;
    const since = until - DAYS * 24 * HOUR_S;
    await fill(client, since, until);
    const noLimit = { rate: 1e12, burst: 1e12 };
    const gateway = await createGateway({
      clickhouse: client,
      postgres,
      quotas: { requests: noLimit, bytes: noLimit, entries: noLimit, failures: noLimit },
    });
    try {
      const url = await gateway.listen({ host: '127.0.0.1', port: 0 });
      const view = SERIES_TABLE.get('blocked_command_rate')?.views.find(({ bucket }) => bucket === 'hour');
      if (view === undefined || first === undefined) throw new Error('the series or the token is missing');
      const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString();
      const address = `${url}/v1/series/blocked_command_rate?bucket=hour&repository=${encodeURIComponent(REPOSITORY)}&from=${iso(since)}&to=${iso(until)}&limit=1000`;
      const byApi = async (): Promise<void> => {
        const answer = await fetch(address, { headers: { authorization: `Bearer ${first.readToken}` } });
        const { points } = (await answer.json()) as { points: unknown[] };
        if (points.length !== 1_000) throw new Error(`${points.length} points`);
      };
      const straight = async (): Promise<void> => {
        await readSeries(client, view, {
          orgId: LOCAL_ORG_ID,
          repository: REPOSITORY,
          since,
          until,
          filters: new Map(),
          limit: 1_000,
          cursor: undefined,
        });
      };
      const times = { api: [] as number[], sql: [] as number[] };
      const timed = async (into: number[], work: () => Promise<void>): Promise<void> => {
        const startedAt = performance.now();
        await work();
        into.push(performance.now() - startedAt);
      };
      await byApi();
      await straight();
      for (let i = 0; i < queries; i += 1) {
        const order = [() => timed(times.api, byApi), () => timed(times.sql, straight)];
        for (const one of i % 2 === 0 ? order : order.reverse()) await one();
      }
      const p95 = { api: quantile(times.api, 0.95), sql: quantile(times.sql, 0.95) };
      report.figure({
        metric: 'query_api_minus_sql_p95_ms',
        value: p95.api - p95.sql,
        better: 'lower',
        floor: 10,
        goal: 3,
      });
      report.note(
        `p50 ${quantile(times.api, 0.5).toFixed(1)} ms by API and ${quantile(times.sql, 0.5).toFixed(1)} ms straight; p95 ${p95.api.toFixed(1)} and ${p95.sql.toFixed(1)}`,
      );
    } finally {
      await gateway.close();
      await postgres.close();
    }
  });
}

/** Writes two tools, every hour, and the rows that register the repository. */
async function fill(client: ClickHouseClient, since: number, until: number): Promise<void> {
  const key = { org_id: LOCAL_ORG_ID, repo: REPOSITORY, version: 1 };
  const hours = Array.from({ length: (until - since) / HOUR_S }, (_, i) => since + i * HOUR_S);
  const row = (bucketStart: number, over: object) => ({
    ...key,
    bucket_start: bucketStart,
    is_head: false,
    tool: '',
    agent: 'claude-code',
    rule_category: '',
    allowed: 10,
    blocked: 1,
    asked: 0,
    ...over,
  });
  const values = hours.flatMap((hour) => [
    row(hour, { is_head: true }),
    row(hour, { tool: 'Bash' }),
    row(hour, { tool: 'Read' }),
  ]);
  await client.insert({ table: 'blocked_command_rate_v1', values, format: 'JSONEachRow' });
  const moment = new Date().toISOString().replace('T', ' ').replace('Z', '');
  await client.insert({
    table: 'repository_activity_v1',
    values: [{ org_id: LOCAL_ORG_ID, repo: REPOSITORY, first_seen: moment, last_seen: moment }],
    format: 'JSONEachRow',
  });
}
