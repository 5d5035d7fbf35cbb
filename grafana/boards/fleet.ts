/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { blindSpotsTable } from '../panels/coverage.js';
import { countedOverTime, fleetStats, fleetTrend, gates, scoreChanges, ranking } from '../panels/fleet.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** For the security lead: the state of the organisation, and which repositories to look at first. */
export function fleetBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-fleet',
      title: 'Fleet',
      description:
        'All repositories of the organisation: whether they may be promoted, how the score develops, which need attention first.',
      from: 'now-30d',
      refresh: '1m',
    },
    audience,
  ).withVariable(repoVariable());
  built.withRow(row(100, 'Now'));
  for (const panel of fleetStats()) built.withPanel(panel);
  return built
    .withRow(row(101, 'Trend'))
    .withPanel(fleetTrend())
    .withPanel(countedOverTime())
    .withRow(row(102, 'Repositories'))
    .withPanel(ranking())
    .withPanel(scoreChanges())
    .withPanel(gates())
    .withPanel(blindSpotsTable(12));
}
