import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { failingSeries, type FailingSeries } from '#schemas/clickhouse/rollup-failure.js';

/** Milliseconds for which an answer holds: `/readyz` and `/metrics` are public, and anybody may ask as often as they like. */
const HOLDS_MS = 5_000;
/** Milliseconds in which the store must answer. */
const TIMEOUT_MS = 2_000;

/** Returns the series with buckets that could not be computed; empty if there are none, or if the store does not answer. */
export type AskFailingSeries = () => Promise<readonly FailingSeries[]>;

export function createFailingSeries(clickhouse: ClickHouseClient): AskFailingSeries {
  let askedAt = -Infinity;
  let answer: Promise<readonly FailingSeries[]> = Promise.resolve([]);
  return () => {
    if (performance.now() - askedAt < HOLDS_MS) return answer;
    askedAt = performance.now();
    answer = new Promise((resolve) => {
      const late = setTimeout(() => {
        resolve([]);
      }, TIMEOUT_MS);
      void failingSeries(clickhouse)
        .then(resolve, () => {
          resolve([]);
        })
        .finally(() => {
          clearTimeout(late);
        });
    });
    return answer;
  };
}
