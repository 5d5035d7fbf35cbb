import { ShieldwatchError } from '#schemas/errors.js';
import { FACT_RETENTION_DAYS, MAX_FUTURE_DAYS } from '#schemas/time.js';

const DAY_MS = 86_400_000;

/** Milliseconds of the first and the last moment that a fact can be of. */
export function timeBounds(now: number): { earliest: number; latest: number } {
  return { earliest: now - FACT_RETENTION_DAYS * DAY_MS, latest: now + MAX_FUTURE_DAYS * DAY_MS };
}

/** Milliseconds of a timestamp. @throws ShieldwatchError 400 when no fact can be of that time. */
export function checkTime(timestamp: string, field: string, now = Date.now()): number {
  const time = Date.parse(timestamp);
  const { earliest, latest } = timeBounds(now);
  if (time > latest) {
    throw new ShieldwatchError(
      'timestamp_in_future',
      `${field} is more than ${String(MAX_FUTURE_DAYS)} day in the future`,
      {
        field,
        expected: 'a time that has come',
      },
    );
  }
  // Also true of what Date.parse cannot read.
  if (!(time >= earliest)) {
    throw new ShieldwatchError('body_invalid', `${field} is more than ${String(FACT_RETENTION_DAYS)} days ago`, {
      field,
      expected: `a time within the last ${String(FACT_RETENTION_DAYS)} days`,
    });
  }
  return time;
}
