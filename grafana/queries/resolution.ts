/**
 * The resolution of a chart follows the time range, so that the first minutes are visible as well as the last quarter:
 * up to 6 hours from facts, up to 14 days from the hours of the series, beyond from its days.
 *
 * One statement contains all sources. Those that are not needed get bounds in a year without data, which prunes all of
 * their parts. A condition that is constantly false (`WHERE 0`, or only the lower bound) does not work: the optimiser
 * keeps it above the window function of a series view, which then reads everything.
 */
const SPAN_SECONDS = 'toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime)';
const IS_SHORT = `${SPAN_SECONDS} <= 21600`;
const IS_LONG = `${SPAN_SECONDS} > 1209600`;
const UNUSED_FROM = 'toDateTime(4294967294)';
/** The end of that range. With the same moment for both, the condition would be constantly false. */
const UNUSED_UNTIL = 'toDateTime(4294967295)';

/** Condition on a fact's time: inside the range, and no rows if a series answers. */
export function inShortRange(column: string): string {
  return `${column} >= if(${IS_SHORT}, $__fromTime_ms, ${UNUSED_FROM}) AND ${column} < $__toTime_ms`;
}

/** Condition on a bucket's start: hours that overlap the range, and no rows if the facts answer. */
export function inLongerRange(column: string): string {
  return `${column} >= if(${IS_SHORT}, ${UNUSED_FROM}, toStartOfHour($__fromTime)) AND ${column} < if(${IS_SHORT}, ${UNUSED_UNTIL}, $__toTime)`;
}

/** Returns the hour of a bucket, or its day if the range is long: for series without day buckets. */
export function hourOrDay(column: string): string {
  return `if(${IS_LONG}, toStartOfDay(${column}), ${column})`;
}

/**
 * Returns columns of a series over the range, from its hours or, if the range is long, from its days; the other source
 * yields no rows. `selected` exists in both, `where` is the condition on organisation and repositories. With
 * `withFacts`, hours begin at ranges over 6 hours.
 */
export function hoursOrDays(
  series: { hours: string; days: string },
  selected: string,
  where: string,
  { withFacts = false } = {},
): string {
  const isHourly = withFacts ? `${IS_SHORT} OR ${IS_LONG}` : IS_LONG;
  return `SELECT ${selected}
    FROM ${series.hours}
    WHERE ${where} AND bucket_start >= if(${isHourly}, ${UNUSED_FROM}, toStartOfHour($__fromTime)) AND bucket_start < if(${isHourly}, ${UNUSED_UNTIL}, $__toTime)
    UNION ALL
    SELECT ${selected}
    FROM ${series.days}
    WHERE ${where} AND bucket_start >= if(${IS_LONG}, toStartOfDay($__fromTime), ${UNUSED_FROM}) AND bucket_start < if(${IS_LONG}, $__toTime, ${UNUSED_UNTIL})`;
}

/**
 * Condition on a fact's time for panels without a series: inside the range, and at most its newest `days`, so that a
 * range of a quarter costs no more than a week. The panel's description says so.
 */
export function inNewestDays(column: string, days: number): string {
  return `${column} >= greatest($__fromTime_ms, $__toTime_ms - toIntervalDay(${String(days)})) AND ${column} < $__toTime_ms`;
}

/**
 * Condition on a fact's time: from the start of the range to its end, exclusive. `$__timeFilter` includes both ends and
 * would count a fact on the boundary of two ranges twice. In milliseconds: compared with whole seconds, ClickHouse
 * skips parts that hold only the last second.
 */
export function inFactRange(column: string): string {
  return `${column} >= $__fromTime_ms AND ${column} < $__toTime_ms`;
}

/** Condition on a bucket's start: from the hour in which the range begins to its end. */
export function inRange(column: string): string {
  return `${column} >= toStartOfHour($__fromTime) AND ${column} < $__toTime`;
}
