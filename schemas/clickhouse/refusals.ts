/**
 * ClickHouse error codes caused by the data alone, so that a retry of the same rows fails again. `refusals` in
 * collector/exporters/setaside/refusal.go is the same list; a test compares them.
 */
export const REFUSAL_CODES: ReadonlySet<string> = new Set(
  [6, 26, 27, 38, 41, 69, 70, 72, 117, 128, 131, 153, 190, 321, 349, 376, 395, 407, 441, 469, 675, 676].map(String),
);

/**
 * Returns the error's code if it is caused by the data; undefined for an outage or anything that an operator can fix.
 */
export function refusalCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && REFUSAL_CODES.has(code) ? code : undefined;
}
