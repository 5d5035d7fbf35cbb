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
  /** Called with what could not be compared, a series or a day of facts; the next pass compares it again. */
  onError: (what: string, error: unknown) => void;
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
      const created = await reconcileRecent(settings, clock());
      if (created > 0) settings.onFactsCreated(created);
      const today = new Date(clock()).toISOString().slice(0, 10);
      if (heldOn === today) continue;
      const { stale, isComplete } = await reconcileSeries(settings);
      if (stale > 0) settings.onStale(stale);
      if (isComplete) heldOn = today;
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

/** Compares day by day; one that fails does not stop the others. */
async function reconcileRecent({ clickhouse, onError }: ReconcilerSettings, now: number): Promise<number> {
  const yesterday = new Date(now - 24 * HOUR_MS).toISOString().slice(0, 10);
  const days = await landingDays(clickhouse).catch((error: unknown) => {
    onError('landing', error);
    return [];
  });
  let created = 0;
  for (const day of days)
    if (day.day >= yesterday)
      created += await reconcileFacts(clickhouse, day).catch((error: unknown) => {
        onError(`facts ${day.fact} of ${day.day}`, error);
        return 0;
      });
  return created;
}

/** Compares series by series; one that fails does not stop the others. */
async function reconcileSeries({
  clickhouse,
  onError,
}: ReconcilerSettings): Promise<{ stale: number; isComplete: boolean }> {
  let stale = 0;
  let isComplete = true;
  for (const job of rollupJobs())
    try {
      for (const { month } of await monthsOf(clickhouse, job)) stale += await reconcileMonth(clickhouse, job, month);
    } catch (error) {
      isComplete = false;
      onError(`series ${job.name}`, error);
    }
  return { stale, isComplete };
}
