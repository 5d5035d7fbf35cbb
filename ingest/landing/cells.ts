/**
 * Formats cells of a row in ClickHouse's JSONCompactEachRow. Times are integers (ticks of the column), so that no time
 * zone of server or session can shift them.
 */
export const cell = {
  text: (value: string): string => JSON.stringify(value),
  /** Integers of up to 64 bits. */
  integer: (value: number | bigint): string => String(value),
  bool: (value: boolean): string => String(value),
  /** Float64; NaN and infinities are quoted, because JSON cannot express them. */
  float: (value: number): string => {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
    if (Number.isNaN(value)) return '"nan"';
    return value > 0 ? '"inf"' : '"-inf"';
  },
  map: (entries: ReadonlyMap<string, string>): string =>
    `{${Array.from(entries, ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
  array: <T>(values: readonly T[], each: (value: T) => string): string => `[${values.map(each).join(',')}]`,
  /** DateTime64(9). */
  nanoseconds: (value: bigint): string => String(bounded(value)),
  /**
   * Duration between two bounded times. A span that ends before it starts has duration 0, where the exporter would
   * store 2^64 minus the difference.
   */
  nanosecondsBetween: (start: bigint, end: bigint): bigint =>
    bounded(end) > bounded(start) ? bounded(end) - bounded(start) : 0n,
  /** DateTime: whole seconds. */
  seconds: (value: bigint): string => String(bounded(value) / 1_000_000_000n),
};

/**
 * 2105-12-31 23:59:59, the last second that every time column can hold. Later times are clamped to it, as in
 * collector/config.yaml.
 */
const LAST_NANOSECOND = 4_291_747_199_000_000_000n;

function bounded(value: bigint): bigint {
  return value > LAST_NANOSECOND ? LAST_NANOSECOND : value;
}

/** Formats a trace or span id as lower-case hex; empty when it is missing or all zero. */
export function idText(id: Buffer): string {
  return id.every((byte) => byte === 0) ? '' : id.toString('hex');
}
