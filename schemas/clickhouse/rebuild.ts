import { MIGRATIONS_TABLE } from '../migrations.js';
import { selectRows, type ClickHouseClient } from './client.js';
import { forgetJudgements, forgetSessionEvents, isOfSession } from './delete.js';
import { FACTS, feed, readingsOf, type Fact, type LandingDay } from './facts.js';
import { clickhouseMigrations } from './migrate.js';

/** Identity of a fact. */
const KEY = 'org_id, repo, event_id, occurred_at';

/** Timeout of a statement in seconds. */
const TIMEOUT_S = 600;

/**
 * Derives all facts of one day of landing again. What today's views derive takes the place of what earlier views derived of the
 * same records; facts of records that landing no longer holds stay. Series follow. Old rows are deleted first, because of two
 * rows of equal identity the greater content hash would remain, so a fact that changes is absent for seconds. Safe to repeat
 * after a failure.
 */
export async function rebuildFacts(client: ClickHouseClient, { fact, day }: LandingDay): Promise<void> {
  const readings = await readingsOf(client, fact);
  const run = (query: string): Promise<unknown> =>
    client.command({
      query,
      query_params: { day },
      clickhouse_settings: {
        max_execution_time: TIMEOUT_S,
        mutations_sync: '1',
        lightweight_deletes_sync: '1',
        allow_nondeterministic_mutations: 1,
      },
    });
  const old = await derivedDifferently(client, fact, readings);
  const [found] = await selectRows<{ n: number; began: number }>(
    client,
    `SELECT count() AS n, toUnixTimestamp64Milli(now64(3)) AS began FROM ${fact}_v1 WHERE ${old}`,
    { day },
  );
  if (found !== undefined && found.n > 0) {
    const ofOld = `(${KEY}) IN (SELECT ${KEY} FROM ${fact}_v1 WHERE ${old})`;
    if (fact === 'runtime_event') await forgetJudgements(run, ofOld);
    if (isOfSession(fact)) {
      // The days before, which are rebuilt within minutes, are not marked again with each day.
      const sinceBegan = `marked_at >= fromUnixTimestamp64Milli(${String(found.began)}, 'UTC')`;
      await forgetSessionEvents(run, `fact = '${fact}' AND ${ofOld}`, sinceBegan);
    }
    await run(`DELETE FROM ${fact}_v1 WHERE ${old}`);
  }
  for (const reading of readings)
    await feed(client, fact, `SELECT * FROM (${reading}) WHERE toDate(ingested_at) = {day:Date}`, { day });
  await client.insert({
    table: 'fact_rebuild_v1',
    values: [{ fact, day, rebuilt_at: Date.now() }],
    format: 'JSONEachRow',
  });
}

/**
 * Returns the days of landing with facts that were derived before an upgrade changed how they are, oldest first, and that were
 * not derived again since; empty in a new store.
 */
export async function outdatedDays(client: ClickHouseClient): Promise<LandingDay[]> {
  const migrations = await clickhouseMigrations();
  const outdated: LandingDay[] = [];
  for (const [fact, sources] of Object.entries(FACTS) as [Fact, (typeof FACTS)[Fact]][]) {
    const version = migrations.findLast(({ sql }) =>
      sources.some(({ view }) => sql.includes(`ALTER TABLE ${view} MODIFY QUERY`)),
    )?.version;
    if (version === undefined) continue;
    const upgraded = `(SELECT max(applied_at) FROM ${MIGRATIONS_TABLE} WHERE version = {version:UInt32})`;
    const rows = await selectRows<{ day: string }>(
      client,
      `SELECT DISTINCT toString(toDate(IngestedAt)) AS day
       FROM (${sources.map(({ landing }) => `SELECT IngestedAt FROM ${landing}`).join(' UNION ALL ')})
       WHERE IngestedAt < ${upgraded}
         AND toDate(IngestedAt) NOT IN (SELECT b.day FROM fact_rebuild_v1 AS b WHERE b.fact = {fact:String} AND b.rebuilt_at >= ${upgraded})
       ORDER BY day`,
      { fact, version },
    );
    outdated.push(...rows.map(({ day }) => ({ fact, day })));
  }
  return outdated;
}

/**
 * Returns the condition on a fact's table for what arrived on a day and what today's views derive of the same records with
 * other values.
 */
async function derivedDifferently(client: ClickHouseClient, fact: Fact, readings: readonly string[]): Promise<string> {
  const columns = await selectRows<{ name: string; type: string }>(
    client,
    `SELECT name, type FROM system.columns
     WHERE database = currentDatabase() AND table = {table:String} AND default_kind IN ('', 'DEFAULT') ORDER BY position`,
    { table: `${fact}_v1` },
  );
  const typed = columns.map(({ name, type }) => `CAST(\`${name}\`, '${type.replaceAll("'", "\\'")}') AS \`${name}\``);
  const derived = readings
    .map(
      (reading) =>
        `SELECT ${typed.join(', ')} FROM (${reading}) WHERE toDate(ingested_at) = {day:Date} AND problem = ''`,
    )
    .join(' UNION ALL ');
  const values = `sipHash64(toString(tuple(${columns.map(({ name }) => `\`${name}\``).join(', ')})))`;
  return `toDate(ingested_at) = {day:Date}
    AND (${KEY}) IN (SELECT ${KEY} FROM (${derived}))
    AND (${KEY}, ${values}) NOT IN (SELECT ${KEY}, ${values} FROM (${derived}))`;
}
