/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { errorsChart, usageCharts, usageStats, usageTables } from '../panels/agents.js';
import { repoVariable, sessionAgentVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** For those who pay: what agents use, by model and repository, and how often their requests fail. */
export function agentsBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-agents',
      title: 'Agents and cost',
      description: 'Tokens, cost, models and errors of agents, by agent and repository, as the agents report them.',
      from: 'now-7d',
      refresh: '5m',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withVariable(sessionAgentVariable())
    .withRow(row(100, 'What agents use'));
  for (const panel of [...usageStats(), ...usageCharts(), ...usageTables()]) built.withPanel(panel);
  return built.withRow(row(101, 'What fails')).withPanel(errorsChart());
}
