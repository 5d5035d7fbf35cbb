/** Converts a Postgres time to ISO 8601. One driver returns text, the other a Date. */
export const isoOrNull = (time: Date | string | null): string | null =>
  time === null ? null : new Date(time).toISOString();
