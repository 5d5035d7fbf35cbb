import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { maskedInRange } from '../queries/secrets.js';
import {
  collectorLosses,
  collectorQueue,
  collectorTakenOut,
  deliveryDelay,
  factsByProducer,
  quarantinedInRange,
  quarantineOverTime,
  rollupBacklog,
  rollupLag,
  sinceLastArrival,
  storeSize,
} from '../queries/pipeline.js';
import { bars, lines, paint, rows, stat } from './kit.js';
import { column, thresholds } from './look.js';

const NOTHING = 'Nothing arrived: is a producer set up? See the README';
const OWN_TELEMETRY =
  'Nothing from a collector: only the organisation that runs one has its metrics (SHIELDWATCH_COLLECTOR_ORG); see grafana/README.md, Collector';
const OF_COLLECTOR =
  "Of collectors' own metrics, which they send once a minute to the organisation that runs them. The newest 7 days of the range.";

export function pipelineStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Last record',
        description: "Time since the newest event of the organisation by the producer's clock, of the last 30 days.",
        sql: sinceLastArrival(),
        noValue: NOTHING,
        w: 5,
        h: 5,
      },
      's',
      [
        [null, 'text'],
        [0, 'green'],
        [3_600, 'orange'],
        [86_400, 'red'],
      ],
    ).decimals(0),
    stat(
      {
        id: 2,
        title: 'Rollup lag',
        description:
          'Age of the oldest hour of a repository that facts arrived for in the last hour and that no job has recomputed since. 0: the series hold all there is.',
        sql: rollupLag(),
        noValue: NOTHING,
        w: 5,
        h: 5,
      },
      's',
      [
        [null, 'text'],
        [0, 'green'],
        [60, 'orange'],
        [300, 'red'],
      ],
    ).decimals(1),
    stat(
      {
        id: 3,
        title: 'Rollup backlog',
        description:
          'Hours of repositories that wait to be recomputed, of those that facts arrived for in the last hour.',
        sql: rollupBacklog(),
        noValue: NOTHING,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [100, 'orange'],
        [1_000, 'red'],
      ],
    ).decimals(0),
    stat(
      {
        id: 4,
        title: 'Not counted',
        description:
          'Records that arrived in the range and of which no fact could be made; the table below says why. Before anything ever arrived there is no number.',
        sql: quarantinedInRange(),
        noValue: NOTHING,
        w: 5,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ).decimals(0),
    stat(
      {
        id: 5,
        title: 'Masked',
        description: 'Secret-shaped values that were masked on their way in, in the range by whole hours.',
        sql: maskedInRange(),
        noValue: NOTHING,
        w: 4,
        h: 5,
      },
      'short',
      [
        [null, 'text'],
        [0, 'green'],
        [1, 'orange'],
      ],
    ).decimals(0),
  ];
}

export function ingest(): Builder<Panel> {
  return bars(
    {
      id: 6,
      title: 'How much arrives, and from whom?',
      description:
        "Facts by who sent them, by hour up to 14 days, then by day, at the producer's time: scan, guard (decisions), watch (drifts), and agents by name. Each fact counts once however often it was sent.",
      sql: factsByProducer(),
      noValue: NOTHING,
      w: 12,
      h: 9,
    },
    'short',
    'producer',
  );
}

export function delay(): Builder<Panel> {
  return paint(
    lines(
      {
        id: 7,
        title: 'How fresh is what arrives?',
        description:
          "Time from the producer's clock to the store, by hour of arrival: half and 95 % of the decisions of the newest 2 days of the range stayed below. A spool that is shipped late shows as an hour of large values, not as a gap.",
        sql: deliveryDelay(),
        noValue: 'No decision arrived in the newest 2 days of this range',
        w: 12,
        h: 9,
      },
      's',
    ).min(0),
    { p50: 'green', p95: 'orange' },
  );
}

export function losses(): Builder<Panel> {
  return bars(
    {
      id: 8,
      title: 'Does a collector refuse or drop?',
      description: `Records that collectors refused, failed to take, send or queue, set aside in files since the store will never take them (\`exporter_set_aside\`), or filtered out because they had no organisation, in steps of 10 minutes. 0 is a bar of no height; no bar at all: no metrics. ${OF_COLLECTOR}`,
      sql: collectorLosses(),
      noValue: OWN_TELEMETRY,
      w: 12,
      h: 9,
    },
    'short',
    'counter',
  );
}

export function queue(): Builder<Panel> {
  return lines(
    {
      id: 9,
      title: 'Is a queue filling up?',
      description: `How full the sending queues are, size over capacity, the fullest of each 10 minutes. It should lie near 0; a queue that stays up means that the store does not keep up, and at 100 % senders are told to wait. ${OF_COLLECTOR}`,
      sql: collectorQueue(),
      noValue: OWN_TELEMETRY,
      w: 12,
      h: 9,
    },
    'percentunit',
    'queue',
  )
    .min(0)
    .thresholds(
      thresholds([
        { value: null, color: 'green' },
        { value: 0.5, color: 'orange' },
        { value: 0.9, color: 'red' },
      ]),
    );
}

export function takenOut(): Builder<Panel> {
  return bars(
    {
      id: 13,
      title: 'What does redaction take out?',
      description: `Secrets that the collector's redaction masked, by kind, and attributes that it dropped because no list allows them or because they are content, in steps of 10 minutes: of all that it handled, resources and metrics too. ${OF_COLLECTOR}`,
      sql: collectorTakenOut(),
      noValue: OWN_TELEMETRY,
      w: 12,
      h: 9,
    },
    'short',
    'name',
  );
}

export function quarantineChart(): Builder<Panel> {
  return bars(
    {
      id: 10,
      title: 'What is wrong with what could not be counted?',
      description: 'Records of which no fact was made, by hour of arrival and problem.',
      sql: quarantineOverTime(),
      noValue: 'Nothing was quarantined in this range',
      w: 12,
      h: 9,
    },
    'short',
    'problem',
  );
}

export function size(): Builder<Panel> {
  return rows(
    {
      id: 12,
      title: 'What does the store keep of us?',
      description:
        'Rows of the organisation in each table, and about how many bytes they are: rows times the mean size of 500 of them, before compression (on disk about a tenth). Landing may hold a record more than once; facts that came twice fold at the next merge. Landing is kept 90 days unless a plan says otherwise, facts and series 730.',
      sql: storeSize(),
      noValue: NOTHING,
      w: 24,
      h: 9,
    },
    {
      kept: column('Table'),
      row_count: [...column('Rows', 100), { id: 'unit', value: 'short' }],
      bytes: [...column('About', 110), { id: 'unit', value: 'decbytes' }, { id: 'decimals', value: 1 }],
    },
  );
}
