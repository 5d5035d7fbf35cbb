/**
 * ClickHouse's error codes that speak of the data, and of nothing that a person could mend at the store: the same rows will be
 * refused again. `refusals` in collector/exporters/setaside/refusal.go is the same list; a test compares them.
 */
export const REFUSAL_CODES: ReadonlySet<string> = new Set(
  [6, 26, 27, 38, 41, 69, 70, 72, 117, 128, 131, 153, 190, 321, 349, 376, 395, 407, 441, 469, 675, 676].map(String),
);

/** The code of a store's error that speaks of the data; undefined for an outage, and for all that somebody can mend. */
export function refusalCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && REFUSAL_CODES.has(code) ? code : undefined;
}
