import { readBoards } from '#ingest/boards/board-library.js';
import type { BoardPanel } from '#ingest/boards/board.js';
import { ownOptions } from '#ingest/boards/variables.js';
import type { VariableValue } from '#ingest/boards/macros.js';
import { panelSql } from '#ingest/boards/panel-data.js';
import type { BenchReport } from '../figure.js';
import { quantile } from '../measure.js';
import { withServer, type BenchServer } from '../store/server.js';
import { ORG, seedOrganisation } from '../boards/seed.js';

export interface PanelSizes {
  events: number;
  /** Runs of each query, after one that is thrown away. */
  repeats: number;
}

const DAYS = 90;
const RATE_PANEL = { board: 'shieldwatch-runtime', id: '6' };

/** The blocked rate over time as the panel has it, but from the facts. */
const RAW_RATE = `SELECT toStartOfDay(occurred_at) AS time, countIf(decision = 'block') / count() AS rate
FROM runtime_event WHERE org_id = '${ORG}' AND occurred_at >= now() - toIntervalDay(${String(DAYS)}) GROUP BY time ORDER BY time`;

/**
 * Milliseconds at p95 of every panel's query over 90 days and 50 repositories, all chosen, with the series made by the
 * jobs themselves; and how many times longer the blocked rate takes from the facts than from its series.
 */
export async function panelLatency(report: BenchReport, { events, repeats }: PanelSizes = { events: 10_000_000, repeats: 20 }): Promise<void> {
  await withServer(async (server) => {
    report.note(`writing ${String(events)} events, and the series by their jobs`);
    await seedOrganisation(server, events);

    let worst = 0;
    const library = await readBoards();
    for (const board of library.all()) {
      const variables = new Map<string, VariableValue>([['org', [ORG]]]);
      for (const variable of board.templating.list) {
        if (variable.name !== 'org') variables.set(variable.name, ownOptions(variable)?.map(({ value }) => value) ?? (variable.includeAll ? 'all' : ['acme/service-07']));
      }
      for (const panel of board.panels.filter(({ targets }) => targets !== undefined)) {
        const p95 = await latency(server, () => sqlOf(panel, variables), repeats);
        worst = Math.max(worst, p95);
        report.figure({ metric: `${board.uid.replace('shieldwatch-', '')}_${String(panel.id)}_p95_ms`, value: p95, better: 'lower', floor: 250, goal: 100 });
        if (p95 > 100) report.note(`  ${String(panel.title)}`);
      }
    }
    report.figure({ metric: 'worst_panel_p95_ms', value: worst, better: 'lower', floor: 250, goal: 100 });

    const all = new Map<string, VariableValue>([['org', [ORG]], ['repo', 'all'], ['agent', 'all'], ['tool', 'all']]);
    const series = await latency(server, () => sqlOf(library.panel(RATE_PANEL.board, RATE_PANEL.id), all), repeats);
    const raw = await latency(server, () => RAW_RATE, Math.max(3, Math.floor(repeats / 4)));
    report.note(`blocked rate: ${raw.toFixed(0)} ms from facts, ${series.toFixed(0)} ms from the series`);
    report.figure({ metric: 'raw_over_series_p95', value: raw / series, better: 'higher', floor: 5, goal: 20 });
  });
}

function sqlOf(panel: BoardPanel, variables: ReadonlyMap<string, VariableValue>): string {
  const to = Date.now();
  return panelSql(panel, { range: { from: to - DAYS * 86_400_000, to }, variables });
}

async function latency(server: BenchServer, sql: () => string, repeats: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= repeats; round += 1) {
    const startedAt = performance.now();
    await server.run(`${sql()}\nFORMAT Native`);
    if (round > 0) times.push(performance.now() - startedAt);
  }
  return quantile(times, 0.95);
}
