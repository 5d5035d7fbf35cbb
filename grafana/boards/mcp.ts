/* eslint-disable @typescript-eslint/no-deprecated -- see board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { callsChart, findingsTable, firstSeenTable, mcpStats, serverTable } from '../panels/mcp.js';
import { repoVariable } from '../variables.js';
import { board, row, type BoardAudience } from './board.js';

/** For those who approve MCP servers: which there are, how each is known, and which nobody judges. */
export function mcpBoard(audience: BoardAudience): DashboardBuilder {
  const built = board(
    {
      uid: 'shieldwatch-mcp',
      title: 'MCP servers',
      description: 'MCP servers as clients list, connect and call them, and as our hook judges their calls.',
      from: 'now-30d',
      refresh: '5m',
    },
    audience,
  )
    .withVariable(repoVariable())
    .withRow(row(100, 'Which servers there are'));
  for (const panel of mcpStats()) built.withPanel(panel);
  return built
    .withPanel(serverTable())
    .withPanel(callsChart())
    .withPanel(firstSeenTable())
    .withRow(row(101, 'What scans say'))
    .withPanel(findingsTable());
}
