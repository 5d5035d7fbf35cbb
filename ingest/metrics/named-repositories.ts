import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { RepositoryFilter } from '../boards/repository-filter.js';
import { quote } from '../boards/macros.js';
import { runQuery } from '../boards/run-query.js';

/** Repositories of an organisation that have series of their own; the others are folded into {@link OTHER}. */
export const MAX_NAMED = 400;
/** Label of records without a repository, as on the boards. */
export const UNNAMED = 'not named';
/** Label of all repositories that are not named. One that really has this name is among them. */
export const OTHER = '_other';

/** Longest name that is a label, in characters. */
const MAX_LENGTH = 200;
/** Bytes of a list of names in a statement: below ClickHouse's `max_query_size` of 256 KiB. */
const MAX_LIST_BYTES = 150_000;
/** Days without a report after which a repository gives up its place, as for the alert rules. */
const ACTIVE_DAYS = 30;

/** Views with repositories that have samples and perhaps no fact, and the hours for which they have. */
const WITHOUT_FACTS = [
  { view: 'masked_value_hour', time: 'bucket_start', hours: 169 },
  { view: 'tool_call_outcomes_hour', time: 'bucket_start', hours: 1 },
  { view: 'quarantine', time: 'ingested_at', hours: 1 },
] as const;

export interface NamedRepositories {
  /** Names, in the order of their places. */
  readonly names: readonly string[];
  /** Number of repositories that are known. */
  readonly known: number;
}

/**
 * Chooses the repositories that are named: those that reported within 30 days before others, then by the age of their
 * row in the control plane, which the gateway's clock sets. So new names, which anyone who sends telemetry can make up,
 * do not push out a repository.
 *
 * @param rows names that have a row, the oldest first
 */
export async function nameRepositories(
  client: ClickHouseClient,
  { orgId, now, rows }: { orgId: string; now: string; rows: readonly string[] },
  filter: RepositoryFilter | undefined,
): Promise<NamedRepositories> {
  const ranked = withinBytes(rows);
  const order = [
    `last_seen_at < ${now} - toIntervalDay(${String(ACTIVE_DAYS)})`,
    ...(ranked.length === 0
      ? []
      : [
          `transform(repo, [${ranked.map(quote).join(',')}], [${ranked.map((_, index) => String(index)).join(',')}], ${String(ranked.length)})`,
        ]),
    'first_seen_at',
    'repo',
  ];
  const scope = `org_id = ${quote(orgId)} AND repo != ''`;
  const { rows: found } = await runQuery(
    client,
    `SELECT repo, count() OVER () AS known
FROM
(
    SELECT repo, min(first) AS first_seen_at, max(last) AS last_seen_at
    FROM
    (
        SELECT repo, first_seen_at AS first, last_seen_at AS last FROM repository_activity WHERE ${scope}
        UNION ALL
        ${WITHOUT_FACTS.map(({ view, time, hours }) => `SELECT DISTINCT repo, ${now} AS first, ${now} AS last FROM ${view} WHERE ${scope} AND ${time} >= toStartOfHour(${now}) - toIntervalHour(${String(hours)})`).join('\n        UNION ALL\n        ')}
    )
    GROUP BY repo
)
ORDER BY ${order.join(', ')}
LIMIT ${String(MAX_NAMED)}`,
    filter,
  );
  const names = withinBytes(found.map(([repo]) => String(repo)).filter(isNameable));
  return { names, known: Number(found[0]?.[1] ?? 0) };
}

function isNameable(name: string): boolean {
  return ![OTHER, UNNAMED].includes(name) && Array.from(name).length <= MAX_LENGTH;
}

function withinBytes(names: readonly string[]): string[] {
  let left = MAX_LIST_BYTES;
  return names.filter((name) => (left -= Buffer.byteLength(quote(name)) + 1) >= 0);
}

/**
 * Characters that a label does not show: control characters, halves of surrogate pairs, line separators, and those that change the direction of
 * text, with which a name could look like another in a notice.
 */
const UNSHOWN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Returns the label of a repository. Names that differ in characters that are not shown have one label. */
export const labelOf = (name: string): string => name.replace(UNSHOWN, '\ufffd');
