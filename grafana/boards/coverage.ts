/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  blindSpotsTable,
  coverageStats,
  drillsTable,
  failOpen,
  guardedSessions,
  reportingTimeline,
  unknownEventsTable,
  unprovedStat,
  versionsTable,
} from '../panels/coverage.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** Coverage: expected producers that do not report. */
export function coverageBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-coverage',
      title: 'Coverage and blind spots',
      description:
        'Expected producers that do not report; sessions and hooks that no guard covers; agents that have not proved that they obey it.',
      from: 'now-7d',
      refresh: '1m',
    },
    audience,
  ).withVariable(repoVariable());
  built.withRow(row(100, 'Now'));
  for (const panel of coverageStats()) built.withPanel(panel);
  return built
    .withPanel(blindSpotsTable(6))
    .withRow(row(103, 'Proof that agents obey the guard'))
    .withPanel(unprovedStat())
    .withPanel(drillsTable())
    .withRow(row(101, 'Over time'))
    .withPanel(reportingTimeline())
    .withRow(row(102, "Agents' own telemetry"))
    .withPanel(guardedSessions())
    .withPanel(failOpen())
    .withPanel(versionsTable())
    .withPanel(unknownEventsTable());
}
