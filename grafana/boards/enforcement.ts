/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  attributionTables,
  causesTable,
  deniedTable,
  denialsTable,
  enforcementStats,
  judgedShareChart,
  outcomesChart,
  passedTable,
  toolsTable,
} from '../panels/enforcement.js';
import { ruleChangeMarks } from '../queries/guard.js';
import { agentVariable, repoVariable, toolVariable } from '../variables.js';
import { board, marks, row, type BoardAudience } from './board.js';

/** For operators: whether what the guard decides is what happens, and what runs without it. */
export function enforcementBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-enforcement',
      title: 'Enforcement',
      description:
        'What became of tool calls: enforced, bypassed, failed open, unjudged. Judgements of guards joined with what the agents themselves report.',
      from: 'now-7d',
      refresh: '1m',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withVariable(agentVariable())
    .withVariable(toolVariable())
    .annotation(marks('Rule changes', ruleChangeMarks(), 'purple'))
    .withRow(row(100, 'Now'));
  for (const panel of enforcementStats()) built.withPanel(panel);
  built
    .withPanel(outcomesChart())
    .withPanel(judgedShareChart())
    .withRow(row(101, 'What runs without a guard'))
    .withPanel(causesTable())
    .withPanel(toolsTable())
    .withPanel(passedTable())
    .withRow(row(102, 'Who denied'))
    .withPanel(denialsTable())
    .withPanel(deniedTable())
    .withRow(row(103, 'Whose session'));
  for (const panel of attributionTables()) built.withPanel(panel);
  return built;
}
