/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { blockedCallsTable, blockedRateOverTime, decisionsOverTime } from '../panels/decisions.js';
import { openFindings } from '../panels/findings.js';
import { quarantineTable } from '../panels/quarantine.js';
import { scoreOverTime } from '../panels/score.js';
import { blockedRateInRange, criticalNow, decisionsInRange, latestScore } from '../panels/stats.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** Panel ids are part of a panel's address: they never change and are never reused. */
export function postureBoard(audience: BoardAudience): DashboardBuilder {
  return board(
    {
      uid: 'shieldwatch-posture',
      title: 'Agent security posture',
      description: 'Scores, findings and guard decisions of AI coding agents, per repository.',
      from: 'now-6h',
      refresh: '30s',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withRow(row(100, 'Now'))
    .withPanel(latestScore())
    .withPanel(blockedRateInRange())
    .withPanel(criticalNow())
    .withPanel(decisionsInRange())
    .withRow(row(101, 'Posture'))
    .withPanel(scoreOverTime(5))
    .withPanel(openFindings())
    .withRow(row(102, 'Guard'))
    .withPanel(blockedRateOverTime())
    .withPanel(decisionsOverTime())
    .withPanel(blockedCallsTable())
    .withRow(row(103, 'Data quality'))
    .withPanel(quarantineTable(10));
}
