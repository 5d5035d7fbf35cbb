/** A time of Postgres, which is a text from one driver and a date from the other, as the API has it. */
export const isoOrNull = (time: Date | string | null): string | null =>
  time === null ? null : new Date(time).toISOString();
