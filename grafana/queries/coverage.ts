import { KNOWN_EVENTS } from '#schemas/dialects/dialects.js';
import { inNewestDays } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/** Days of silence after which a repository counts as retired instead of silent. */
const RETIRED_DAYS = 30;

/** Returns scans and guards of repositories that are not retired, with their current state. */
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

/**
 * Returns one number: repositories with neither a scan nor a guard decision for a day. NULL if no repository is known.
 */
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

/** Returns one number: repositories whose scan (or guard) is in the given state. NULL if no repository is known. */
export function inState(producer: 'scan' | 'guard', state: 'reporting' | 'silent' | 'never'): string {
  return `SELECT if(count() = 0, NULL, countIf(state = '${state}')) AS repositories
FROM
(
    ${expected()}
)
WHERE producer = '${producer}'`;
}

/** Returns expected producers that do not report, those that never did first, then the longest silence; 200 rows. */
export function silentProducers(): string {
  return `SELECT repo, producer, state, if(state = 'never', NULL, last_seen_at) AS last_heard, silent_seconds
FROM
(
    ${expected()}
)
WHERE state != 'reporting'
ORDER BY state = 'never' DESC, silent_seconds DESC, repo, producer
LIMIT 200`;
}

/** Returns seats that are not retired, with what they have proved by live drills. */
function drilled(): string {
  return `SELECT repo, seat, client, client_version, state, last_result, last_proof_at, last_drill_at
    FROM drill_seat
    WHERE ${SCOPE} AND last_drill_at > now64(3, 'UTC') - toIntervalDay(${String(RETIRED_DAYS)})`;
}

/** Returns one number: seats, per repository and agent, whose proof is missing. NULL if none was ever drilled. */
export function unprovedSeats(): string {
  return `SELECT if(count() = 0, NULL, countIf(state != 'proved')) AS unproved
FROM
(
    ${drilled()}
)`;
}

/** Returns seats with the state of their proof, missing proofs first, then the longest ago; 200 rows. */
export function drilledSeats(): string {
  return `SELECT if(repo = '', 'no project', repo) AS repository, substring(seat, 1, 8) AS seat_id, client, client_version, state, replaceAll(toString(last_result), '_', ' ') AS result, last_proof_at
FROM
(
    ${drilled()}
)
ORDER BY state = 'proved', last_drill_at, repository, seat_id, client
LIMIT 200`;
}

/**
 * Returns heard (1) or silent (0) over time, one lane per repository and producer, the twelve quietest. By day over a
 * long range, by hour over a short one. Every lane has a value at each step from its first report on. The current step
 * repeats the one before it, because it is not silent until it is over.
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
 * Returns programs that report, by version: AgentShield through its scans, senders of decisions, agents through their
 * own telemetry. `repositories` is NULL if none was named. Newest version of each program first.
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
 * Returns PreToolUse hooks that ended in an error or timed out: the agent then runs the tool unjudged unless the hook
 * sets onFailure: block. Reads landing, which holds Claude Code's counts; repeated records count once.
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

/**
 * Returns events of agents that no dialect knows, by agent, name and newest version: they are kept, and count as activity, but
 * are no turn, model call or tool call. The newest 7 days of the range; repeated events count once.
 */
export function unknownEvents(): string {
  const known = KNOWN_EVENTS.map((name) => `'${name}'`).join(', ');
  return `SELECT agent, event_name AS event, argMax(agent_version, occurred_at) AS version, uniqExact(event_id) AS events, uniqExact(session_id) AS sessions,
    max(occurred_at) AS last_at
FROM agent_event_v1
WHERE ${ORG} AND (repo = '' OR $__conditionalAll(repo IN (\${repo:singlequote}), $repo)) AND kind = '' AND event_name NOT IN (${known})
    AND ${inNewestDays('occurred_at', 7)}
GROUP BY agent, event
ORDER BY events DESC, agent, event
LIMIT 100`;
}

/** Days of the range over which sessions are compared. The query reads every session of each of these days. */
const SESSION_DAYS = 14;

/**
 * Returns sessions that an agent reported over time, with and without a guard decision. By hour over ranges up to 3
 * days, then by day, for the newest 14 days.
 */
export function sessionsByGuard(): string {
  const isHourly = 'toUnixTimestamp($__toTime) - toUnixTimestamp($__fromTime) <= 259200';
  const sessionsFrom = (
    source: string,
    isUsed: string,
    begin: string,
  ): string => `SELECT bucket_start, producer, sessions
        FROM ${source}
        WHERE ${ORG} AND producer NOT IN ('scan', 'watch') AND bucket_start >= if(${isUsed}, ${begin}(greatest($__fromTime, $__toTime - toIntervalDay(${String(SESSION_DAYS)}))), toDateTime(4294967294)) AND bucket_start < if(${isUsed}, $__toTime, toDateTime(4294967295))`;
  return `SELECT time, guarded, unguarded
FROM
(
    SELECT bucket_start AS time, groupUniqArrayArrayIf(sessions, producer != 'guard') AS by_agent, groupUniqArrayArrayIf(sessions, producer = 'guard') AS by_guard,
        length(arrayIntersect(by_agent, by_guard)) AS guarded, length(by_agent) - guarded AS unguarded
    FROM
    (
        ${sessionsFrom('coverage_activity', isHourly, 'toStartOfHour')}
        UNION ALL
        ${sessionsFrom('coverage_activity_day', `NOT (${isHourly})`, 'toStartOfDay')}
    )
    GROUP BY time
)
WHERE guarded + unguarded > 0
ORDER BY time`;
}
