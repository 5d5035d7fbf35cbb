import { selectRows, type ClickHouseClient } from './client.js';

/** Every fact that is derived from landing, with its landing table. */
export const FACTS = {
  scan: 'otel_traces',
  finding: 'otel_logs',
  runtime_event: 'otel_traces',
  drift_event: 'otel_traces',
  agent_event: 'otel_logs',
} as const;
export type Fact = keyof typeof FACTS;

/** Facts from which series are computed: those from landing, and the counts of masked values. */
export type SeriesFact = Fact | 'masking_event';

/** Days for which facts and series are kept. Older hours are frozen: later arrivals do not change them. */
export const FACT_DAYS = 730;

/** One day of arrivals for one fact: the unit in which landing is reconciled. */
export interface LandingDay {
  fact: Fact;
  /** Day of arrival, `YYYY-MM-DD`, UTC. */
  day: string;
}

/** Timeout per day in seconds. */
const DAY_TIMEOUT_S = 600;

/** Returns the days for which landing has rows, oldest first, for each fact. */
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
 * Compares one day of landing with the facts and inserts the missing ones through the view that should have created
 * them: a view can fail after the landing part was committed. The insert marks the hours for the rollups.
 *
 * @returns the number of missing facts.
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
 * Derives all facts of one day of landing again. Fact tables deduplicate by key, so only facts that today's views
 * derive differently change.
 */
export async function rebuildFacts(client: ClickHouseClient, { fact, day }: LandingDay): Promise<void> {
  await feed(client, fact, `SELECT * FROM (${await readingOf(client, fact)}) WHERE toDate(ingested_at) = {day:Date}`, {
    day,
  });
}

/**
 * Returns the SELECT by which the fact's view reads landing. It ends in a WHERE clause, so that AND can be appended.
 */
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

/** Returns the range of event times of the day's records, so that the comparison does not read all facts. */
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
