/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  byDimension,
  guardStats,
  injectionsOverTime,
  latencyOverTime,
  rateOverTime,
  rules,
  volumeOverTime,
} from '../panels/runtime.js';
import { ruleChangeMarks } from '../queries/guard.js';
import { driftMarks } from '../queries/repository.js';
import { agentVariable, repoVariable, toolVariable } from '../variables.js';
import { board, marks, row, type BoardAudience } from './board.js';

/** For operators: whether the guard blocks more than usual, what it blocks, and its latency. */
export function runtimeBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-runtime',
      title: 'Runtime decisions',
      description: 'Decisions of guards on tool calls: blocked rate and volume, injection attempts, rules, latency.',
      from: 'now-24h',
      refresh: '30s',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withVariable(agentVariable())
    .withVariable(toolVariable())
    .annotation(marks('Drifts', driftMarks(), 'orange'))
    .annotation(marks('Rule changes', ruleChangeMarks(), 'purple'))
    .withRow(row(100, 'Now'));
  for (const panel of guardStats()) built.withPanel(panel);
  built.withPanel(rateOverTime()).withPanel(volumeOverTime()).withRow(row(101, 'By tool, agent and rule'));
  for (const panel of byDimension()) built.withPanel(panel);
  return built
    .withPanel(rules())
    .withRow(row(102, 'Injection and cost'))
    .withPanel(injectionsOverTime())
    .withPanel(latencyOverTime());
}
