import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import {
  episodes,
  exposedNow,
  exposureOverTime,
  maskedByRepository,
  maskedInRange,
  maskedOverTime,
  oldestExposure,
  recurrences,
} from '../queries/secrets.js';
import { bars, count, rows, stat, timeline } from './kit.js';
import { colored, column, REPOSITORY_LINK, timeColumn, wordMapping } from './look.js';

const NOT_SCANNED = 'Nothing scanned: run shieldwatch scan';
const WHAT =
  'A critical secret is exposed from the first scan that reports it to the next scan that does not. If it is reported again later, a new episode begins. It counts once, however often a file repeats it.';

export function secretStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Exposed now',
        description: `Critical secrets that are exposed now. ${WHAT}`,
        sql: exposedNow(),
        noValue: NOT_SCANNED,
        w: 6,
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
        title: 'Oldest exposure',
        description: 'Time since the first scan that reported the secret with the longest current exposure.',
        sql: oldestExposure(),
        noValue: 'None: no secret is exposed, or nothing was scanned',
        w: 6,
        h: 5,
      },
      's',
      [
        [null, 'text'],
        [0, 'orange'],
        [86_400, 'red'],
        [604_800, 'dark-red'],
      ],
    ).decimals(1),
    stat(
      {
        id: 3,
        title: 'Came back',
        description:
          'Episodes that began in the range and are not the first of their secret: it had been removed and was committed again.',
        sql: recurrences(),
        noValue: NOT_SCANNED,
        w: 6,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'red'],
      ],
    ),
    count(
      {
        id: 4,
        title: 'Masked in transit',
        description:
          'Secret-shaped values that were masked in transit, in the range by whole hours. None of them was stored; fix the sender.',
        sql: maskedInRange(),
        noValue: 'Nothing arrived: no span or log record came in this range',
        w: 6,
        h: 5,
      },
      'orange',
    ),
  ];
}

export function exposureTimeline(): Builder<Panel> {
  return timeline(
    {
      id: 5,
      title: 'Secret exposure over time',
      description: `Which secrets were exposed, and when? One lane per secret, the twelve longest exposures in the range. ${WHAT}`,
      sql: exposureOverTime(),
      noValue: 'No critical secret was exposed in this range, or nothing was scanned',
      w: 24,
      h: 11,
    },
    'lane',
    [
      { text: 'not exposed', color: 'transparent' },
      { text: 'exposed', color: 'red' },
    ],
  );
}

export function episodeTable(): Builder<Panel> {
  return rows(
    {
      id: 6,
      title: 'Secrets to rotate, by exposure',
      description: `What must be rotated first? Episodes that overlap the range, current exposures first, then the longest, 200 rows. Episode 2 and above: the secret returned. ${WHAT}`,
      sql: episodes(),
      noValue: 'No critical secret was exposed in this range, or nothing was scanned',
      w: 24,
      h: 10,
    },
    {
      state: [...column('State', 100), ...colored(wordMapping({ exposed: 'red', resolved: 'green' }))],
      repo: [...column('Repository', 190), REPOSITORY_LINK],
      title: column('Secret'),
      file: column('File', 145),
      episode: column('Episode', 85),
      first_seen_at: timeColumn('First seen'),
      resolved_at: timeColumn('Resolved'),
      exposed_for: [...column('Exposed for', 110), { id: 'unit', value: 's' }, { id: 'decimals', value: 1 }],
    },
  );
}

export function maskedChart(): Builder<Panel> {
  return bars(
    {
      id: 7,
      title: 'Masked values by kind',
      description:
        'What was masked in transit? Values masked in spans and log records, by kind of secret, by hour up to 14 days, then by day; the six most frequent kinds in the range, the rest together. Values that a producer masks itself do not appear; the stock collector image does not distinguish kinds ("not told").',
      sql: maskedOverTime(),
      noValue: 'Nothing was masked in this range',
      w: 12,
      h: 9,
    },
    'short',
    'name',
  );
}

export function maskedTable(): Builder<Panel> {
  return rows(
    {
      id: 8,
      title: 'Masked values by repository and kind',
      description:
        'Who sends secrets? Values masked in the range, by repository and kind of secret, highest number first, 50 rows. The value itself is not stored anywhere. Fix the sender; the last hour shows whether the fix worked.',
      sql: maskedByRepository(),
      noValue: 'Nothing was masked in this range',
      w: 12,
      h: 9,
    },
    {
      repository: [...column('Repository'), REPOSITORY_LINK],
      kind: column('Kind', 140),
      masked_values: column('Masked', 75),
      last_at: [...column('Last hour', 125), { id: 'unit', value: 'dateTimeFromNow' }],
    },
  );
}
