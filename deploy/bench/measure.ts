/** The value below which `share` (0 to 1) of the values lie: the nearest one that was measured. */
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
 * Measures two ways of doing the same, one after the other, `repeats` times, each time in the other order:
 * what slows the machine down for a while slows both. The `warmUp` rounds before are thrown away.
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

/** The median of a/b over the pairs: each ratio is of two measurements made next to each other. */
export function medianRatio(pairs: readonly Pair[]): number {
  return median(pairs.map(({ a, b }) => a / b));
}
