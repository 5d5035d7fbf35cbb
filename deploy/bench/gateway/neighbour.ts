import { setTimeout as pause } from 'node:timers/promises';
import { createGateway } from '#ingest/app.js';
import { INGEST_SCOPES } from '#ingest/auth/caller.js';
import { mintToken } from '#ingest/auth/tokens.js';
import { createClickHouse } from '#schemas/clickhouse/client.js';
import { freshPostgres } from '#schemas/testing/postgres.js';
import { asRole, inOrg } from '#schemas/postgres/session.js';
import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio, quantile } from '../measure.js';
import { startSink } from './child.js';

/** Response time of a collector with a busy disk, in milliseconds; the noisy tenant adds a few. */
const COLLECTOR_MS = 100;
/** Requests per second that a token may send. */
const QUOTA = 50;

/** Measures the p95 of a tenant's requests beside one that sends ten times its quota, over the same alone. */
export async function noisyNeighbour(report: BenchReport, repeats = 7, milliseconds = 1_000): Promise<void> {
  const sink = await startSink(COLLECTOR_MS);
  const postgres = await freshPostgres();
  await asRole(postgres, 'shieldwatch_operator', {}, (tx) =>
    tx.query(
      "INSERT INTO org (id, name, retention_days) VALUES ('org_noisy', 'noisy', 30), ('org_quiet', 'quiet', 30)",
    ),
  );
  const mint = async (orgId: string): Promise<string> =>
    (await inOrg(postgres, orgId, (tx) => mintToken(tx, { orgId, name: 'bench', scopes: INGEST_SCOPES }))).token;
  const [noisy, quiet] = [await mint('org_noisy'), await mint('org_quiet')];
  const quota = { rate: QUOTA, burst: QUOTA };
  const gateway = await createGateway({
    // Not used on this path: requests are forwarded to the collector.
    clickhouse: createClickHouse({ url: 'http://127.0.0.1:9' }),
    postgres,
    collector: { url: sink.url, key: 'bench' },
    quotas: {
      requests: quota,
      bytes: { rate: 1e12, burst: 1e12 },
      entries: { rate: 1e12, burst: 1e12 },
      failures: quota,
    },
  });
  const send = async (token: string): Promise<number> =>
    (
      await gateway.inject({
        method: 'POST',
        url: '/v1/logs',
        payload: '{"resourceLogs":[]}',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      })
    ).statusCode;
  try {
    let [sent, refused] = [0, 0];
    /** Sends 40 requests per second for the quiet tenant, below its quota, and 500 for the noisy one. */
    const p95 = async (isNoisy: boolean): Promise<number> => {
      const took: number[] = [];
      const work: Promise<void>[] = [];
      const startedAt = performance.now();
      for (let tick = 0; tick * 5 < milliseconds; tick += 1) {
        await pause(Math.max(0, startedAt + tick * 5 - performance.now()));
        if (isNoisy && tick % 2 === 0) {
          for (let n = 0; n < 5; n += 1)
            work.push(
              send(noisy).then((status) => {
                sent += 1;
                refused += status === 429 ? 1 : 0;
              }),
            );
        }
        if (tick % 5 === 0) {
          const sentAt = performance.now();
          work.push(
            send(quiet).then((status) => {
              if (status !== 200) throw new Error(`the quiet tenant got ${String(status)}`);
              took.push(performance.now() - sentAt);
            }),
          );
        }
      }
      await Promise.all(work);
      return quantile(took, 0.95);
    };
    const pairs = await alternate(
      repeats,
      () => p95(true),
      () => p95(false),
    );
    report.figure({
      metric: 'quiet_p95_beside_noisy_ratio',
      value: medianRatio(pairs),
      better: 'lower',
      floor: 1.2,
      goal: 1.05,
    });
    report.note(
      `${median(pairs.map(({ a }) => a)).toFixed(1)} ms beside, ${median(pairs.map(({ b }) => b)).toFixed(1)} ms alone; ${String(refused)} of ${String(sent)} noisy requests refused`,
    );
  } finally {
    await gateway.close();
    await postgres.close();
    sink.close();
  }
}
