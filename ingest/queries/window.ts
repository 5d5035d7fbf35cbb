import { ShieldwatchError } from '#schemas/errors.js';
import type { Bucket } from '#schemas/http/series.js';
import { LATEST_MOMENT } from '#schemas/time.js';
import { beyondHistory, historyStart, type Plan } from '../plans.js';

/** A stretch of time and its whole buckets. */
export interface Window<B extends Bucket = Bucket> {
  bucket: B;
  from: Date;
  to: Date;
  /** Seconds since 1970 of the first bucket's start and of the last one's end. */
  start: number;
  end: number;
  /** Where the history of the plan begins, if the window was cut there; ISO 8601. */
  historyFrom: string | null;
  /** What is newest is sought before this, milliseconds since 1970: before `to`, or unless that is said before the end of the last bucket, for clocks that are ahead. */
  before: number;
}

const DAY_S = 86_400;
export const BUCKET_SECONDS: Readonly<Record<Bucket, number>> = { hour: 3_600, day: DAY_S, week: 7 * DAY_S };
/** Weeks begin on Monday; the first one after 1970-01-01 did on the 5th. */
const OFFSET: Readonly<Record<Bucket, number>> = { hour: 0, day: 0, week: 4 * DAY_S };
const MAX_DAYS: Readonly<Record<Bucket, number>> = { hour: 60, day: 400, week: 800 };
const DEFAULT_DAYS: Readonly<Record<Bucket, number>> = { hour: 7, day: 7, week: 84 };

/**
 * Widens `from` (default: some days before `to`) and `to` (default: now) to whole buckets, and cuts off those that begin
 * before the history of the caller's plan. @throws ShieldwatchError 400, and 403 where all of it lies before that.
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
  if (to <= history) throw beyondHistory(plan, history, 'to');
  // A week in which the history begins has days before it.
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

/** Seconds since 1970 at which the bucket of a moment begins. */
export function bucketStart(time: Date, bucket: Bucket): number {
  const size = BUCKET_SECONDS[bucket];
  return Math.max(0, Math.floor((time.getTime() / 1_000 - OFFSET[bucket]) / size) * size + OFFSET[bucket]);
}

/** @throws ShieldwatchError 400 that names the parameter. */
export function readDate(text: string, field: string): Date {
  const date = new Date(text);
  if (!(date.getTime() >= 0 && date.getTime() <= LATEST_MOMENT)) throw invalid(field, 'a time between 1970 and 2100');
  return date;
}

function invalid(field: string, expected: string): ShieldwatchError {
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
