/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  baselineTables,
  breakdown,
  driftChart,
  driftTable,
  findingTable,
  repositoryStats,
  repositoryTools,
  scanTable,
} from '../panels/repository.js';
import { scoreOverTime } from '../panels/score.js';
import { driftMarks } from '../queries/repository.js';
import { categoryVariable, confidenceVariable, oneRepoVariable, severityVariable } from '../variables.js';
import { board, marks, row, type BoardAudience } from './board.js';

/** One repository: current findings, their history, and the results of its gates. */
export function repositoryBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-repository',
      title: 'Repository',
      description:
        'One repository: score and its components, findings and their history, drift, gates, scans and guard.',
      from: 'now-30d',
      refresh: '1m',
    },
    audience,
  )
    .withVariable(oneRepoVariable())
    .withVariable(severityVariable())
    .withVariable(confidenceVariable())
    .withVariable(categoryVariable())
    .annotation(marks('Drifts', driftMarks(), 'orange'))
    .withRow(row(100, 'Now'));
  for (const panel of repositoryStats()) built.withPanel(panel);
  built
    .withRow(row(101, 'Posture'))
    .withPanel(scoreOverTime(7).span(12))
    .withPanel(breakdown())
    .withPanel(findingTable())
    .withRow(row(104, 'Baseline'));
  for (const panel of baselineTables()) built.withPanel(panel);
  return built
    .withRow(row(102, 'Drift and scans'))
    .withPanel(driftChart())
    .withPanel(driftTable())
    .withPanel(scanTable())
    .withRow(row(103, 'Guard'))
    .withPanel(repositoryTools());
}
