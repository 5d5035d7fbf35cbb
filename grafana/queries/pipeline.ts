import { counterIncreases, undelivered, waitingBuckets } from '#schemas/alerts/queries.js';
import { hoursOrDays, inFactRange, inNewestDays } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/** Returns facts over time by producer. */
export function factsByProducer(): string {
  return `SELECT bucket_start AS time, producer, sum(events) AS facts
FROM
(
    ${hoursOrDays({ hours: 'coverage_activity', days: 'coverage_activity_day' }, 'bucket_start, producer, events', SCOPE)}
)
GROUP BY time, producer
ORDER BY time, producer`;
}

/** Returns one number: seconds since the organisation's newest event. NULL without events for 30 days. */
export function sinceLastArrival(): string {
  return `SELECT if(max(newest) = toDateTime64(0, 3, 'UTC'), NULL, dateDiff('second', max(newest), now64(3, 'UTC'))) AS seconds
FROM
(
    SELECT max(a.last_at) AS newest
    FROM coverage_activity_day AS a
    WHERE ${ORG} AND bucket_start >= toStartOfDay(now()) - toIntervalDay(30)
)`;
}

/** Returns one number: repository hours that wait to be recomputed. */
export function rollupBacklog(): string {
  return `SELECT count() AS waiting
FROM
(
    ${waitingBuckets(ORG)}
)`;
}

/** Returns one number: seconds that the oldest of them has waited; 0 if none waits. */
export function rollupLag(): string {
  return `SELECT if(count() = 0, 0, greatest(0, dateDiff('millisecond', min(marked), now64(3, 'UTC')) / 1000)) AS lag
FROM
(
    ${waitingBuckets(ORG)}
)`;
}

/** Returns one number: records of the range that did not become facts. NULL if nothing arrived at all. */
export function quarantinedInRange(): string {
  return `SELECT if((SELECT count() FROM repository_activity WHERE ${ORG}) = 0, NULL, count()) AS quarantined
FROM quarantine
WHERE ${ORG} AND ${inFactRange('ingested_at')}`;
}

/**
 * Returns the delay of facts between the producer's clock and the store, by hour of arrival: p50 and p95; the newest 2
 * days.
 */
export function deliveryDelay(): string {
  return `SELECT toStartOfHour(ingested_at) AS time, quantileExact(0.5)(delay) AS p50, quantileExact(0.95)(delay) AS p95
FROM
(
    SELECT ingested_at, greatest(0, dateDiff('millisecond', occurred_at, ingested_at) / 1000) AS delay
    FROM runtime_event_v1
    WHERE ${SCOPE} AND ${inNewestDays('occurred_at', 2)}
)
GROUP BY time
ORDER BY time`;
}

/** Returns quarantined records over time, by problem. */
export function quarantineOverTime(): string {
  return `SELECT toStartOfHour(ingested_at) AS time, problem, count() AS records
FROM quarantine
WHERE ${ORG} AND ${inFactRange('ingested_at')}
GROUP BY time, problem
ORDER BY time, problem`;
}

/** Names of the Collector's counters of removals by redaction. */
const REMOVED_COUNTERS = ['processor_secretredaction_masked', 'processor_secretredaction_dropped_attributes'];

/** Condition on the organisation in landing tables, whose columns have other names. */
const LANDING_ORG = 'OrgId = ${org:singlequote}';

/** Returns the same in steps of 10 minutes. */
export function undeliveredRecords(): string {
  return `SELECT toDateTime(toStartOfInterval(at, toIntervalMinute(10)), 'UTC') AS time, counter, sum(rise) AS records
FROM
(
    ${undelivered(LANDING_ORG, inNewestDays('TimeUnix', 7))}
)
GROUP BY time, counter
ORDER BY time, counter`;
}

/**
 * Returns removals by redaction, in steps of 10 minutes: secrets by kind, attributes by reason; six by name, the rest
 * together.
 */
export function redactionRemovals(): string {
  return `SELECT time, if(place <= 6, what, 'other kinds') AS name, sum(taken) AS values
FROM
(
    SELECT time, what, taken, dense_rank() OVER (ORDER BY weight DESC, what) AS place
    FROM
    (
        SELECT toDateTime(toStartOfInterval(at, toIntervalMinute(10)), 'UTC') AS time,
            if(counter = 'processor_secretredaction_masked', concat('masked: ', attributes['kind']), concat('attribute dropped: ', replaceAll(attributes['reason'], '_', ' '))) AS what,
            sum(rise) AS taken, sum(taken) OVER (PARTITION BY what) AS weight
        FROM
        (
            ${counterIncreases(REMOVED_COUNTERS, LANDING_ORG, inNewestDays('TimeUnix', 7))}
        )
        GROUP BY time, what
    )
)
GROUP BY time, name
ORDER BY time, name`;
}

/**
 * Returns the utilisation of the collectors' sending queues (size / capacity), the maximum of each 10 minutes, in the
 * unit that a queue counts in.
 */
export function collectorQueue(): string {
  return `SELECT toDateTime(toStartOfInterval(TimeUnix, toIntervalMinute(10)), 'UTC') AS time, trim(concat(Attributes['exporter'], ' ', Attributes['data_type'])) AS queue,
    maxIf(Value, MetricName = 'otelcol_exporter_queue_size') / nullIf(maxIf(Value, MetricName = 'otelcol_exporter_queue_capacity'), 0) AS fill
FROM otel_metrics_gauge
WHERE ${LANDING_ORG} AND ${inNewestDays('TimeUnix', 7)} AND MetricName IN ('otelcol_exporter_queue_size', 'otelcol_exporter_queue_capacity')
GROUP BY time, queue
HAVING countIf(MetricName = 'otelcol_exporter_queue_size') > 0
ORDER BY time, queue`;
}

const STORED_TABLES = [
  ['landing: spans', 'otel_traces', 'OrgId'],
  ['landing: log records', 'otel_logs', 'OrgId'],
  ['landing: metric points', 'otel_metrics_sum', 'OrgId'],
  ['facts: decisions', 'runtime_event_v1', 'org_id'],
  ['facts: scans', 'scan_v1', 'org_id'],
  ['facts: findings', 'finding_v1', 'org_id'],
  ['facts: drifts', 'drift_event_v1', 'org_id'],
  ["facts: agents\\' events", 'agent_event_v1', 'org_id'],
  ['series: blocked rate', 'blocked_command_rate_v1', 'org_id'],
  ['series: findings', 'finding_transition_v1', 'org_id'],
  ['series: coverage', 'coverage_v1', 'org_id'],
] as const;

/** Number of rows from which a table's mean row size is estimated. */
const SAMPLE = 500;

/**
 * Returns the organisation's rows per table, including duplicates that have not been merged yet, and an estimate of
 * their bytes: rows times the mean in-memory size of 500 rows. On disk they are compressed, about ten to one.
 */
export function storeSize(): string {
  return `SELECT kept, row_count, row_count * bytes_of_one AS bytes
FROM
(
    ${STORED_TABLES.map(([name, tableName, org]) => `SELECT '${name}' AS kept, count() AS row_count, (SELECT ifNull(avg(byteSize(*)), 0) FROM (SELECT * FROM ${tableName} WHERE ${org} = \${org:singlequote} LIMIT ${String(SAMPLE)})) AS bytes_of_one FROM ${tableName} WHERE ${org} = \${org:singlequote}`).join('\n    UNION ALL\n    ')}
)
ORDER BY bytes DESC, kept`;
}
