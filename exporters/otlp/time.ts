/** OpenTelemetry's time: whole seconds and the rest in nanoseconds. */
export type HrTime = [number, number];

/** Milliseconds since the epoch, fractions allowed, as {@link HrTime}. */
export function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  // Rounding may reach a full second.
  const nanoseconds = Math.min(Math.round((epochMs - seconds * 1000) * 1e6), 999_999_999);
  return [seconds, nanoseconds];
}
