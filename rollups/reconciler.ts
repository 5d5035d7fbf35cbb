import { setTimeout as pause } from 'node:timers/promises';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { landingDays, reconcileFacts } from '#schemas/clickhouse/facts.js';

const HOUR_MS = 3_600_000;

export interface ReconcilerSettings {
  clickhouse: ClickHouseClient;
  /** Pause between two passes; an hour unless set. The first pass follows the first pause. */
  intervalMs?: number;
  /** Told when facts were missing and have been made. */
  onMended: (facts: number) => void;
  /** Told about a pass that failed; the next one tries again. */
  onError: (error: unknown) => void;
}

/**
 * Holds the facts to landing: every hour it goes through what arrived yesterday and today. Older days are for
 * `shieldwatch facts reconcile`.
 */
export function startReconciler(settings: ReconcilerSettings): { stop(): Promise<void> } {
  const stopping = new AbortController();
  async function run(): Promise<void> {
    for (;;) {
      await pause(settings.intervalMs ?? HOUR_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      try {
        const mended = await reconcileRecent(settings.clickhouse);
        if (mended > 0) settings.onMended(mended);
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

async function reconcileRecent(clickhouse: ClickHouseClient): Promise<number> {
  const yesterday = new Date(Date.now() - 24 * HOUR_MS).toISOString().slice(0, 10);
  let mended = 0;
  for (const day of await landingDays(clickhouse)) if (day.day >= yesterday) mended += await reconcileFacts(clickhouse, day);
  return mended;
}
