/**
 * Cells of a row in ClickHouse's JSONCompactEachRow, already written out. Times go as plain integers (ticks of
 * the column), so that no time zone of the server or the session can shift them.
 */
export const cell = {
  text: (value: string): string => JSON.stringify(value),
  /** Integers of up to 64 bits. */
  integer: (value: number | bigint): string => String(value),
  bool: (value: boolean): string => String(value),
  /** Float64; NaN and infinities are written in quotes, as JSON has no word for them. */
  float: (value: number): string => {
    if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
    if (Number.isNaN(value)) return '"nan"';
    return value > 0 ? '"inf"' : '"-inf"';
  },
  map: (entries: ReadonlyMap<string, string>): string =>
    `{${Array.from(entries, ([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
  array: <T>(values: readonly T[], each: (value: T) => string): string => `[${values.map(each).join(',')}]`,
  /** DateTime64(9). Later than the year 2262 does not fit and is stored as the last moment that does. */
  nanoseconds: (value: bigint): string => String(value > LAST_NANOSECOND ? LAST_NANOSECOND : value),
  /** DateTime: whole seconds up to 2106. */
  seconds: (value: bigint): string => {
    const seconds = value / 1_000_000_000n;
    return String(seconds > 0xffffffffn ? 0xffffffffn : seconds);
  },
};

const LAST_NANOSECOND = 2n ** 63n - 1n;

/** A trace or span id as lower-case hex; empty when it is missing or all zero. */
export function idText(id: Buffer): string {
  return id.every((byte) => byte === 0) ? '' : id.toString('hex');
}
