import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  drilledSeats,
  silentProducers,
  failOpenHooks,
  inState,
  reportingOverTime,
  sessionsByGuard,
  silentRepositories,
  unknownEvents,
  unprovedSeats,
  versions,
} from '../queries/coverage.js';
import { bars, colorByName, rows, stat, timeline } from './kit.js';
import { colored, column, REPOSITORY_LINK, timeColumn, wordMapping } from './look.js';

const NO_PRODUCER = 'Nobody known yet: run shieldwatch scan, and install the hook';
const AGENTS_SILENT = "Empty until agents' own telemetry arrives: point their OTLP exporter at the gateway";

export function coverageStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Scans reporting',
        description:
          'Repositories with a scan in the last 24 hours. Repositories silent for 30 days are retired and not counted.',
        sql: inState('scan', 'reporting'),
        noValue: NO_PRODUCER,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'orange'],
        [1, 'green'],
      ],
    ),
    stat(
      {
        id: 2,
        title: 'Scans silent',
        description: 'Repositories that were scanned before, but not in the last 24 hours.',
        sql: inState('scan', 'silent'),
        noValue: NO_PRODUCER,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
    stat(
      {
        id: 3,
        title: 'Guards silent',
        description:
          'Repositories whose guard has decided calls before, but none in the last 24 hours. A repository in which nobody works looks the same.',
        sql: inState('guard', 'silent'),
        noValue: NO_PRODUCER,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
    stat(
      {
        id: 4,
        title: 'Never guarded',
        description:
          'Repositories that are scanned but have no guard decision at all: agents run there unguarded, or the hook is not installed.',
        sql: inState('guard', 'never'),
        noValue: NO_PRODUCER,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'red'],
      ],
    ),
    stat(
      {
        id: 5,
        title: 'All silent',
        description: 'Repositories with neither a scan nor a guard decision for 24 hours.',
        sql: silentRepositories(),
        noValue: NO_PRODUCER,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ),
  ];
}

export function blindSpotsTable(id: number, w = 24): Builder<Panel> {
  return rows(
    {
      id,
      title: 'Silent repositories and guards',
      description:
        'Who should report and does not? Every repository should be scanned and guarded. Silent: reported before, but not in the last 24 hours. Never: known through the other source only. Repositories without any report for 30 days are retired and left out.',
      sql: silentProducers(),
      noValue: 'Everybody reports, or nobody is known yet',
      w,
      h: 9,
    },
    {
      repo: [...column('Repository'), REPOSITORY_LINK],
      producer: column('What', 90),
      state: [...column('State', 100), ...colored(wordMapping({ never: 'red', silent: 'orange' }))],
      last_heard: timeColumn('Last heard'),
      silent_seconds: [...column('Silent for', 110), { id: 'unit', value: 's' }, { id: 'decimals', value: 1 }],
    },
  );
}

export function reportingTimeline(): Builder<Panel> {
  return timeline(
    {
      id: 7,
      title: 'Reports by repository and source',
      description:
        'When did each source report? One lane per repository and source, the twelve quietest of the range. Heard: at least one report in that hour (that day over ranges of more than 3 days). A lane begins with the first report in the range; the current hour (or day) repeats the one before it until it is over.',
      sql: reportingOverTime(),
      noValue: NO_PRODUCER,
      w: 24,
      h: 10,
    },
    'lane',
    [
      { text: 'silent', color: 'orange' },
      { text: 'heard', color: 'blue' },
    ],
  );
}

export function guardedSessions(): Builder<Panel> {
  return colorByName(
    bars(
      {
        id: 8,
        title: 'Agent sessions with and without guard',
        description:
          'Do agents run sessions that no guard sees? Sessions that agents reported themselves, by whether a guard decided a call in the same session. By hour over ranges up to 3 days, then by day, for the newest 14 days of the range. A session without a tool call needs no guard.',
        sql: sessionsByGuard(),
        noValue: AGENTS_SILENT,
        w: 12,
        h: 9,
      },
      'short',
    ),
    { guarded: 'blue', unguarded: 'red' },
  );
}

export function failOpen(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'PreToolUse hooks that failed open',
      description:
        'PreToolUse hooks that ended in an error or timed out, as Claude Code reports them. The tool then runs unjudged, unless the hook is configured with "onFailure": "block". The newest 7 days of the range.',
      sql: failOpenHooks(),
      noValue: `None, or nothing to tell by. ${AGENTS_SILENT}`,
      w: 12,
      h: 9,
    },
    {
      hook: column('Hook'),
      failures: column('Failures', 90),
      sessions: column('Sessions', 90),
      last_at: [...column('Last', 130), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

export function unknownEventsTable(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Events under unknown names',
      description:
        'What do agents report that is not understood yet? Events of agents and of GenAI libraries under a name that no dialect knows, as a newer version may send. They are kept and count as activity of the agent, but as no turn, model call or tool call. The newest 7 days of the range.',
      sql: unknownEvents(),
      noValue: 'None: every event has a known name',
      w: 24,
      h: 7,
    },
    {
      agent: column('Agent', 150),
      event: column('Event'),
      version: column('Newest version', 160),
      events: column('Events', 90),
      sessions: column('Sessions', 90),
      last_at: [...column('Last', 150), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

const NO_DRILL = 'Never drilled: run shieldwatch drill --live, or shieldwatch agent --drill';

export function unprovedStat(): Builder<Panel> {
  return stat(
    {
      id: 12,
      title: 'Proofs missing',
      description:
        'Seats, per repository and agent, whose newest live drill failed or is older than 24 hours. A drill starts the real agent with a call that the policy must deny; it is counted nowhere else. Seats without a drill for 30 days are retired and not counted.',
      sql: unprovedSeats(),
      noValue: NO_DRILL,
      w: 5,
      h: 8,
    },
    'short',
    [
      [null, 'text'],
      [0, 'green'],
      [1, 'orange'],
    ],
  );
}

export function drillsTable(): Builder<Panel> {
  return rows(
    {
      id: 13,
      title: 'Live drills by seat',
      description:
        'Which agents have proved that they obey the guard? Proved: by the newest drill, within 24 hours. Overdue: longer ago. Failed: the newest drill showed something else, named under Result. A seat is a user on a machine, with a random id; seats that never drilled are not known.',
      sql: drilledSeats(),
      noValue: NO_DRILL,
      w: 19,
      h: 8,
    },
    {
      repository: [...column('Repository'), REPOSITORY_LINK],
      seat_id: column('Seat', 100),
      client: column('Agent', 110),
      client_version: column('Version', 100),
      state: [...column('State', 100), ...colored(wordMapping({ failed: 'red', overdue: 'orange', proved: 'green' }))],
      result: column('Result', 130),
      last_proof_at: timeColumn('Last proof'),
    },
  );
}

export function versionsTable(): Builder<Panel> {
  return rows(
    {
      id: 10,
      title: 'Last report by program and version',
      description:
        'Which versions are in use? Versions that reported since the range began: AgentShield through its scans, guards through the program that sends their decisions (the Shieldwatch hook; REST clients name no version), agents through their own telemetry. Repositories: how many reported with that version; most agents name none. A recent report of an outdated version points to a machine that was not updated.',
      sql: versions(),
      noValue: NO_PRODUCER,
      w: 24,
      h: 7,
    },
    {
      what: column('What', 90),
      program: column('Program'),
      version: column('Version', 160),
      repositories: column('Repositories', 110),
      last_heard: [...column('Last heard', 150), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}
