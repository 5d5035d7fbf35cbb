import { isDeepStrictEqual } from 'node:util';
import { readBoards, type BoardLibrary } from '#ingest/boards/board-library.js';
import type { Board } from '#schemas/board.js';
import { ownOptions } from '#ingest/boards/variables.js';
import { expandMacros, type VariableValue } from '#ingest/boards/macros.js';
import { panelSql } from '#ingest/boards/panel-data.js';
import type { TimeRange } from '#schemas/http/boards.js';
import type { BenchReport } from '../figure.js';
import { quantile } from '../measure.js';
import { withServer, type BenchServer } from '../store/server.js';
import { ORG, ORGANISATION, seedOrganisation, type OrganisationSize } from '../boards/seed.js';
import { LEDGER, seedLedger, type LedgerSize } from './seed-ledger.js';

/** Board of the outcome ledger, whose rows {@link seedLedger} makes. */
const LEDGER_BOARD = 'shieldwatch-enforcement';

export interface PanelSizes {
  organisation: OrganisationSize;
  /** Runs of each query, after one that is discarded. */
  repeats: number;
}

const DAYS = 90;
const CHOSEN_REPOSITORY = 'acme/service-07';

/**
 * Panels of the decisions board as queries on facts, each fact once: they return the same rows as the panel's own
 * query. `from` and `to` bound whole days, as the series do.
 */
const FROM_FACTS: Readonly<Record<string, string>> = {
  '6': `SELECT toStartOfDay(occurred_at) AS time, if(count() < 20, 'fewer than 20 decisions', 'blocked rate') AS kind, countIf(decision = 'block') / count() AS rate
FROM runtime_event WHERE {where} GROUP BY time ORDER BY time, kind`,
  '8': `SELECT tool, countIf(decision = 'block') AS blocked_calls, count() AS total, if(total < 20, -1, blocked_calls / total) AS rate
FROM runtime_event WHERE {where} GROUP BY tool ORDER BY blocked_calls DESC, total DESC, tool LIMIT 20`,
  '13': `SELECT time, us[1] / 1000 AS p50, us[2] / 1000 AS p95, us[3] / 1000 AS p99
FROM (SELECT toStartOfDay(occurred_at) AS time, quantilesDD(0.01, 0.5, 0.95, 0.99)(duration_us) AS us FROM runtime_event WHERE {where} GROUP BY time) ORDER BY time`,
};

/**
 * Measures the p95 in milliseconds of every query of every board (panels, variables, annotations) over 90 days and all
 * 50 repositories, with series computed by the jobs; and how many times longer three of them take on facts than on the
 * series, with the same rows as result.
 */
export async function panelLatency(
  report: BenchReport,
  { organisation, repeats }: PanelSizes = { organisation: ORGANISATION, repeats: 20 },
): Promise<void> {
  await withServer(async (server) => {
    report.note(`writing ${String(organisation.events)} events, and the series by their jobs`);
    await seedOrganisation(server, organisation);

    const library = await readBoards();
    const boards = library.all().filter(({ uid }) => uid !== LEDGER_BOARD);
    await measureAll(report, server, queriesOf(boards), repeats, 'worst_panel_p95_ms');
    await factsAgainstSeries(report, server, library, repeats);
  });
}

/** Measures the panels of the board of the ledger in the same way, over a ledger of 10 million calls. */
export async function ledgerLatency(
  report: BenchReport,
  { ledger, repeats }: { ledger: LedgerSize; repeats: number } = { ledger: LEDGER, repeats: 20 },
): Promise<void> {
  await withServer(async (server) => {
    report.note(`writing ${String(ledger.calls)} tool calls, and their series by its jobs`);
    await seedLedger(server, ledger);
    const boards = (await readBoards()).all().filter(({ uid }) => uid === LEDGER_BOARD);
    // Its variables and marks read nothing of the ledger.
    const panels = [...queriesOf(boards)].filter(([name]) => name.startsWith('enforcement_'));
    await measureAll(report, server, new Map(panels), repeats, 'worst_ledger_panel_p95_ms');
  });
}

type Queries = ReadonlyMap<string, { title: string; sql: () => string }>;

/** Reports the p95 of every query, and the worst of them as `worstMetric`. */
async function measureAll(
  report: BenchReport,
  server: BenchServer,
  queries: Queries,
  repeats: number,
  worstMetric: string,
): Promise<void> {
  let worst = 0;
  for (const [name, { title, sql }] of queries) {
    const p95 = await latency(server, sql, repeats);
    worst = Math.max(worst, p95);
    report.figure({ metric: `${name}_p95_ms`, value: p95, better: 'lower', floor: 250, goal: 100 });
    if (p95 > 100) report.note(`  ${title}`);
  }
  report.figure({ metric: worstMetric, value: worst, better: 'lower', floor: 250, goal: 100 });
}

/** Returns every query under a unique name. A query that several boards share is measured once. */
function queriesOf(boards: readonly Board[]): Queries {
  const queries = new Map<string, { title: string; sql: () => string }>();
  for (const board of boards) {
    const name = board.uid.replace('shieldwatch-', '');
    const variables = chosenOn(board);
    for (const panel of board.panels.filter(({ targets }) => targets !== undefined)) {
      queries.set(`${name}_${String(panel.id)}`, {
        title: String(panel.title),
        sql: () => panelSql(panel, { range: lastDays(), variables }),
      });
    }
    const expanded = (query: string) => () => expandMacros(query, { range: lastDays(), intervalMs: 60_000, variables });
    for (const { name: variable, type, query } of board.templating.list) {
      if (type === 'query')
        queries.set(`variable_${variable}`, { title: `variable ${variable}`, sql: expanded(String(query)) });
    }
    for (const { name: mark, target } of board.annotations.list) {
      if (target?.rawSql !== undefined)
        queries.set(`marks_${mark.toLowerCase().replaceAll(' ', '_')}`, {
          title: `marks: ${mark}`,
          sql: expanded(target.rawSql),
        });
    }
  }
  return queries;
}

function chosenOn(board: Board): Map<string, VariableValue> {
  const variables = new Map<string, VariableValue>([['org', [ORG]]]);
  for (const variable of board.templating.list) {
    if (variable.name !== 'org')
      variables.set(
        variable.name,
        ownOptions(variable)?.map(({ value }) => value) ??
          (variable.includeAll ? 'all' : [variable.name === 'session' ? 'session-7' : CHOSEN_REPOSITORY]),
      );
  }
  return variables;
}

/** Alternates, so that other load on the machine affects both. */
async function factsAgainstSeries(
  report: BenchReport,
  server: BenchServer,
  library: BoardLibrary,
  repeats: number,
): Promise<void> {
  const variables = new Map<string, VariableValue>([
    ['org', [ORG]],
    ['repo', 'all'],
    ['agent', 'all'],
    ['tool', 'all'],
  ]);
  const range = lastDays();
  const total = { facts: 0, series: 0 };
  for (const [id, raw] of Object.entries(FROM_FACTS)) {
    const panel = library.panel('shieldwatch-runtime', id);
    const series = panelSql(panel, { range, variables });
    const facts = raw.replace(
      '{where}',
      `org_id = '${ORG}' AND occurred_at >= toStartOfDay(toDateTime(${String(Math.floor(range.from / 1_000))}, 'UTC')) AND occurred_at <= toDateTime(${String(Math.floor(range.to / 1_000))}, 'UTC')`,
    );
    const [ofFacts, ofSeries] = [await server.run(`${facts}\nFORMAT TSV`), await server.run(`${series}\nFORMAT TSV`)];
    if (ofFacts === '' || !isDeepStrictEqual(ofFacts, ofSeries))
      throw new Error(`panel ${id}: facts and series have different rows`);
    const times: { facts: number[]; series: number[] } = { facts: [], series: [] };
    for (let round = 0; round < Math.max(3, Math.floor(repeats / 4)); round += 1) {
      times.facts.push(await timed(server, facts));
      times.series.push(await timed(server, series));
    }
    const p95 = { facts: quantile(times.facts, 0.95), series: quantile(times.series, 0.95) };
    report.note(
      `${String(panel.title)}: ${p95.facts.toFixed(0)} ms from facts, ${p95.series.toFixed(0)} ms from the series`,
    );
    total.facts += p95.facts;
    total.series += p95.series;
  }
  report.figure({
    metric: 'raw_over_series_p95',
    value: total.facts / total.series,
    better: 'higher',
    floor: 5,
    goal: 20,
  });
}

function lastDays(): TimeRange {
  const to = Date.now();
  return { from: to - DAYS * 86_400_000, to };
}

async function latency(server: BenchServer, sql: () => string, repeats: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= repeats; round += 1) {
    const took = await timed(server, sql());
    if (round > 0) times.push(took);
  }
  return quantile(times, 0.95);
}

async function timed(server: BenchServer, sql: string): Promise<number> {
  const startedAt = performance.now();
  await server.run(`${sql}\nFORMAT Native`);
  return performance.now() - startedAt;
}
