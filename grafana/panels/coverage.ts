import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  blindSpots,
  failOpenHooks,
  inState,
  reportingOverTime,
  sessionsByGuard,
  silentRepositories,
  versions,
} from '../queries/coverage.js';
import { bars, paint, rows, stat, timeline } from './kit.js';
import { colored, column, REPOSITORY_LINK, timeColumn, wordMapping } from './look.js';

const NOBODY = 'Nobody known yet: run shieldwatch scan, and install the hook';
const AGENTS_SILENT = "Empty until agents' own telemetry arrives: point their OTLP exporter at the gateway";

export function coverageStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Scans reporting',
        description:
          'Repositories of which a scan came in the last 24 hours. Silent for 30 days: retired, counted nowhere.',
        sql: inState('scan', 'reporting'),
        noValue: NOBODY,
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
        noValue: NOBODY,
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
          'Repositories whose guard decided something before, but nothing in the last 24 hours. Nobody working there looks the same.',
        sql: inState('guard', 'silent'),
        noValue: NOBODY,
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
          'Repositories that are scanned but of which no guard decision ever came: agents there run unjudged, or the hook is not installed.',
        sql: inState('guard', 'never'),
        noValue: NOBODY,
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
        description: 'Repositories of which neither scan nor guard was heard for 24 hours.',
        sql: silentRepositories(),
        noValue: NOBODY,
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
      title: 'Who should report and does not?',
      description:
        'Every repository should be scanned and guarded. Silent: heard before, not in the last 24 hours. Never: known through the other producer only. Repositories silent altogether for 30 days count as retired and are left out.',
      sql: blindSpots(),
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
      title: 'When was who heard?',
      description:
        'One lane for each repository and producer, the twelve quietest of the range. Heard: something came in that hour (in that day over ranges of more than 3 days). A lane begins when it was first heard in the range; the hour (or day) that is not over counts as the one before.',
      sql: reportingOverTime(),
      noValue: NOBODY,
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
  return paint(
    bars(
      {
        id: 8,
        title: 'Do agents run sessions that no guard sees?',
        description:
          'Sessions that agents reported themselves, by whether a guard decided anything in the same session: by hour over ranges up to 3 days, then by day, the newest 14 days of the range. Sessions without a tool call have nothing to guard.',
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
      title: 'Which hooks failed open?',
      description:
        'PreToolUse hooks that ended in an error or ran out of time, as Claude Code reports: then the tool runs unjudged, unless the hook says "onFailure": "block". The newest 7 days of the range.',
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

export function versionsTable(): Builder<Panel> {
  return rows(
    {
      id: 10,
      title: 'Which versions are in use?',
      description:
        'Versions that were heard since the range began: AgentShield by its scans, guards by the program that sends their decisions (the hook of Shieldwatch; those by REST name no version), agents by their own telemetry. Repositories: how many were heard from with that version; agents mostly name none. A version that should be gone, and was heard lately, is a machine that was not updated.',
      sql: versions(),
      noValue: NOBODY,
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
