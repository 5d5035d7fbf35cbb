/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { delay, ingest, losses, pipelineStats, quarantineChart, queue, size, takenOut } from '../panels/pipeline.js';
import { quarantineTable } from '../panels/quarantine.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** Can the other boards be believed: does everything arrive, count, and fold in time. */
export function pipelineBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-pipeline',
      title: 'Pipeline health',
      description: 'What arrives, what waits, what was refused, dropped or masked, and how fresh the series are.',
      from: 'now-24h',
      refresh: '30s',
    },
    audience,
  ).withVariable(repoVariable());
  built.withRow(row(100, 'Now'));
  for (const panel of pipelineStats()) built.withPanel(panel);
  return built
    .withRow(row(101, 'Arrival'))
    .withPanel(ingest())
    .withPanel(delay())
    .withRow(row(102, 'Loss'))
    .withPanel(losses())
    .withPanel(queue())
    .withPanel(takenOut())
    .withPanel(quarantineChart())
    .withPanel(size())
    .withPanel(quarantineTable(11));
}
