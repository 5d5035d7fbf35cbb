/** Attributes of a record; whole numbers go as integers. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** An attribute as OTLP's JSON mapping has it. 64 bit integers are strings there. */
export interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly boolValue: boolean } | { readonly intValue: string } | { readonly doubleValue: number };
}

export function keyValues(attributes: Attributes): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

function anyValue(value: string | number | boolean): KeyValue['value'] {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** Milliseconds since the epoch, fractions allowed, in nanoseconds. */
export function unixNano(epochMs: number): string {
  const whole = Math.floor(epochMs);
  return String(BigInt(whole) * 1_000_000n + BigInt(Math.round((epochMs - whole) * 1e6)));
}

/** Groups items under the repository they are about, in the order in which repositories first appear. */
export function byRepository<T extends { readonly repository: string }>(items: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.repository);
    if (group === undefined) groups.set(item.repository, [item]);
    else group.push(item);
  }
  return [...groups];
}
