import { selectRows, type ClickHouseClient } from './client.js';

/** Every fact that is derived from landing: its landing tables, each with the view that reads it. */
export const FACTS = {
  scan: [{ landing: 'otel_traces', view: 'scan_in_mv_v1' }],
  finding: [{ landing: 'otel_logs', view: 'finding_in_mv_v1' }],
  runtime_event: [{ landing: 'otel_traces', view: 'runtime_event_in_mv_v1' }],
  drift_event: [{ landing: 'otel_traces', view: 'drift_event_in_mv_v1' }],
  drill_event: [{ landing: 'otel_traces', view: 'drill_event_in_mv_v1' }],
  agent_event: [
    { landing: 'otel_logs', view: 'agent_event_in_mv_v1' },
    { landing: 'otel_traces', view: 'agent_event_span_in_mv_v1' },
  ],
} as const satisfies Record<string, readonly { landing: string; view: string }[]>;
export type Fact = keyof typeof FACTS;

/**
 * Facts from which series are computed: those from landing except drills, which are in no number but their own, the counts of masked values, and the events of sessions, which
 * are decisions and agent events in another order.
 */
export type SeriesFact = Exclude<Fact, 'drill_event'> | 'masking_event' | 'session_event';

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
  for (const [fact, sources] of Object.entries(FACTS) as [Fact, (typeof FACTS)[Fact]][]) {
    const tables = sources.map(({ landing }) => `SELECT IngestedAt FROM ${landing}`);
    const rows = await selectRows<{ day: string }>(
      client,
      `SELECT DISTINCT toString(toDate(IngestedAt)) AS day FROM (${tables.join(' UNION ALL ')}) ORDER BY day`,
    );
    days.push(...rows.map(({ day }) => ({ fact, day })));
  }
  return days;
}

/**
 * Compares one day of landing with the facts and inserts the missing ones through the views that should have created
 * them: a view can fail after the landing part was committed. The insert marks the hours for the rollups.
 *
 * @returns the number of missing facts.
 */
export async function reconcileFacts(client: ClickHouseClient, { fact, day }: LandingDay): Promise<number> {
  let made = 0;
  for (const reading of await readingsOf(client, fact)) {
    const missing = `SELECT * FROM (${reading})
    WHERE toDate(ingested_at) = {day:Date} AND problem = ''
      AND (org_id, repo, event_id, occurred_at) NOT IN (
        SELECT org_id, repo, event_id, occurred_at FROM ${fact}_v1
        WHERE occurred_at BETWEEN {from:DateTime64(3, 'UTC')} AND {to:DateTime64(3, 'UTC')})`;
    const params = { day, ...(await timesOf(client, reading, day)) };
    const rows = await selectRows<{ facts: number }>(
      client,
      `SELECT uniqExact(org_id, repo, event_id, occurred_at) AS facts FROM (${missing})`,
      params,
    );
    const facts = rows[0]?.facts ?? 0;
    if (facts > 0) await feed(client, fact, missing, params);
    made += facts;
  }
  return made;
}

/** Returns the SELECTs by which the fact's views read landing. Each ends in a WHERE clause, so that AND can be appended. */
export async function readingsOf(client: ClickHouseClient, fact: Fact): Promise<string[]> {
  return Promise.all(
    FACTS[fact].map(async ({ view }) => {
      const rows = await selectRows<{ query: string }>(
        client,
        'SELECT as_select AS query FROM system.tables WHERE database = currentDatabase() AND name = {view:String}',
        { view },
      );
      const query = rows[0]?.query;
      if (query === undefined || query === '') throw new Error(`the view ${view} is missing; apply the migrations`);
      return query;
    }),
  );
}

/** Returns the range of event times of the day's records, so that the comparison does not read all facts. */
async function timesOf(client: ClickHouseClient, reading: string, day: string): Promise<{ from: string; to: string }> {
  const rows = await selectRows<{ from: string; to: string }>(
    client,
    `SELECT toString(min(occurred_at)) AS from, toString(max(occurred_at)) AS to
     FROM (${reading}) WHERE toDate(ingested_at) = {day:Date} AND problem = ''`,
    { day },
  );
  return rows[0] ?? { from: '1970-01-01 00:00:00', to: '1970-01-01 00:00:00' };
}

/** Inserts what a SELECT in the form of a fact's views returns, as those views do. */
export async function feed(
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
