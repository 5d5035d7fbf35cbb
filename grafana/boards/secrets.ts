/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { episodeTable, exposureTimeline, maskedChart, maskedTable, secretStats } from '../panels/secrets.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

export function secretsBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-secrets',
      title: 'Secrets',
      description: 'Critical secrets in repositories: exposure, duration and recurrence; and values masked in transit.',
      from: 'now-30d',
      refresh: '1m',
    },
    audience,
  ).withVariable(repoVariable());
  built.withRow(row(100, 'Now'));
  for (const panel of secretStats()) built.withPanel(panel);
  return built
    .withRow(row(101, 'Exposure'))
    .withPanel(exposureTimeline())
    .withPanel(episodeTable())
    .withRow(row(102, 'In transit'))
    .withPanel(maskedChart())
    .withPanel(maskedTable());
}
