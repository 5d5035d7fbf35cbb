/** Grafana's names of calculations, with their labels in a legend. */
const CALCS: Readonly<Record<string, readonly [label: string, of: (known: number[]) => number | null]>> = {
  lastNotNull: ['Last', (known) => known.at(-1) ?? null],
  last: ['Last', (known) => known.at(-1) ?? null],
  firstNotNull: ['First', (known) => known[0] ?? null],
  first: ['First', (known) => known[0] ?? null],
  min: ['Min', (known) => least(known)],
  max: ['Max', (known) => most(known)],
  mean: ['Mean', (known) => (known.length === 0 ? null : total(known) / known.length)],
  median: ['Median', (known) => median(known)],
  sum: ['Total', (known) => (known.length === 0 ? null : total(known))],
  count: ['Count', (known) => known.length],
  range: ['Range', (known) => (known.length === 0 ? null : (most(known) ?? 0) - (least(known) ?? 0))],
  diff: ['Difference', (known) => (known.length === 0 ? null : (known.at(-1) ?? 0) - (known[0] ?? 0))],
};

/** Calculates one number from many, by Grafana's name; an unknown name is the last value. Without values: null. */
export function calculate(calc: string | undefined, values: (number | null | undefined)[]): number | null {
  const known = values.filter((value) => value !== null && value !== undefined);
  // `last` is the last point even if it has no value.
  if (calc === 'last' && values.length > 0) return values.at(-1) ?? null;
  return (CALCS[calc ?? ''] ?? CALCS['lastNotNull'])?.[1](known) ?? null;
}

export function calcLabel(calc: string): string {
  return CALCS[calc]?.[0] ?? calc;
}

function total(known: number[]): number {
  return known.reduce((sum, value) => sum + value, 0);
}

function least(known: number[]): number | null {
  return known.length === 0 ? null : known.reduce((a, b) => Math.min(a, b));
}

function most(known: number[]): number | null {
  return known.length === 0 ? null : known.reduce((a, b) => Math.max(a, b));
}

function median(known: number[]): number | null {
  const sorted = known.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined) return null;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}
