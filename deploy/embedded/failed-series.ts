import type { Failure } from '#rollups/failures.js';
import type { FailingSeries } from '#schemas/clickhouse/rollup-failure.js';

/** Says in one line which buckets of a series are behind, and why. */
export function describeFailing({ series, failed, waiting, organisations, reasons }: FailingSeries): string {
  const parts = [
    ...(failed === 0 ? [] : [`${failed} of its buckets could not be computed (${reasons.join(', ')})`]),
    ...(waiting === 0 ? [] : [`${waiting} wait for those of another series`]),
  ];
  return `${series}: ${parts.join(', ')}; ${organisations} organisation${organisations === 1 ? '' : 's'}`;
}

/** Returns a listener that logs, in one line a pass, the series of which buckets could not be computed, and why. */
export function logFailed(log: (line: string) => void): (failures: readonly Failure[]) => void {
  return (failures) => {
    const series = new Map<string, { buckets: number; reasons: Set<string> }>();
    for (const failure of failures) {
      const of = series.get(failure.series) ?? { buckets: 0, reasons: new Set() };
      of.buckets += 1;
      of.reasons.add(failure.reason);
      series.set(failure.series, of);
    }
    const named = [...series].map(([name, { buckets, reasons }]) => `${name} ${buckets} (${[...reasons].join(', ')})`);
    log(`[rollups] buckets that could not be computed: ${named.join('; ')}. They are tried again; all others go on`);
  };
}
