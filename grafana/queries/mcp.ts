import { hourOrDay, hoursOrDays } from './resolution.js';
import { ORG, SCOPE } from './scope.js';

/** Server of a tool; Claude Code does not name the tools of MCP servers in its logs unless asked to. */
const SERVER = "if(tool = 'mcp_tool', 'not named', extract(tool, '^mcp__(.+?)__'))";
const IS_MCP = "(startsWith(tool, 'mcp__') OR tool = 'mcp_tool')";
const REGISTERED = "dimension IN ('mcp_configured', 'mcp_connected', 'mcp_called', 'mcp_judged')";
/** Days without a call after which a server that is configured or connected is dormant. */
const DORMANT_DAYS = 30;

/** Calls of tools of MCP servers over the range, by hour or day. */
const calls = (columns: string): string =>
  hoursOrDays({ hours: 'tool_call_outcomes_hour', days: 'tool_call_outcomes_day' }, columns, `${SCOPE} AND ${IS_MCP}`);

/** When each server was seen first and last, and how, up to the end of the range; in seconds since 1970, 0 for never. */
const REGISTER = `SELECT value AS server, toDateTime64(min(first_seen_at), 3, 'UTC') AS first_at, uniqExactIf(repo, repo != '') AS repositories,
        toUnixTimestamp64Milli(maxIf(last_seen_at, dimension = 'mcp_configured')) AS configured, toUnixTimestamp64Milli(maxIf(last_seen_at, dimension = 'mcp_connected')) AS connected,
        toUnixTimestamp64Milli(maxIf(last_seen_at, dimension = 'mcp_called')) AS called, toUnixTimestamp64Milli(maxIf(last_seen_at, dimension = 'mcp_judged')) AS judged,
        multiIf(configured + connected > 0 AND greatest(called, judged) < toUnixTimestamp64Milli($__toTime_ms - toIntervalDay(${String(DORMANT_DAYS)})), 'dormant',
            judged = 0, 'not judged', configured + connected = 0, 'not listed', 'in use') AS state
    FROM dimension
    WHERE ${SCOPE} AND ${REGISTERED} AND first_seen_at < $__toTime_ms
    GROUP BY server`;

/** Returns one number of the servers known: NULL if none is. */
export function serverCount(what: 'called' | 'new' | 'not judged' | 'dormant'): string {
  const condition = {
    called: `greatest(called, judged) >= toUnixTimestamp64Milli($__fromTime_ms)`,
    new: 'first_at >= $__fromTime_ms',
    'not judged': "state = 'not judged'",
    dormant: "state = 'dormant'",
  }[what];
  return `SELECT if(count() = 0, NULL, countIf(${condition})) AS servers
FROM
(
    ${REGISTER}
)`;
}

const moment = (column: string): string => `if(${column} = 0, NULL, fromUnixTimestamp64Milli(${column}, 'UTC'))`;

/** Returns the servers three ways, those that nobody judges first; 100 rows. */
export function servers(): string {
  return `SELECT server, state, ${moment('configured')} AS configured_at, ${moment('connected')} AS connected_at, ${moment('called')} AS called_at,
    ${moment('judged')} AS judged_at, if(c.total = 0, NULL, c.total) AS calls_made, c.in_time / nullIf(c.ran, 0) AS share, repositories, first_at
FROM
(
    ${REGISTER}
) AS r
LEFT JOIN
(
    SELECT ${SERVER} AS server, sum(calls) AS total, sum(ran) AS ran, sum(judged) AS in_time
    FROM
    (
        ${calls('tool, calls, ran, judged')}
    )
    GROUP BY server
) AS c ON c.server = r.server
ORDER BY state = 'not judged' DESC, state = 'not listed' DESC, first_at DESC, server
LIMIT 100`;
}

/** Returns calls over time by server: the 10 with most, and the others as one. */
export function callsOverTime(): string {
  return `SELECT time, if(place <= 10, server, 'other servers') AS name, sum(made) AS tool_calls
FROM
(
    SELECT time, server, made, dense_rank() OVER (ORDER BY total DESC, server) AS place
    FROM
    (
        SELECT ${hourOrDay('bucket_start')} AS time, ${SERVER} AS server, sum(calls) AS made, sum(made) OVER (PARTITION BY server) AS total
        FROM
        (
            ${calls('bucket_start, tool, calls')}
        )
        GROUP BY time, server
    )
)
GROUP BY time, name
ORDER BY time, name`;
}

/** Returns where servers were seen for the first time in the range, and whether the fleet knew them before; newest first, 100 rows. */
export function firstSeen(): string {
  return `SELECT server, if(repo = '', 'not known', repo) AS repository, first_at, if(fleet_at < first_at, 'known', 'new') AS fleet, ways
FROM
(
    SELECT value AS server, repo, toDateTime64(min(first_seen_at), 3, 'UTC') AS first_at,
        arrayStringConcat(arraySort(groupUniqArray(replaceOne(dimension, 'mcp_', ''))), ', ') AS ways
    FROM dimension
    WHERE ${SCOPE} AND ${REGISTERED}
    GROUP BY server, repo
) AS seen
LEFT JOIN
(
    SELECT value AS server, toDateTime64(min(first_seen_at), 3, 'UTC') AS fleet_at
    FROM dimension
    WHERE ${ORG} AND ${REGISTERED}
    GROUP BY server
) AS known ON known.server = seen.server
WHERE first_at >= $__fromTime_ms AND first_at < $__toTime_ms
ORDER BY first_at DESC, server, repository
LIMIT 100`;
}

/** Returns what the newest scans find about the configuration of MCP servers, by repository and severity; 100 rows. */
export function mcpFindings(): string {
  return `SELECT repo AS repository, severity, title, file, opened_at
FROM open_finding
WHERE ${SCOPE} AND category = 'mcp'
ORDER BY transform(severity, ['critical', 'high', 'medium', 'low'], [0, 1, 2, 3], 4), opened_at DESC, repository, title
LIMIT 100`;
}
