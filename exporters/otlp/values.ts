/** Attributes of a record; whole numbers are sent as integers. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Converts milliseconds since the epoch, fractions allowed, to the SDK's seconds and nanoseconds. */
export function hrTime(epochMs: number): [number, number] {
  const whole = Math.floor(epochMs);
  return [Math.floor(whole / 1000), (whole % 1000) * 1_000_000 + Math.round((epochMs - whole) * 1e6)];
}

/** Groups items by repository, in order of first appearance. */
export function byRepository<T extends { readonly repository: string }>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.repository);
    if (group === undefined) groups.set(item.repository, [item]);
    else group.push(item);
  }
  return [...groups];
}
