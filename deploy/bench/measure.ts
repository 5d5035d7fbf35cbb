/** Returns the value below which `share` (0 to 1) of the values lie: the nearest measured one. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(at)] ?? Number.NaN) + (sorted[Math.ceil(at)] ?? Number.NaN)) / 2;
}

export interface Pair {
  readonly a: number;
  readonly b: number;
}

/**
 * Measures two alternatives, one after the other, `repeats` times, alternating the order, so that other load on the
 * machine affects both. Discards the `warmUp` rounds before.
 */
export async function alternate(
  repeats: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
  warmUp = 1,
): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (let round = -warmUp; round < repeats; round++) {
    const early = round % 2 === 0 ? await a() : await b();
    const late = round % 2 === 0 ? await b() : await a();
    if (round >= 0) pairs.push(round % 2 === 0 ? { a: early, b: late } : { a: late, b: early });
  }
  return pairs;
}

/** Returns the median of a/b over the pairs: each ratio compares two adjacent measurements. */
export function medianRatio(pairs: readonly Pair[]): number {
  return median(pairs.map(({ a, b }) => a / b));
}
