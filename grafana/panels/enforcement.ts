import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  attributionConflicts,
  attributionSources,
  callsWith,
  deniedCalls,
  denialsByCategory,
  judgedShare,
  judgedShareOverTime,
  outcomesByTool,
  outcomesOverTime,
  passedCalls,
  unjudgedCauses,
} from '../queries/enforcement.js';
import { bars, colorByName, lines, rows, stat } from './kit.js';
import { colored, column, REPOSITORY_LINK, timeColumn, wordMapping } from './look.js';

/** Colours of outcomes in charts; what is unknown is grey. */
const OUTCOME_COLORS = {
  enforced: 'green',
  presumed: '#6b9e2f',
  allowed: 'blue',
  bypassed: 'purple',
  'failed open': 'red',
  overruled: 'orange',
  unjudged: 'yellow',
  'denied elsewhere': '#2a9d8f',
  unknown: '#7d8590',
} as const;

const SILENT = 'No tool calls: none in this range, do the agents send telemetry?';
const NO_SESSIONS = 'No session in this range';

const SHARE_STEPS: [number | null, string][] = [
  [null, 'text'],
  [0, 'red'],
  [0.9, 'orange'],
  [0.99, 'green'],
];
const COUNT_STEPS = (color: string): [number | null, string][] => [
  [null, 'text'],
  [0, 'green'],
  [1, color],
];

export function enforcementStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Judged share',
        description:
          "Calls that a guard judged in time, divided by the calls that ran by the agents' own telemetry: how much of what ran was judged. The table of causes says why it is below 100 %.",
        sql: judgedShare(),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'percentunit',
      SHARE_STEPS,
    ).decimals(1),
    stat(
      {
        id: 2,
        title: 'Bypassed',
        description: 'Calls that a guard denied and that ran all the same. The list below has each with its evidence.',
        sql: callsWith('bypassed'),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'short',
      COUNT_STEPS('red'),
    ).decimals(0),
    stat(
      {
        id: 3,
        title: 'Failed open',
        description:
          'Calls that ran because the guard answered too late, crashed, or answered what the client ignores. The list below has each with its evidence.',
        sql: callsWith('failed_open'),
        noValue: SILENT,
        w: 5,
        h: 5,
      },
      'short',
      COUNT_STEPS('red'),
    ).decimals(0),
    stat(
      {
        id: 4,
        title: 'Unjudged',
        description: 'Calls that ran and that no guard was asked about. The table of causes says why.',
        sql: callsWith('unjudged'),
        noValue: SILENT,
        w: 5,
        h: 5,
        next: { title: 'Coverage', uid: 'shieldwatch-coverage' },
      },
      'short',
      COUNT_STEPS('orange'),
    ).decimals(0),
    stat(
      {
        id: 5,
        title: 'Enforced',
        description:
          'Calls that a guard denied and that never ran, with evidence. Denied calls of clients that leave no record of them count once later events of the session have arrived.',
        sql: callsWith('enforced'),
        noValue: SILENT,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'blue'],
      ],
    ).decimals(0),
  ];
}

export function outcomesChart(): Builder<Panel> {
  return colorByName(
    bars(
      {
        id: 6,
        title: 'Tool calls by outcome',
        description:
          'What became of the calls? Tool calls by outcome, stacked: our judgement joined with what the agent reports. Denied: enforced (never ran), presumed (no record yet), bypassed (ran), failed open. Unknown: evidence is missing. By hour up to 14 days, then by day.',
        sql: outcomesOverTime(),
        noValue: SILENT,
        w: 12,
        h: 9,
      },
      'short',
      'result',
    ),
    OUTCOME_COLORS,
  );
}

export function judgedShareChart(): Builder<Panel> {
  return lines(
    {
      id: 7,
      title: 'Judged share by agent',
      description:
        'Is a guard asked about everything that runs? Calls judged in time divided by calls that ran, by agent, each point a ratio of sums. By hour up to 14 days, then by day. No point where no call of the agent ran.',
      sql: judgedShareOverTime(),
      noValue: SILENT,
      w: 12,
      h: 9,
    },
    'percentunit',
    'agent',
  )
    .min(0)
    .max(1);
}

export function causesTable(): Builder<Panel> {
  return rows(
    {
      id: 8,
      title: 'Why calls were not judged in time',
      description:
        'Calls that ran and that no guard judged in time, by cause and agent, most frequent first, with their share of all calls that ran. "No hook" and "hook not trusted": install the hook, trust it. "Timeout" and "hook failed": the guard failed open.',
      sql: unjudgedCauses(),
      noValue: 'Every call that ran was judged in time, or none ran',
      w: 10,
      h: 9,
    },
    {
      why: column('Cause'),
      agent: column('Agent', 100),
      tool_calls: column('Calls', 70),
      share: [...column('Share', 70), { id: 'unit', value: 'percentunit' }, { id: 'decimals', value: 1 }],
    },
  );
}

export function toolsTable(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'Outcomes by agent and tool',
      description:
        'Where is the guard passed? Calls, judged share and outcomes by agent and tool: those that were bypassed or failed open first, then those that nobody judged. 100 rows.',
      sql: outcomesByTool(),
      noValue: 'No tool calls in this range',
      w: 14,
      h: 9,
    },
    {
      agent: column('Agent', 110),
      tool: column('Tool', 140),
      tool_calls: column('Calls', 70),
      share: [...column('Judged', 70), { id: 'unit', value: 'percentunit' }, { id: 'decimals', value: 1 }],
      enforced: column('Enforced', 75),
      bypassed: column('Bypassed', 75),
      failed_open: column('Failed open', 85),
      unjudged: column('Unjudged', 75),
    },
  );
}

/** The same for words in tables, where hex colours have too little contrast in one theme. */
const WORD_COLORS = { ...OUTCOME_COLORS, presumed: 'text', 'denied elsewhere': 'text', unknown: 'text' } as const;
const outcomeColumn = [...column('Outcome', 110), ...colored(wordMapping(WORD_COLORS))];

export function passedTable(): Builder<Panel> {
  return rows(
    {
      id: 10,
      title: 'Calls that ran past a guard',
      description:
        'Which calls passed a guard, and what shows it? The newest 100 calls of the range that ran although a guard denied them (bypassed; overruled by a hook or a mod), or whose guard failed. Late: milliseconds from the start of the call to the judgement; negative if it was judged before. Joined: by the call id of the client, or by session, tool and order. GET /v1/sessions/{session} has all evidence.',
      sql: passedCalls(),
      noValue: 'None in this range',
      w: 24,
      h: 9,
    },
    {
      at: timeColumn('Time'),
      result: outcomeColumn,
      why: column('Cause', 110),
      repository: [...column('Repository', 120), REPOSITORY_LINK],
      agent: column('Agent', 90),
      tool: column('Tool', 80),
      judged_as: column('Judgement', 140),
      judged_after_ms: column('Late', 60),
      joined: column('Joined', 70),
      session: column('Session', 130),
      tool_call: column('Call', 120),
    },
  );
}

export function denialsTable(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Denied calls by rule category',
      description:
        'Do our denials hold? Calls that somebody denied by the category of our rule, and what became of them. Overruled: our decision did not stand, because the user, another hook or a mod decided otherwise.',
      sql: denialsByCategory(),
      noValue: 'Nothing was denied in this range',
      w: 24,
      h: 7,
    },
    {
      category: column('Category'),
      tool_calls: column('Calls', 80),
      enforced: column('Enforced', 90),
      presumed: column('Presumed', 90),
      bypassed: column('Bypassed', 90),
      failed_open: column('Failed open', 100),
      overruled: column('Overruled', 90),
    },
  );
}

export function deniedTable(): Builder<Panel> {
  return rows(
    {
      id: 12,
      title: 'Denied calls and who denied them',
      description:
        'Why was this call rejected? The newest 100 calls of the range that somebody denied, with rule, category and reason of our decision. The reason never leaves our guard through the client, so it is joined here. Not ours: the client, another hook or the user denied it.',
      sql: deniedCalls(),
      noValue: 'Nothing was denied in this range',
      w: 24,
      h: 9,
    },
    {
      at: timeColumn('Time'),
      result: outcomeColumn,
      repository: [...column('Repository', 140), REPOSITORY_LINK],
      agent: column('Agent', 100),
      tool: column('Tool', 80),
      rule: column('Rule', 140),
      rule_category: column('Category', 110),
      why: column('Reason'),
      session: column('Session', 120),
    },
  );
}

export function attributionTables(): Builder<Panel>[] {
  return [
    rows(
      {
        id: 13,
        title: 'How the repository is known',
        description:
          'Sessions that were active in the range, by who named their repository: the hook, which sees the working directory, or the telemetry alone, whose resource attribute anybody may set. Contradicted: the telemetry claims another repository than the hook.',
        sql: attributionSources(),
        noValue: NO_SESSIONS,
        w: 10,
        h: 7,
      },
      {
        source: column('Named by'),
        sessions: column('Sessions', 75),
        calls_made: column('Calls', 70),
        contradicted: column('Contradicted', 95),
      },
    ),
    rows(
      {
        id: 14,
        title: 'Contradicting repositories',
        description:
          'Which sessions claim a repository that is not theirs? Sessions whose telemetry names another repository than the hook saw. The table shows the repository of the hook. A project may set the attribute in its own settings, also to mislead. 100 rows.',
        sql: attributionConflicts(),
        noValue: 'No session claims another repository than the hook saw',
        w: 14,
        h: 7,
      },
      {
        last_at: [...column('Last', 110), { id: 'unit', value: 'dateTimeFromNow' }],
        repository: [...column('Repository', 140), REPOSITORY_LINK],
        claimed: column('Claimed', 140),
        agent: column('Agent', 90),
        session: column('Session', 120),
        calls_made: column('Calls', 60),
      },
    ),
  ];
}
