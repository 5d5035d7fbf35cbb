import { ShieldwatchError } from '#schemas/errors.js';
import type { TimeRange } from '#schemas/http/boards.js';
import { FACT_RETENTION_DAYS, LATEST_MOMENT } from '#schemas/time.js';

const DAY = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY, w: 7 * DAY };
const EXPECTED =
  'now, as in now-6h, now/d or now-1M/M (units s, m, h, d, w, M, Q, y), an ISO 8601 time, or milliseconds since 1970; between 1970 and 2100';

/**
 * Parses `from` and `to` as in Grafana's URLs, in UTC: `now`, `now-6h`, `now/d`, ISO 8601, or milliseconds since 1970.
 * `/d` is the start of the day in `from` and its last millisecond in `to`; weeks begin on Monday.
 *
 * @throws ShieldwatchError `query_invalid` naming the parameter
 */
export function parseTimeRange(from: unknown, to: unknown, now: number): TimeRange {
  const range = { from: parseMoment('from', from ?? 'now-6h', now), to: parseMoment('to', to ?? 'now', now) };
  if (range.from >= range.to) {
    throw new ShieldwatchError('query_invalid', 'from: expected a time before to', {
      field: 'from',
      expected: 'a time before to',
    });
  }
  if (range.to - range.from > FACT_RETENTION_DAYS * DAY) {
    const expected = `at most ${String(FACT_RETENTION_DAYS)} days before to`;
    throw new ShieldwatchError('query_invalid', `from: expected ${expected}`, { field: 'from', expected });
  }
  return range;
}

/** Parses a duration in Grafana's format, such as `1m`, to milliseconds; undefined when it is invalid. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function parseMoment(field: 'from' | 'to', text: unknown, now: number): number {
  const moment =
    typeof text !== 'string'
      ? undefined
      : text.startsWith('now')
        ? relative(text.slice('now'.length), now, field === 'to')
        : absolute(text);
  if (moment !== undefined && moment >= 0 && moment <= LATEST_MOMENT) return moment;
  throw new ShieldwatchError('query_invalid', `${field}: expected ${EXPECTED}`, { field, expected: EXPECTED });
}

/** Parses milliseconds or ISO 8601, in UTC unless it has an offset. A blank may replace the T, as in Grafana. */
function absolute(text: string): number | undefined {
  if (/^\d{1,13}$/.test(text)) return Number(text);
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  if (match === null) return undefined;
  const [, day = '', clock = '00:00', offset = 'Z'] = match;
  const midnight = new Date(`${day}T00:00Z`);
  // JavaScript reads a day that the month does not have as one of the next month.
  if (Number.isNaN(midnight.getTime()) || !midnight.toISOString().startsWith(day)) return undefined;
  const time = Date.parse(`${day}T${clock}${offset}`);
  return Number.isNaN(time) ? undefined : time;
}

/** Applies the operations after `now` from left to right; undefined when they are invalid. */
function relative(text: string, now: number, isEnd: boolean): number | undefined {
  if (text.length > 60 || !/^(?:[+-]\d{1,6}[smhdwMQy]|\/[smhdwMQy])*$/.test(text)) return undefined;
  let moment = now;
  for (const [, sign = '', count = '', unit = ''] of text.matchAll(/([+/-])(\d*)([smhdwMQy])/g)) {
    if (sign !== '/') moment = shift(moment, Number(`${sign}${count}`), unit);
    else moment = isEnd ? shift(startOf(moment, unit), 1, unit) - 1 : startOf(moment, unit);
  }
  return moment;
}

/** Months of units without a fixed length. */
const MONTHS: Readonly<Record<string, number>> = { M: 1, Q: 3, y: 12 };

/** Adds to a date. A day that the month does not have becomes its last day. */
function shift(moment: number, count: number, unit: string): number {
  const months = MONTHS[unit];
  if (months === undefined) return moment + count * (UNITS[unit] ?? 0);
  const date = new Date(moment);
  const first = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + count * months, 1));
  const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  return first.getTime() + (Math.min(date.getUTCDate(), days) - 1) * DAY + (moment % DAY);
}

function startOf(moment: number, unit: string): number {
  const months = MONTHS[unit];
  if (months !== undefined) {
    const date = new Date(moment);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - (date.getUTCMonth() % months), 1);
  }
  // 1970-01-01 was a Thursday.
  const offset = unit === 'w' ? 4 * DAY : 0;
  const length = UNITS[unit] ?? 1;
  return moment - ((((moment - offset) % length) + length) % length);
}
