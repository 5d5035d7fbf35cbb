/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { accepted, acceptedTable, burndown, flow, ledgerStats, oldest, repair } from '../panels/ledger.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

export function ledgerBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-ledger',
      title: 'Findings ledger',
      description: 'Open findings, whether their number falls, time to repair, and accepted findings.',
      from: 'now-90d',
      refresh: '5m',
    },
    audience,
  ).withVariable(repoVariable());
  built.withRow(row(100, 'Now'));
  for (const panel of ledgerStats()) built.withPanel(panel);
  return built
    .withRow(row(101, 'Burndown'))
    .withPanel(burndown())
    .withPanel(flow())
    .withPanel(repair())
    .withRow(row(102, 'Rows'))
    .withPanel(oldest())
    .withPanel(acceptedTable())
    .withPanel(accepted());
}
