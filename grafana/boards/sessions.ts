/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { sessionStats, sessionTable, timelineTable } from '../panels/sessions.js';
import { repoVariable, sessionAgentVariable, sessionVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** For investigators: what an agent did in one session, and which sessions to look at. */
export function sessionsBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-sessions',
      title: 'Sessions',
      description: 'Sessions of agents, and one of them as a timeline of verdicts, events, masked values and drift.',
      from: 'now-7d',
      refresh: '1m',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withVariable(sessionAgentVariable())
    .withVariable(sessionVariable())
    .withRow(row(100, 'All sessions'));
  for (const panel of sessionStats()) built.withPanel(panel);
  return built.withPanel(sessionTable()).withRow(row(101, 'One session')).withPanel(timelineTable());
}
