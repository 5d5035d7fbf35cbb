import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { sessionCounts, sessionList, sessionSum, timeline } from '../queries/sessions.js';
import { count, rows, stat } from './kit.js';
import { colored, column, linkTo, REPOSITORY_LINK, timeColumn, wordMapping } from './look.js';

const NO_SESSIONS = 'No session: none in this range, do the agents send telemetry?';
const SESSION_LINK = linkTo('Show the timeline of this session', 'shieldwatch-sessions', 'var-session=${__value.raw}');
const usd = [
  { id: 'unit', value: 'currencyUSD' },
  { id: 'decimals', value: 2 },
];

export function sessionStats(): Builder<Panel>[] {
  return [
    count({
      id: 1,
      title: 'Sessions',
      description: 'Sessions of agents that were active in the range, as far as they or our hook report them.',
      sql: sessionCounts('sessions'),
      noValue: NO_SESSIONS,
      w: 6,
      h: 4,
    }),
    count(
      {
        id: 2,
        title: 'Passed a guard',
        description:
          'Sessions with a call that ran although a guard denied it, or whose guard failed open. They are first in the list.',
        sql: sessionCounts('passed'),
        noValue: NO_SESSIONS,
        w: 6,
        h: 4,
        next: { title: 'Enforcement', uid: 'shieldwatch-enforcement' },
      },
      'red',
    ),
    count({
      id: 3,
      title: 'Blocked calls',
      description: 'Calls of these sessions that a guard denied and that are not known to have run.',
      sql: sessionSum('blocked'),
      noValue: NO_SESSIONS,
      w: 6,
      h: 4,
    }),
    stat(
      {
        id: 4,
        title: 'Masked values',
        description:
          "Values that redaction masked in the agents' telemetry of these sessions. 0 means that none was masked; agents without telemetry are not counted.",
        sql: sessionSum('masked'),
        noValue: NO_SESSIONS,
        w: 6,
        h: 4,
      },
      'short',
      [
        [null, 'text'],
        [1, 'orange'],
      ],
    ).decimals(0),
  ];
}

export function sessionTable(): Builder<Panel> {
  return rows(
    {
      id: 5,
      title: 'Sessions',
      description:
        'Who did what, and for how much? Sessions active in the range, those in which a call ran past a guard first, then the newest; 100 rows. Blocked: denied by a guard and not known to have run. Ran past: bypassed or failed open. Tokens: input and output. Cost: as the agent reports it; only Claude Code does, a dash means not reported. Choose a session to see its timeline below.',
      sql: sessionList(),
      noValue: 'No session in this range',
      w: 24,
      h: 11,
    },
    {
      started_at: timeColumn('Started'),
      lasted_ms: [...column('Lasted', 70), { id: 'unit', value: 'ms' }],
      agent: column('Agent', 100),
      repository: [...column('Repository', 120), REPOSITORY_LINK],
      calls_made: column('Calls', 50),
      blocked: column('Blocked', 75),
      ran_past: column('Ran past', 85),
      subagents: column('Subagents', 95),
      errors: column('Errors', 65),
      masked: column('Masked', 72),
      tokens: [...column('Tokens', 65), { id: 'unit', value: 'short' }],
      cost: [...column('Cost', 65), ...usd],
      session: [...column('Session', 190), SESSION_LINK],
    },
  );
}

const WHAT_COLORS = {
  judgement: 'blue',
  gap: 'red',
  drift: 'orange',
  error: 'orange',
} as const;

export function timelineTable(): Builder<Panel> {
  return rows(
    {
      id: 6,
      title: 'Timeline of the session',
      description:
        "What happened, in which order? Judgements of our guards with the outcome of their call, the agent's events, MCP connections, masked values, drift of the repository: by time, then by the number that the agent gives its events. A gap is a number that is missing: events that the agent sent and that never arrived. What was lost after the last event shows no gap. Within the range; the first 1,000 rows, GET /v1/sessions/{session}/timeline has all.",
      sql: timeline(),
      noValue: 'Nothing of this session in this range',
      w: 24,
      h: 16,
    },
    {
      at: timeColumn('Time'),
      what: [...column('What', 110), ...colored(wordMapping(WHAT_COLORS))],
      tool: column('Tool', 90),
      detail: column('Detail'),
      result: column('Outcome', 100),
      model: column('Model', 120),
      tokens: column('Tokens', 70),
      cost: [...column('Cost', 65), { id: 'unit', value: 'currencyUSD' }, { id: 'decimals', value: 4 }],
      masked_values: column('Masked', 75),
      took_ms: [...column('Took', 70), { id: 'unit', value: 'ms' }],
      tool_call: column('Call', 100),
    },
  );
}
