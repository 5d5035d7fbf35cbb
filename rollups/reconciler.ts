import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';
import { monthsOf } from './backfill.js';
import { rollupJobs } from './jobs.js';
import { reconcileMonth } from './reconcile.js';

const HOUR_MS = 3_600_000;

export interface ReconcilerSettings {
  clickhouse: ClickHouseClient;
  /** Pause between two passes; default: an hour. The first pass follows the first pause. */
  intervalMs?: number;
  /** Milliseconds since the epoch; default: this process's clock. */
  clock?: () => number;
  /** Called when missing facts have been created. */
  onFactsCreated: (facts: number) => void;
  /** Called when buckets differed from their facts and have been marked dirty. */
  onStale: (buckets: number) => void;
  /** Called for a failed pass; the next one retries. */
  onError: (error: unknown) => void;
}

/**
 * Compares facts with landing: every hour, for what arrived yesterday and today (`shieldwatch facts reconcile` covers
 * older days). Compares series with facts: every night, after the first hour, all of them.
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
        const created = await reconcileRecent(settings.clickhouse, clock());
        if (created > 0) settings.onFactsCreated(created);
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
  let created = 0;
  for (const day of await landingDays(clickhouse))
    if (day.day >= yesterday) created += await reconcileFacts(clickhouse, day);
  return created;
}

async function reconcileSeries(clickhouse: ClickHouseClient): Promise<number> {
  let stale = 0;
  for (const job of rollupJobs())
    for (const { month } of await monthsOf(clickhouse, job)) stale += await reconcileMonth(clickhouse, job, month);
  return stale;
}
