import { ShieldwatchError } from '#schemas/errors.js';
import { FACT_RETENTION_DAYS } from '#schemas/time.js';

/** A range of time, in milliseconds since 1970, both ends inclusive as the datasource has it. */
export interface TimeRange {
  from: number;
  to: number;
}

const DAY = 86_400_000;
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY, w: 7 * DAY };
const EXPECTED = 'now, now-<number><s|m|h|d|w> or milliseconds since 1970';

/**
 * Reads `from` and `to` as they stand in Grafana's URLs: `now`, `now-6h`, or milliseconds since 1970.
 *
 * @throws ShieldwatchError `query_invalid` naming the parameter
 */
export function parseTimeRange(from: unknown, to: unknown, now: number): TimeRange {
  const range = { from: parseMoment('from', from ?? 'now-6h', now), to: parseMoment('to', to ?? 'now', now) };
  if (range.from >= range.to) {
    throw new ShieldwatchError('query_invalid', 'from: expected a time before to', { field: 'from', expected: 'a time before to' });
  }
  if (range.to - range.from > FACT_RETENTION_DAYS * DAY) {
    const expected = `at most ${String(FACT_RETENTION_DAYS)} days before to`;
    throw new ShieldwatchError('query_invalid', `from: expected ${expected}`, { field: 'from', expected });
  }
  return range;
}

/** Milliseconds of a length of time as Grafana writes it, e.g. `1m`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function parseMoment(field: string, text: unknown, now: number): number {
  if (text === 'now') return now;
  if (typeof text === 'string') {
    const ago = text.startsWith('now-') ? parseDuration(text.slice('now-'.length)) : undefined;
    if (ago !== undefined && ago <= now) return now - ago;
    // 32 bits of seconds are what a DateTime holds.
    if (/^\d{1,13}$/.test(text) && Number(text) < 2 ** 32 * 1_000) return Number(text);
  }
  throw new ShieldwatchError('query_invalid', `${field}: expected ${EXPECTED}`, { field, expected: EXPECTED });
}
