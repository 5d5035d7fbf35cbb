/** Returns about five round numbers from 0 to at least `top`; `isWhole` excludes fractions. */
export function niceTicks(top: number, isWhole: boolean): number[] {
  if (top <= 0) return [0, 1];
  const step = niceStep(top, isWhole);
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

/** Returns round numbers from `low` (at most 0) to `high` (at least 0), including 0. */
export function ticksAroundZero(low: number, high: number, isWhole: boolean): number[] {
  if (low >= 0) return niceTicks(high, isWhole);
  const step = niceStep(Math.max(high, -low), isWhole);
  const first = -Math.ceil(-low / step - 1e-9);
  const last = Math.ceil(Math.max(high, 0) / step - 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

function niceStep(top: number, isWhole: boolean): number {
  const rough = top / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10;
  return isWhole ? Math.max(1, Math.ceil(nice * magnitude)) : nice * magnitude;
}
