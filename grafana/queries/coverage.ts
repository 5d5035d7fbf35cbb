import { inNewestDays } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/** Days after which a repository that is heard of no more counts as retired, not as silent. */
const RETIRED_DAYS = 30;

/** Scans and guards of repositories that are not retired, with what they are now. */
function expected(): string {
  return `SELECT repo, producer, state, last_seen_at, silent_seconds
    FROM
    (
        SELECT repo, producer, state, last_seen_at, silent_seconds, max(last_seen_at) OVER (PARTITION BY repo) AS heard_at
        FROM coverage
        WHERE ${SCOPE}
    )
    WHERE producer IN ('scan', 'guard') AND heard_at > now64(3, 'UTC') - toIntervalDay(${String(RETIRED_DAYS)})`;
}

/** One number: repositories of which neither scan nor guard was heard for a day. NULL where nobody is known. */
export function silentRepositories(): string {
  return `SELECT if(count() = 0, NULL, countIf(best != 'reporting')) AS silent
FROM
(
    SELECT repo, if(countIf(state = 'reporting') > 0, 'reporting', 'silent') AS best
    FROM
    (
        ${expected()}
    )
    GROUP BY repo
)`;
}

/** One number: repositories whose scan (or guard) is in that state. NULL where no repository is known. */
export function inState(producer: 'scan' | 'guard', state: 'reporting' | 'silent' | 'never'): string {
  return `SELECT if(count() = 0, NULL, countIf(state = '${state}')) AS repositories
FROM
(
    ${expected()}
)
WHERE producer = '${producer}'`;
}

/** Who should report and does not, longest silence first, never heard on top; 200 rows. */
export function blindSpots(): string {
  return `SELECT repo, producer, state, if(state = 'never', NULL, last_seen_at) AS last_heard, silent_seconds
FROM
(
    ${expected()}
)
WHERE state != 'reporting'
ORDER BY state = 'never' DESC, silent_seconds DESC, repo, producer
LIMIT 200`;
}

/**
 * Heard (1) or silent (0) over time, one lane for each repository and producer, the twelve quietest. Days over a
 * long range, hours over a short one; every lane has a value at every step from the first time it was heard. The step
 * that is not over yet counts what the one before it was: it is no silence yet.
 */
export function reportingOverTime(): string {
  const lanes = (source: string, isUsed: string): string => `SELECT concat(repo, ' · ', producer) AS lane, bucket_start
        FROM ${source}
        WHERE ${SCOPE} AND bucket_start >= if(${isUsed}, toStartOfInterval($__fromTime, toIntervalSecond(step)), toDateTime(4294967294)) AND bucket_start < if(${isUsed}, $__toTime, toDateTime(4294967295)) AND producer IN ('scan', 'guard')`;
  return `WITH toInt64(if(toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime) > 259200, 86400, 3600)) AS step,
    toInt64(intDiv(toUnixTimestamp($__fromTime), step)) AS first_step, toInt64(intDiv(toUnixTimestamp(least($__toTime, now())), step)) AS last_step,
    toInt64(intDiv(toUnixTimestamp(now()), step)) AS this_step,
heard AS
(
    SELECT lane, groupUniqArray(toInt64(intDiv(toUnixTimestamp(bucket_start), step))) AS steps, min(bucket_start) AS since
    FROM
    (
        ${lanes('coverage_activity', 'step = 3600')}
        UNION ALL
        ${lanes('coverage_activity_day', 'step = 86400')}
    )
    GROUP BY lane
    ORDER BY length(steps), lane
    LIMIT 12
)
SELECT toDateTime(each * step, 'UTC') AS time, lane, toUInt8(has(steps, each) OR (each = this_step AND has(steps, each - 1))) AS heard
FROM
(
    SELECT lane, steps, arrayJoin(range(toUInt64(greatest(first_step, intDiv(toInt64(toUnixTimestamp(since)), step))), toUInt64(last_step + 1))) AS each
    FROM heard
    WHERE last_step >= first_step
)
ORDER BY time, lane`;
}

/**
 * Which programs report, by version: AgentShield by its scans, what sends decisions, agents by their own telemetry.
 * `repositories` is NULL where none was named. Newest version of each program on top.
 */
export function versions(): string {
  return `SELECT multiIf(producer = 'scan', 'scanner', producer = 'guard', 'guard', 'agent') AS what, program, version, nullIf(countIf(repo != ''), 0) AS repositories, toDateTime64(max(last_seen_at), 3, 'UTC') AS last_heard
FROM producer_version
WHERE ${ORG} AND (repo = '' OR $__conditionalAll(repo IN (\${repo:singlequote}), $repo)) AND last_seen_at >= $__fromTime
GROUP BY producer, program, version
ORDER BY what DESC, program, last_heard DESC
LIMIT 100`;
}

/**
 * PreToolUse hooks that ended in an error or ran out of time: the agent then runs the tool unjudged unless the hook
 * says onFailure: block. Read from landing, where Claude Code's counts are; a record that came twice counts once.
 */
export function failOpenHooks(): string {
  return `SELECT hook, sum(failed) AS failures, uniqExact(session) AS sessions, max(at) AS last_at
FROM
(
    SELECT DISTINCT LogAttributes['hook_name'] AS hook, LogAttributes['session.id'] AS session, Timestamp AS at,
        toUInt32OrZero(LogAttributes['num_non_blocking_error']) + toUInt32OrZero(LogAttributes['num_cancelled']) AS failed
    FROM otel_logs
    WHERE OrgId = \${org:singlequote} AND ${inNewestDays('Timestamp', 7)} AND Body = 'claude_code.hook_execution_complete'
        AND LogAttributes['hook_event'] = 'PreToolUse'
)
WHERE failed > 0
GROUP BY hook
ORDER BY failures DESC, hook
LIMIT 50`;
}

/** Days of the range that sessions are compared over: every session of every day has to be looked at. */
const SESSION_DAYS = 14;

/**
 * Sessions an agent reported over time: those a guard saw too, and those no guard saw. By hour over ranges up to 3 days,
 * then by day, the newest 14 days.
 */
export function sessionsByGuard(): string {
  const isHourly = 'toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime) <= 259200';
  const heard = (source: string, isUsed: string, begin: string): string => `SELECT bucket_start, producer, sessions
        FROM ${source}
        WHERE ${ORG} AND producer NOT IN ('scan', 'watch') AND bucket_start >= if(${isUsed}, ${begin}(greatest($__fromTime, $__toTime - toIntervalDay(${String(SESSION_DAYS)}))), toDateTime(4294967294)) AND bucket_start < if(${isUsed}, $__toTime, toDateTime(4294967295))`;
  return `SELECT time, guarded, unguarded
FROM
(
    SELECT bucket_start AS time, groupUniqArrayArrayIf(sessions, producer != 'guard') AS by_agent, groupUniqArrayArrayIf(sessions, producer = 'guard') AS by_guard,
        length(arrayIntersect(by_agent, by_guard)) AS guarded, length(by_agent) - guarded AS unguarded
    FROM
    (
        ${heard('coverage_activity', isHourly, 'toStartOfHour')}
        UNION ALL
        ${heard('coverage_activity_day', `NOT (${isHourly})`, 'toStartOfDay')}
    )
    GROUP BY time
)
WHERE guarded + unguarded > 0
ORDER BY time`;
}
