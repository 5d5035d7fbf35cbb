import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { BenchReport } from '../figure.js';
import { quantile } from '../measure.js';

const INTERVAL_MS = 1_000;

/** A steady stream, one INSERT per second. */
export interface StreamSize {
  readonly eventsPerSecond: number;
  readonly seconds: number;
}

/**
 * Measures a steady stream of decisions, 1 % of them up to a week late, with and without a worker: the time until the
 * series shows an event, over the worker's interval; and the worker's cost in cores, its own process and the engine's.
 */
export async function stream(
  report: BenchReport,
  client: ClickHouseClient,
  { eventsPerSecond, seconds }: StreamSize,
): Promise<void> {
  await client.command({
    query: `CREATE MATERIALIZED VIEW IF NOT EXISTS dirty_hour_runtime_event_mv_v1 TO dirty_hour_v1 AS
      SELECT 'runtime_event' AS fact, org_id, repo, bucket_start, now64(3, 'UTC') AS marked_at
      FROM (SELECT DISTINCT org_id, repo, toStartOfHour(occurred_at) AS bucket_start FROM runtime_event_v1)`,
  });
  const without = await cores(() => feed(client, eventsPerSecond, Math.ceil(seconds / 2), 'alone'));
  const worker = createRollupWorker({ clickhouse: client, intervalMs: INTERVAL_MS });
  await worker.tick();
  worker.start();
  const freshness: number[] = [];
  const stopping = new AbortController();
  const watch = (async (): Promise<void> => {
    for (let probe = 0; !stopping.signal.aborted; probe++)
      freshness.push(await probeOnce(client, probe, stopping.signal));
  })();
  const with_ = await cores(() => feed(client, eventsPerSecond, seconds, 'streamed'));
  stopping.abort();
  await watch;
  await worker.stop();
  const seen = freshness.filter(Number.isFinite);
  report.figure({
    metric: 'stream_freshness_p95_over_interval',
    value: quantile(seen, 0.95) / INTERVAL_MS,
    better: 'lower',
    floor: 3,
    goal: 1.5,
  });
  report.note(
    `${eventsPerSecond} events/s for ${seconds} s: freshness p50 ${quantile(seen, 0.5).toFixed(0)} ms, p95 ${quantile(seen, 0.95).toFixed(0)} ms of ${seen.length} probes`,
  );
  report.note(
    `cores of the bench and everything it started: ${without.toFixed(2)} without the worker, ${with_.toFixed(2)} with it: the worker's share ${(with_ - without).toFixed(2)}`,
  );
}

async function feed(client: ClickHouseClient, eventsPerSecond: number, seconds: number, run: string): Promise<void> {
  const begin = performance.now();
  for (let second = 0; second < seconds; second++) {
    await client.command({
      query: `INSERT INTO runtime_event_v1 (org_id, repo, event_id, occurred_at, tool, decision, duration_us)
        WITH cityHash64(number, ${second}) AS h
        SELECT concat('org', toString(h % 20)), concat('acme/repo', toString(intDiv(h, 20) % 2)), concat('${run}', toString(${second}), '-', toString(number)),
          now64(3) - if(intDiv(h, 40) % 100 = 0, intDiv(h, 4000) % 604800, 0), 'Bash', 'allow', 300 FROM numbers(${eventsPerSecond})`,
    });
    await pause(Math.max(0, begin + (second + 1) * 1_000 - performance.now()));
  }
}

/** Returns the milliseconds from one event's INSERT until the series shows it; NaN if the stream ended before. */
async function probeOnce(client: ClickHouseClient, probe: number, over: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const tool = `probe-${probe}`;
  await client.insert({
    table: 'runtime_event_v1',
    values: [{ org_id: 'org0', repo: 'acme/repo0', event_id: tool, occurred_at: Date.now(), tool, decision: 'allow' }],
    format: 'JSONEachRow',
  });
  while (!over.aborted) {
    const [row] = await selectRows<{ n: number }>(
      client,
      `SELECT count() AS n FROM blocked_command_rate_hour WHERE org_id = 'org0' AND repo = 'acme/repo0' AND bucket_start >= now() - toIntervalHour(2) AND tool = {tool:String}`,
      { tool },
    );
    if ((row?.n ?? 0) > 0) return performance.now() - startedAt;
    await pause(50);
  }
  return Number.NaN;
}

/**
 * Returns the processor time per second of this process and its children while `work` runs. Linux only: NaN elsewhere.
 */
async function cores(work: () => Promise<void>): Promise<number> {
  const before = cpuSeconds();
  const startedAt = performance.now();
  await work();
  return (cpuSeconds() - before) / ((performance.now() - startedAt) / 1_000);
}

const TICKS_PER_SECOND = 100;

function cpuSeconds(): number {
  try {
    const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((pid) => pid !== '');
    return [String(process.pid), ...children].reduce((sum, pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return sum + (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    }, 0);
  } catch {
    return Number.NaN;
  }
}
