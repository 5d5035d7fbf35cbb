import { ShieldwatchError } from '#schemas/errors.js';
import type { Bucket } from '#schemas/http/series.js';
import { LATEST_MOMENT, MAX_FUTURE_DAYS } from '#schemas/time.js';
import { outsideHistory, historyStart, type Plan } from '../plans.js';

/** A time range, widened to whole buckets. */
export interface Window<B extends Bucket = Bucket> {
  bucket: B;
  from: Date;
  to: Date;
  /** Start of the first bucket and end of the last one, in seconds since 1970. */
  start: number;
  end: number;
  /** Start of the plan's history, if the window was cut there; ISO 8601. */
  historyFrom: string | null;
  /**
   * The newest scan and drift are searched before this, in milliseconds since 1970: `to`, or by default the end of the
   * last bucket, for clocks that run ahead.
   */
  before: number;
}

const DAY_S = 86_400;
export const BUCKET_SECONDS: Readonly<Record<Bucket, number>> = { hour: 3_600, day: DAY_S, week: 7 * DAY_S };
/** Weeks begin on Monday; the first Monday after 1970-01-01 was the 5th. */
const OFFSET: Readonly<Record<Bucket, number>> = { hour: 0, day: 0, week: 4 * DAY_S };
const MAX_DAYS: Readonly<Record<Bucket, number>> = { hour: 60, day: 400, week: 800 };
const DEFAULT_DAYS: Readonly<Record<Bucket, number>> = { hour: 7, day: 7, week: 84 };

/**
 * Widens `from` (default: some days before `to`) and `to` (default: now) to whole buckets, and cuts buckets that begin
 * before the history of the caller's plan.
 * @throws ShieldwatchError 400, and 403 when the whole window lies before that history.
 */
export function windowOf<B extends Bucket>(
  query: { from?: string | undefined; to?: string | undefined; bucket: B },
  { plan }: { plan?: Plan },
): Window<B> {
  const { bucket } = query;
  const to = query.to === undefined ? new Date() : readDate(query.to, 'to');
  const from =
    query.from === undefined
      ? new Date(to.getTime() - DEFAULT_DAYS[bucket] * DAY_S * 1_000)
      : readDate(query.from, 'from');
  if (from >= to) throw invalid('from', 'a time before `to`');
  if (to.getTime() - from.getTime() > MAX_DAYS[bucket] * DAY_S * 1_000) {
    throw invalid('from', `at most ${String(MAX_DAYS[bucket])} days before \`to\` with bucket=${bucket}`);
  }
  const [start, end] = [
    bucketStart(from, bucket),
    bucketStart(new Date(to.getTime() - 1), bucket) + BUCKET_SECONDS[bucket],
  ];
  const before = query.to === undefined ? end * 1_000 : to.getTime();
  const history = historyStart(plan);
  if (history === undefined || start * 1_000 >= history.getTime())
    return { bucket, from, to, start, end, before, historyFrom: null };
  if (to <= history) throw outsideHistory(plan, history, 'to');
  // The week in which the history begins would include days before it.
  const first = bucketStart(new Date(history.getTime() + BUCKET_SECONDS[bucket] * 1_000 - 1), bucket);
  return {
    bucket,
    from: history > from ? history : from,
    to,
    start: first,
    end: Math.max(first, end),
    before,
    historyFrom: history.toISOString(),
  };
}

/** Days before `to` at which a list of calls or sessions begins by default, and at most. */
const LIST_DAYS = { default: 7, max: 400 };

/**
 * Returns the range of a list of calls or sessions as it was asked for, without buckets, cut at the history of the
 * caller's plan. Default: the last 7 days, up to a day ahead for clocks that run ahead.
 * @throws ShieldwatchError 400, and 403 when the whole range lies before that history.
 */
export function exactWindow(
  query: { from?: string | undefined; to?: string | undefined },
  { plan }: { plan?: Plan },
): { from: Date; to: Date; historyFrom: string | null } {
  const to = query.to === undefined ? new Date(Date.now() + MAX_FUTURE_DAYS * DAY_S * 1_000) : readDate(query.to, 'to');
  const end = Math.min(to.getTime(), Date.now());
  const from =
    query.from === undefined ? new Date(end - LIST_DAYS.default * DAY_S * 1_000) : readDate(query.from, 'from');
  if (from >= to) throw invalid('from', 'a time before `to`');
  if (to.getTime() - from.getTime() > LIST_DAYS.max * DAY_S * 1_000)
    throw invalid('from', `at most ${String(LIST_DAYS.max)} days before \`to\``);
  const history = historyStart(plan);
  if (history === undefined || from >= history) return { from, to, historyFrom: null };
  if (to <= history) throw outsideHistory(plan, history, 'to');
  return { from: history, to, historyFrom: history.toISOString() };
}

/** Returns the start of a time's bucket in seconds since 1970. */
export function bucketStart(time: Date, bucket: Bucket): number {
  const size = BUCKET_SECONDS[bucket];
  return Math.max(0, Math.floor((time.getTime() / 1_000 - OFFSET[bucket]) / size) * size + OFFSET[bucket]);
}

/**
 * Parses a time.
 * @throws ShieldwatchError 400 that names the parameter.
 */
export function readDate(text: string, field: string): Date {
  const date = new Date(text);
  if (!(date.getTime() >= 0 && date.getTime() <= LATEST_MOMENT)) throw invalid(field, 'a time between 1970 and 2100');
  return date;
}

function invalid(field: string, expected: string): ShieldwatchError {
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
