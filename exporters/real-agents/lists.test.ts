import { beforeAll, describe, expect, it } from 'vitest';
import { AGENTS, type AgentName } from './drivers.js';
import { AGENTS_FOLDER, areInstalled, installAgents } from './install.js';
import { inventories, type Inventory } from './inventory.js';
import { ENDS, EVENTS, TOOLS } from './lists.js';
import { cellName } from './matrix.js';
import { NOT_DRIVEN, SITUATIONS, type NotDriven } from './situations.js';

installAgents();
const isThere = areInstalled();
const title = (name: string): string =>
  isThere ? name : `${name} (NOT RUN: the clients could not be installed from npm)`;

describe('the lists of agents’ tools and events', () => {
  it.each(AGENTS)('have a matrix cell or a reason for every tool, event and end state of %s', (agent) => {
    const entries = (group: NotDriven['group']): string[] =>
      [...SITUATIONS, ...NOT_DRIVEN]
        .filter((cell) => cell.group === group && cell.agent === agent)
        .map(({ entry }) => entry);
    for (const [group, list] of [
      ['tools', TOOLS[agent]],
      ['events', EVENTS[agent]],
      ['ends', Object.keys(ENDS)],
    ] as const) {
      expect([...new Set(entries(group))].sort(), group).toEqual([...list].sort());
    }
  });

  it('name no cell twice', () => {
    const names = SITUATIONS.map(cellName);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });
});

describe(title('the pinned clients'), () => {
  let found: Record<AgentName, Inventory>;
  beforeAll(async () => {
    if (isThere) found = await inventories(AGENTS_FOLDER);
  });

  it.runIf(isThere).each(AGENTS)('%s offers the tools of the list, and no other', (agent) => {
    // Those of an MCP server come with the server.
    expect(found[agent].tools).toEqual(TOOLS[agent].filter((name) => !name.startsWith('mcp_')));
  });

  it.runIf(isThere).each(AGENTS)('%s has the hook events of the list, and no other', (agent) => {
    expect(found[agent].events).toEqual(EVENTS[agent]);
  });
});
