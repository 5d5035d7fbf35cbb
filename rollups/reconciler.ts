import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';
import { monthsOf } from './backfill.js';
import { rollupJobs } from './jobs.js';
import { reconcileMonth } from './reconcile.js';

const HOUR_MS = 3_600_000;

export interface ReconcilerSettings {
  clickhouse: ClickHouseClient;
  /** Pause between two passes; an hour unless set. The first pass follows the first pause. */
  intervalMs?: number;
  /** Milliseconds since the epoch; this process's clock unless set. */
  clock?: () => number;
  /** Told when facts were missing and have been made. */
  onMended: (facts: number) => void;
  /** Told when buckets were not what their facts are, and have been marked. */
  onStale: (buckets: number) => void;
  /** Told about a pass that failed; the next one tries again. */
  onError: (error: unknown) => void;
}

/**
 * Holds the facts to landing: every hour it goes through what arrived yesterday and today. Older days are for
 * `shieldwatch facts reconcile`. Holds the series to the facts: every night, after the first hour, all of them.
 */
export function startReconciler(settings: ReconcilerSettings): { stop(): Promise<void> } {
  const clock = settings.clock ?? Date.now;
  const stopping = new AbortController();
  async function run(): Promise<void> {
    let heldOn: string | undefined;
    for (;;) {
      await pause(settings.intervalMs ?? HOUR_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        const mended = await reconcileRecent(settings.clickhouse, clock());
        if (mended > 0) settings.onMended(mended);
        const today = new Date(clock()).toISOString().slice(0, 10);
        if (heldOn === today) continue;
        const stale = await reconcileSeries(settings.clickhouse);
        if (stale > 0) settings.onStale(stale);
        heldOn = today;
      } catch (error) {
        settings.onError(error);
      }
    }
  }
  const loop = run();
  return {
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

async function reconcileRecent(clickhouse: ClickHouseClient, now: number): Promise<number> {
  const yesterday = new Date(now - 24 * HOUR_MS).toISOString().slice(0, 10);
  let mended = 0;
  for (const day of await landingDays(clickhouse))
    if (day.day >= yesterday) mended += await reconcileFacts(clickhouse, day);
  return mended;
}

async function reconcileSeries(clickhouse: ClickHouseClient): Promise<number> {
  let stale = 0;
  for (const job of rollupJobs())
    for (const { month } of await monthsOf(clickhouse, job)) stale += await reconcileMonth(clickhouse, job, month);
  return stale;
}
