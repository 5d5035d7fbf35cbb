import { ShieldwatchError } from '#schemas/errors.js';
import { FACT_RETENTION_DAYS, MAX_FUTURE_DAYS } from '#schemas/time.js';

const DAY_MS = 86_400_000;

/** Returns the range of times that a fact may have, in milliseconds. */
export function timeBounds(now: number): { earliest: number; latest: number } {
  return { earliest: now - FACT_RETENTION_DAYS * DAY_MS, latest: now + MAX_FUTURE_DAYS * DAY_MS };
}

/**
 * Parses a timestamp to milliseconds.
 * @throws ShieldwatchError 400 when it is outside the range of facts.
 */
export function checkTime(timestamp: string, field: string, now = Date.now()): number {
  const time = Date.parse(timestamp);
  const { earliest, latest } = timeBounds(now);
  if (time > latest) {
    throw new ShieldwatchError(
      'timestamp_in_future',
      `${field} is more than ${String(MAX_FUTURE_DAYS)} day in the future`,
      {
        field,
        expected: 'a time that is not in the future',
      },
    );
  }
  // Also true for NaN, which Date.parse returns for invalid input.
  if (!(time >= earliest)) {
    throw new ShieldwatchError('body_invalid', `${field} is more than ${String(FACT_RETENTION_DAYS)} days ago`, {
      field,
      expected: `a time within the last ${String(FACT_RETENTION_DAYS)} days`,
    });
  }
  return time;
}
