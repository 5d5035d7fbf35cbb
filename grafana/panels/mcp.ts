import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { callsOverTime, firstSeen, mcpFindings, serverCount, servers } from '../queries/mcp.js';
import { bars, count, rows } from './kit.js';
import { colored, column, REPOSITORY_LINK, severityMapping, timeColumn, wordMapping } from './look.js';

const NONE = 'No MCP server: none was configured, connected or called, or the clients do not name them.';

export function mcpStats(): Builder<Panel>[] {
  return [
    count({
      id: 1,
      title: 'Servers called',
      description: 'MCP servers of which a tool was called in the range, as far as a hook or a client names them.',
      sql: serverCount('called'),
      noValue: NONE,
      w: 6,
      h: 4,
    }),
    count(
      {
        id: 2,
        title: 'New servers',
        description: 'MCP servers that were seen for the first time in the range, in any of these repositories.',
        sql: serverCount('new'),
        noValue: NONE,
        w: 6,
        h: 4,
      },
      'orange',
    ),
    count(
      {
        id: 3,
        title: 'Never judged',
        description: 'MCP servers of which clients report calls and our hook never judged one.',
        sql: serverCount('not judged'),
        noValue: NONE,
        w: 6,
        h: 4,
        next: { title: 'Enforcement', uid: 'shieldwatch-enforcement' },
      },
      'red',
    ),
    count(
      {
        id: 4,
        title: 'Dormant',
        description: 'MCP servers that a client lists and nobody called in the 30 days before the end of the range.',
        sql: serverCount('dormant'),
        noValue: NONE,
        w: 6,
        h: 4,
      },
      'orange',
    ),
  ];
}

const ago = { id: 'unit', value: 'dateTimeFromNow' };

export function serverTable(): Builder<Panel> {
  return rows(
    {
      id: 5,
      title: 'Servers: configured, connected, called, judged',
      description:
        'Which MCP servers are there, and who knows of them? The last time that a client listed a server as configured (Codex, Gemini CLI), reported its connection (Claude Code with OTEL_LOG_TOOL_DETAILS=1), reported a call, and that our hook judged one. Not judged: no call was ever judged. Not listed: called, and no client lists it: a shadow server, or a client that does not name its servers. Dormant: listed, and not called for 30 days. Calls and share of judged calls are those of the range. A server that was renamed is a new one. 100 rows.',
      sql: servers(),
      noValue: 'No MCP server was configured, connected or called',
      w: 24,
      h: 10,
    },
    {
      server: column('Server'),
      state: [
        ...column('State', 110),
        ...colored(wordMapping({ 'not judged': 'red', 'not listed': 'orange', dormant: 'text', 'in use': 'text' })),
      ],
      configured_at: [...column('Configured', 110), ago],
      connected_at: [...column('Connected', 110), ago],
      called_at: [...column('Called', 110), ago],
      judged_at: [...column('Judged by us', 110), ago],
      calls_made: column('Calls', 65),
      share: [...column('Judged', 80), { id: 'unit', value: 'percentunit' }, { id: 'decimals', value: 1 }],
      repositories: column('Repositories', 105),
      first_at: timeColumn('First seen'),
    },
  );
}

export function callsChart(): Builder<Panel> {
  return bars(
    {
      id: 6,
      title: 'Calls by server',
      description:
        'How much are MCP servers used? Tool calls by server: the 10 with most, and the others as one. Not named: Claude Code reports `mcp_tool` for a call that no hook judged. By hour up to 14 days, then by day.',
      sql: callsOverTime(),
      noValue: 'No tool of an MCP server was called in this range',
      w: 10,
      h: 9,
    },
    'short',
    'name',
  );
}

export function firstSeenTable(): Builder<Panel> {
  return rows(
    {
      id: 7,
      title: 'First seen',
      description:
        'Which server appeared where? Servers that a repository saw for the first time in the range, the newest first, by which way, and whether the fleet knew them before; 100 rows.',
      sql: firstSeen(),
      noValue: 'No repository saw a new server in this range',
      w: 14,
      h: 9,
    },
    {
      server: column('Server', 160),
      repository: [...column('Repository', 150), REPOSITORY_LINK],
      first_at: timeColumn('First seen'),
      fleet: [...column('Fleet', 85), ...colored(wordMapping({ new: 'orange', known: 'text' }))],
      ways: column('By', 135),
    },
  );
}

export function findingsTable(): Builder<Panel> {
  return rows(
    {
      id: 8,
      title: 'What scans find about MCP servers',
      description:
        'Which configuration of a server is a risk? Open findings of the category mcp. AgentShield reports what is wrong in `.mcp.json`, not which servers it lists: a server without a finding is not here. 100 rows.',
      sql: mcpFindings(),
      noValue: 'No open finding about MCP servers',
      w: 24,
      h: 8,
    },
    {
      repository: [...column('Repository', 180), REPOSITORY_LINK],
      severity: [...column('Severity', 95), ...colored(severityMapping())],
      title: column('Finding'),
      file: column('File', 200),
      opened_at: timeColumn('Open since'),
    },
  );
}
