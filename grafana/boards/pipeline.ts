/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  delay,
  ingest,
  undeliveredChart,
  pipelineStats,
  quarantineChart,
  queue,
  size,
  removalsChart,
} from '../panels/pipeline.js';
import { quarantineTable } from '../panels/quarantine.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** Whether the other boards can be trusted: delivery, quarantine and rollup lag. */
export function pipelineBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-pipeline',
      title: 'Pipeline health',
      description: 'Received, queued, refused, dropped and masked records, and how current the series are.',
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
    .withPanel(undeliveredChart())
    .withPanel(queue())
    .withPanel(removalsChart())
    .withPanel(quarantineChart())
    .withPanel(size())
    .withPanel(quarantineTable(11));
}
