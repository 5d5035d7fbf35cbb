/** Round numbers from 0 to at least `top`, about five of them; `isWhole` keeps fractions out. */
export function niceTicks(top: number, isWhole: boolean): number[] {
  if (top <= 0) return [0, 1];
  const rough = top / 4;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const nice = [1, 2, 2.5, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10;
  const step = isWhole ? Math.max(1, Math.ceil(nice * magnitude)) : nice * magnitude;
  return Array.from({ length: Math.ceil(top / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}
