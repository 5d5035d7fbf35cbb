import { selectRows, type ClickHouseClient } from './client.js';

/** Every fact that is made of landing rows, with the table it is made of. */
export const FACTS = {
  scan: 'otel_traces',
  finding: 'otel_logs',
  runtime_event: 'otel_traces',
  drift_event: 'otel_traces',
  agent_event: 'otel_logs',
} as const;
export type Fact = keyof typeof FACTS;

/** Facts that a series is made of: those of landing, and the counts of what was masked on the way in. */
export type SeriesFact = Fact | 'masking_event';

/** Days that facts and series live. An hour older than this is frozen: nothing that arrives for it changes anything. */
export const FACT_DAYS = 730;

/** One day's arrivals of the records of one fact: the unit in which landing is gone through again. */
export interface LandingDay {
  fact: Fact;
  /** Day of arrival, `YYYY-MM-DD`, UTC. */
  day: string;
}

/** Milliseconds the store may take for one day. */
const DAY_TIMEOUT_S = 600;

/** The days of which landing still holds rows, oldest first, for each fact. */
export async function landingDays(client: ClickHouseClient): Promise<LandingDay[]> {
  const days: LandingDay[] = [];
  for (const [fact, landing] of Object.entries(FACTS) as [Fact, string][]) {
    const rows = await selectRows<{ day: string }>(
      client,
      'SELECT DISTINCT toString(toDate(IngestedAt)) AS day FROM {landing:Identifier} ORDER BY day',
      { landing },
    );
    days.push(...rows.map(({ day }) => ({ fact, day })));
  }
  return days;
}

/**
 * Compares one day of landing with the facts and makes those that are missing, by the same view that should
 * have made them: a view can fail after the landing part was committed. Rollups see the marks of what is mended.
 *
 * @returns how many facts were missing.
 */
export async function reconcileFacts(client: ClickHouseClient, { fact, day }: LandingDay): Promise<number> {
  const missing = `SELECT * FROM (${await readingOf(client, fact)})
    WHERE toDate(ingested_at) = {day:Date} AND problem = ''
      AND (org_id, repo, event_id, occurred_at) NOT IN (
        SELECT org_id, repo, event_id, occurred_at FROM ${fact}_v1
        WHERE occurred_at BETWEEN {from:DateTime64(3, 'UTC')} AND {to:DateTime64(3, 'UTC')})`;
  const params = { day, ...(await timesOf(client, fact, day)) };
  const rows = await selectRows<{ facts: number }>(
    client,
    `SELECT uniqExact(org_id, repo, event_id, occurred_at) AS facts FROM (${missing})`,
    params,
  );
  const facts = rows[0]?.facts ?? 0;
  if (facts > 0) await feed(client, fact, missing, params);
  return facts;
}

/**
 * Rebuilds all facts of one day of landing. Fact tables deduplicate by key, so this changes only what the views
 * would make differently today.
 */
export async function rebuildFacts(client: ClickHouseClient, { fact, day }: LandingDay): Promise<void> {
  await feed(client, fact, `SELECT * FROM (${await readingOf(client, fact)}) WHERE toDate(ingested_at) = {day:Date}`, {
    day,
  });
}

/** The SELECT by which the fact's view reads landing; ends in its conditions, so another can be added with AND. */
export async function readingOf(client: ClickHouseClient, fact: Fact): Promise<string> {
  const rows = await selectRows<{ query: string }>(
    client,
    'SELECT as_select AS query FROM system.tables WHERE database = currentDatabase() AND name = {view:String}',
    { view: `${fact}_in_mv_v1` },
  );
  const query = rows[0]?.query;
  if (query === undefined || query === '')
    throw new Error(`the view ${fact}_in_mv_v1 is missing; apply the migrations`);
  return query;
}

/** First and last time that the day's records claim; keeps the comparison from reading all facts. */
async function timesOf(client: ClickHouseClient, fact: Fact, day: string): Promise<{ from: string; to: string }> {
  const rows = await selectRows<{ from: string; to: string }>(
    client,
    `SELECT toString(min(occurred_at)) AS from, toString(max(occurred_at)) AS to
     FROM (${await readingOf(client, fact)}) WHERE toDate(ingested_at) = {day:Date} AND problem = ''`,
    { day },
  );
  return rows[0] ?? { from: '1970-01-01 00:00:00', to: '1970-01-01 00:00:00' };
}

async function feed(
  client: ClickHouseClient,
  fact: Fact,
  select: string,
  params: Record<string, unknown>,
): Promise<void> {
  await client.command({
    query: `INSERT INTO ${fact}_in_v1 ${select}`,
    query_params: params,
    clickhouse_settings: { max_execution_time: DAY_TIMEOUT_S },
  });
}
