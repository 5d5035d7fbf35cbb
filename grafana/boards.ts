/* eslint-disable @typescript-eslint/no-deprecated -- see boards/board.ts */
import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { agentsBoard } from './boards/agents.js';
import type { BoardAudience } from './boards/board.js';
import { coverageBoard } from './boards/coverage.js';
import { enforcementBoard } from './boards/enforcement.js';
import { fleetBoard } from './boards/fleet.js';
import { ledgerBoard } from './boards/ledger.js';
import { mcpBoard } from './boards/mcp.js';
import { pipelineBoard } from './boards/pipeline.js';
import { postureBoard } from './boards/posture.js';
import { repositoryBoard } from './boards/repository.js';
import { runbookBoard } from './boards/runbooks.js';
import { runtimeBoard } from './boards/runtime.js';
import { secretsBoard } from './boards/secrets.js';
import { sessionsBoard } from './boards/sessions.js';

/** One generated file: its name in `grafana/generated` and its text. */
export interface BoardFile {
  name: string;
  text: string;
}

const BOARDS: Readonly<Record<string, (audience: BoardAudience) => DashboardBuilder>> = {
  'posture.json': postureBoard,
  'fleet.json': fleetBoard,
  'repository.json': repositoryBoard,
  'runtime.json': runtimeBoard,
  'enforcement.json': enforcementBoard,
  'sessions.json': sessionsBoard,
  'agents.json': agentsBoard,
  'mcp.json': mcpBoard,
  'secrets.json': secretsBoard,
  'coverage.json': coverageBoard,
  'ledger.json': ledgerBoard,
  'pipeline.json': pipelineBoard,
  'runbooks.json': runbookBoard,
};

/**
 * Returns every board as the JSON that Grafana provisions and the gateway's page draws; for a single organisation if
 * `org` is given. Deterministic: the same code yields the same bytes.
 */
export function boardFiles(audience: BoardAudience = {}): BoardFile[] {
  return Object.entries(BOARDS).map(([name, board]) => ({
    name,
    text: `${JSON.stringify(board(audience).build(), null, 2)}\n`,
  }));
}
