/**
 * How fine a picture is follows the time range, so that the first minutes show as well as the last quarter:
 * up to 6 hours from the facts themselves, up to 14 days from the hours of the series, beyond from its days.
 *
 * All sources stand in one statement. Those that are not needed get bounds in a year that never comes, which prunes
 * all of their parts. A condition that can be seen to be false (`WHERE 0`, or only the lower bound) would not do: it
 * stays above the window function of a series view, which then reads everything.
 */
const SPAN_SECONDS = 'toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime)';
const IS_SHORT = `${SPAN_SECONDS} <= 21600`;
const IS_LONG = `${SPAN_SECONDS} > 1209600`;
const NEVER = 'toDateTime(4294967294)';
/** Its end: with the same moment for both, the condition would be seen to be false. */
const AFTER_NEVER = 'toDateTime(4294967295)';

/** Condition on a fact's time: inside the range, and nothing at all where a series answers. */
export function inShortRange(column: string): string {
  return `${column} >= if(${IS_SHORT}, $__fromTime_ms, ${NEVER}) AND ${column} < $__toTime_ms`;
}

/** Condition on a bucket's start: hours that touch the range, and nothing at all where the facts answer. */
export function inLongerRange(column: string): string {
  return `${column} >= if(${IS_SHORT}, ${NEVER}, toStartOfHour($__fromTime)) AND ${column} < if(${IS_SHORT}, ${AFTER_NEVER}, $__toTime)`;
}

/** The hour a bucket is drawn at, or its day where the range is long: for series that keep no days. */
export function hourOrDay(column: string): string {
  return `if(${IS_LONG}, toStartOfDay(${column}), ${column})`;
}

/**
 * Columns of a series over the range, from its hours or, where the range is long, from its days: rows of the one that
 * is not needed are none. `selected` is what both have, `where` the condition on whose they are.
 * With facts for short ranges beside it, hours begin at 6 hours.
 */
export function hoursOrDays(
  series: { hours: string; days: string },
  selected: string,
  where: string,
  { besideFacts = false } = {},
): string {
  const isHourly = besideFacts ? `${IS_SHORT} OR ${IS_LONG}` : IS_LONG;
  return `SELECT ${selected}
    FROM ${series.hours}
    WHERE ${where} AND bucket_start >= if(${isHourly}, ${NEVER}, toStartOfHour($__fromTime)) AND bucket_start < if(${isHourly}, ${AFTER_NEVER}, $__toTime)
    UNION ALL
    SELECT ${selected}
    FROM ${series.days}
    WHERE ${where} AND bucket_start >= if(${IS_LONG}, toStartOfDay($__fromTime), ${NEVER}) AND bucket_start < if(${IS_LONG}, $__toTime, ${AFTER_NEVER})`;
}

/**
 * Condition on a fact's time for panels that no series answers: inside the range, and at most the newest
 * `days` of it, so that a range of a quarter costs no more than one of a week. The panel says so.
 */
export function inNewestDays(column: string, days: number): string {
  return `${column} >= greatest($__fromTime_ms, $__toTime_ms - toIntervalDay(${String(days)})) AND ${column} < $__toTime_ms`;
}

/** Condition on a fact's time: from the begin of the range up to its end, which is not in it. `$__timeFilter` would have both ends, and count a fact on the seam of two ranges twice. In milliseconds: compared with whole seconds the store skips parts that hold the last second alone. */
export function inFactRange(column: string): string {
  return `${column} >= $__fromTime_ms AND ${column} < $__toTime_ms`;
}

/** Condition on a bucket's start: buckets that begin in the hour the range begins in, or later in it. */
export function inRange(column: string): string {
  return `${column} >= toStartOfHour($__fromTime) AND ${column} < $__toTime`;
}
