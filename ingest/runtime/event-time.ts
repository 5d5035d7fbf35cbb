import { checkTime, timeBounds } from '../body/check-time.js';

/** A time as our records hold it. */
export interface EventTime {
  ms: number;
  /** UTC with millisecond precision. */
  iso: string;
  /** {@link iso} with all digits that were sent beyond the millisecond. */
  exact: string;
}

const DOT = 0x2e;
const Z = 0x5a;
const ZERO = 0x30;
const ISO_LENGTH = 24;
/** `2026-06-21T17:50:` */
const MINUTE_LENGTH = 17;

/**
 * Creates a parser of timestamps that the schema has validated as ISO 8601. Nearly all are formatted as `toISOString`
 * does, so they are reused as they are, and the minute is parsed once per run of equal minutes.
 *
 * The returned object is reused by the next call.
 */
export function createTimeReader(now: number): (timestamp: string, field: () => string) => EventTime {
  const { earliest, latest } = timeBounds(now);
  let minute = '?';
  let minuteMs = 0;
  const time: EventTime = { ms: 0, iso: '', exact: '' };
  return (timestamp, field) => {
    if (timestamp.length === ISO_LENGTH && timestamp.charCodeAt(19) === DOT && timestamp.charCodeAt(23) === Z) {
      if (!timestamp.startsWith(minute)) {
        minute = timestamp.slice(0, MINUTE_LENGTH);
        minuteMs = Date.parse(`${minute}00.000Z`);
      }
      const digit = (at: number): number => timestamp.charCodeAt(at) - ZERO;
      time.ms = minuteMs + digit(17) * 10_000 + digit(18) * 1_000 + digit(20) * 100 + digit(21) * 10 + digit(22);
      time.iso = timestamp;
      time.exact = timestamp;
      if (!(time.ms >= earliest && time.ms <= latest)) checkTime(timestamp, field(), now);
      return time;
    }
    time.ms = checkTime(timestamp, field(), now);
    time.iso = new Date(time.ms).toISOString();
    time.exact = exactTime(timestamp, time.iso);
    return time;
  };
}

/** Formats a time canonically, with all digits that were sent beyond the millisecond. */
function exactTime(timestamp: string, iso: string): string {
  const fraction = /\.\d{3}(\d*?)0*(?:Z|[+-])/.exec(timestamp)?.[1] ?? '';
  return fraction === '' ? iso : iso.replace('Z', `${fraction}Z`);
}
