import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  acceptedFindings,
  acceptedRisks,
  findingFlow,
  flowTotal,
  oldestOpen,
  openNow,
  openOverTime,
  repairBySeverity,
} from '../queries/ledger.js';
import { areas, bars, colorByName, rows, stat } from './kit.js';
import {
  colored,
  column,
  REPOSITORY_LINK,
  SEVERITY_COLORS,
  severityMapping,
  timeColumn,
  tooFew,
  wordMapping,
} from './look.js';

const NOT_SCANNED = 'Nothing scanned: run shieldwatch scan';

export function ledgerStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Critical open',
        description:
          'Open critical findings now, as in the list below. A scan that only counts its findings changes none of them.',
        sql: openNow('critical'),
        noValue: NOT_SCANNED,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'dark-red'],
      ],
    ),
    stat(
      {
        id: 2,
        title: 'High open',
        description:
          'Open high-severity findings now, as in the list below. A scan that only counts its findings changes none of them.',
        sql: openNow('high'),
        noValue: NOT_SCANNED,
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
        title: 'Appeared',
        description: 'Findings that first appeared in a scan of the range.',
        sql: flowTotal('new'),
        noValue: NOT_SCANNED,
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
        title: 'Came back',
        description: 'Findings that had been fixed and reappeared in a scan of the range.',
        sql: flowTotal('regressed'),
        noValue: NOT_SCANNED,
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
        title: 'Fixed',
        description:
          'Findings that a scan of the range no longer reports. Scans that do not list findings fix nothing.',
        sql: flowTotal('fixed'),
        noValue: NOT_SCANNED,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [1, 'green'],
      ],
    ),
  ];
}

export function burndown(): Builder<Panel> {
  return colorByName(
    areas(
      {
        id: 6,
        title: 'Open findings by severity',
        description:
          'How much is open, and how bad? Open findings by severity, stacked: at each moment those that had appeared and were not fixed, accepted or not. The value holds between scans, so that a week without scans is a flat line and not a gap.',
        sql: openOverTime(),
        noValue: NOT_SCANNED,
        w: 24,
        h: 9,
      },
      'short',
    ),
    SEVERITY_COLORS,
  );
}

export function flow(): Builder<Panel> {
  return colorByName(
    bars(
      {
        id: 7,
        title: 'Findings opened and fixed',
        description:
          'Are findings fixed faster than they appear? Findings that appeared, reappeared and were fixed, by hour up to 14 days, then by day. Counted by finding key, so that moved lines change nothing.',
        sql: findingFlow(),
        noValue: 'Nothing appeared or went in this range',
        w: 12,
        h: 9,
      },
      'short',
    ),
    { appeared: 'orange', came_back: 'purple', fixed: 'blue' },
  ).overrideByName('came_back', [{ id: 'displayName', value: 'came back' }]);
}

export function repair(): Builder<Panel> {
  return rows(
    {
      id: 8,
      title: 'Time to repair by severity',
      description:
        'How long does a fix take? By severity: open findings and the age of the oldest; findings fixed in the range and their mean time to repair: the time from the first scan with the finding to the first scan without it, summed over all fixes, divided by their number. Under 3 fixes there is no mean ("too few").',
      sql: repairBySeverity(),
      noValue: NOT_SCANNED,
      w: 12,
      h: 9,
    },
    {
      severity: [...column('Severity', 100), ...colored(severityMapping())],
      open_findings: column('Open', 80),
      oldest: [...column('Oldest open', 130), { id: 'unit', value: 's' }, { id: 'decimals', value: 1 }],
      fixed_findings: column('Fixed', 80),
      mttr: [
        ...column('Time to repair', 140),
        { id: 'unit', value: 's' },
        { id: 'decimals', value: 1 },
        { id: 'mappings', value: [tooFew('too few')] },
      ],
    },
  );
}

export function oldest(): Builder<Panel> {
  return rows(
    {
      id: 9,
      title: 'Oldest open findings',
      description:
        'What has been open longest? Findings open now, most severe first, then oldest first, 200 rows. Recurrences: how often the finding had been fixed before.',
      sql: oldestOpen(),
      noValue: 'Nothing is open, or nothing was scanned',
      w: 24,
      h: 11,
    },
    {
      severity: [...column('Severity', 95), ...colored(severityMapping())],
      repo: [...column('Repository', 190), REPOSITORY_LINK],
      category: column('Category', 110),
      title: column('Finding'),
      file: column('File', 190),
      opened_at: timeColumn('Opened'),
      open_for: [...column('Open for', 95), { id: 'unit', value: 's' }, { id: 'decimals', value: 1 }],
      recurrences: column('Recurrences', 105),
    },
  );
}

export function accepted(): Builder<Panel> {
  return rows(
    {
      id: 10,
      title: 'Policy exceptions by repository',
      description:
        "How many exceptions do policies make? Exceptions in each repository's policy, as its newest scan counted them: active, expiring soon, expired. AgentShield reports their number, but neither which they are nor until when they hold.",
      sql: acceptedRisks(),
      noValue: 'No policy of a newest scan has exceptions',
      w: 24,
      h: 7,
    },
    {
      repo: [...column('Repository'), REPOSITORY_LINK],
      policy: column('Policy', 220),
      exceptions_active: column('Active', 90),
      exceptions_expiring_soon: [...column('Expiring soon', 120), ...counted('orange')],
      exceptions_expired: [...column('Expired', 90), ...counted('red')],
      occurred_at: [...column('Scanned', 130), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

export function acceptedTable(): Builder<Panel> {
  return rows(
    {
      id: 11,
      title: 'Accepted and muted findings',
      description:
        'Which findings are accepted, and until when? Findings that a person accepted or muted and that are still open. Until: the day on which the decision ends; empty if it has no end. Run out: that day has passed, and the finding counts as open again. 200 rows.',
      sql: acceptedFindings(),
      noValue: 'No open finding is accepted or muted: PUT /v1/repo/{repoId}/findings/triage does',
      w: 24,
      h: 8,
    },
    {
      state: [...column('State', 100), ...colored(wordMapping({ 'run out': 'red', accepted: 'blue', muted: 'text' }))],
      severity: [...column('Severity', 95), ...colored(severityMapping())],
      repo: [...column('Repository', 190), REPOSITORY_LINK],
      title: column('Finding'),
      file: column('File', 190),
      ends: timeColumn('Until'),
      decided_at: [...column('Decided', 130), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}

const counted = (color: string): { id: string; value: unknown }[] => [
  { id: 'color', value: { mode: 'thresholds' } },
  {
    id: 'thresholds',
    value: {
      mode: 'absolute',
      steps: [
        { value: null, color: 'text' },
        { value: 1, color },
      ],
    },
  },
  { id: 'custom.cellOptions', value: { type: 'color-text' } },
];
