import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { maskedInRange } from '../queries/secrets.js';
import {
  undeliveredRecords,
  collectorQueue,
  redactionRemovals,
  deliveryDelay,
  factsByProducer,
  quarantinedInRange,
  quarantineOverTime,
  rollupBacklog,
  rollupLag,
  sinceLastArrival,
  storeSize,
} from '../queries/pipeline.js';
import { bars, colorByName, count, lines, rows, stat } from './kit.js';
import { column, thresholds } from './look.js';

const NOTHING = 'Nothing arrived: is a producer set up? See the README';
const OWN_TELEMETRY =
  'Nothing from a collector: only the organisation that runs one has its metrics (SHIELDWATCH_COLLECTOR_ORG); see grafana/README.md, Collector';
const FROM_COLLECTOR_METRICS =
  "From the collectors' own metrics, which they send once a minute to the organisation that runs them. The newest 7 days of the range.";

export function pipelineStats(): Builder<Panel>[] {
  return [
    stat(
      {
        id: 1,
        title: 'Last record',
        description: "Time since the newest event of the organisation in the last 30 days, by the producer's clock.",
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
          'Age of the oldest repository hour that received facts in the last hour and has not been recomputed since. 0: the series are up to date.',
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
        description: 'Repository hours that wait to be recomputed, of those that received facts in the last hour.',
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
    count(
      {
        id: 4,
        title: 'Not counted',
        description:
          'Records that arrived in the range and did not become facts; the table below shows why. No number before anything arrived.',
        sql: quarantinedInRange(),
        noValue: NOTHING,
        w: 5,
        h: 5,
      },
      'orange',
    ),
    count(
      {
        id: 5,
        title: 'Masked',
        description: 'Secret-shaped values that were masked in transit, in the range by whole hours.',
        sql: maskedInRange(),
        noValue: NOTHING,
        w: 4,
        h: 5,
      },
      'orange',
    ),
  ];
}

export function ingest(): Builder<Panel> {
  return bars(
    {
      id: 6,
      title: 'Facts by source',
      description:
        "How much arrives, and from whom? Facts by source, by hour up to 14 days, then by day, at the producer's time: scan, guard (decisions), watch (drift), and agents by name. Each fact counts once, however often it was sent.",
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
  return colorByName(
    lines(
      {
        id: 7,
        title: 'Delivery delay of decisions',
        description:
          "How current is what arrives? Time from the producer's clock to the store, by hour of arrival: median and 95th percentile of the decisions of the newest 2 days of the range. A spool that is sent late shows as an hour with large values, not as a gap.",
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

export function undeliveredChart(): Builder<Panel> {
  return bars(
    {
      id: 8,
      title: 'Records not delivered by collectors',
      description: `Does a collector refuse or drop? Records that collectors refused, failed to receive, send or queue, set aside in files because the store will never accept them (\`exporter_set_aside\`), or filtered out because they had no organisation, in steps of 10 minutes. 0 is a bar of no height; without metrics there is no bar. ${FROM_COLLECTOR_METRICS}`,
      sql: undeliveredRecords(),
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
      title: 'Sending queue utilisation',
      description: `Is a queue filling up? Size of the sending queues divided by their capacity, the highest value in each 10 minutes. It should stay near 0. If it stays high, the store does not keep up; at 100 % senders receive a retryable error. ${FROM_COLLECTOR_METRICS}`,
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

export function removalsChart(): Builder<Panel> {
  return bars(
    {
      id: 13,
      title: 'Values and attributes removed by redaction',
      description: `What does redaction remove? Secrets that the collector masked, by kind, and attributes that it dropped because no allow-list names them or because they are content, in steps of 10 minutes. Includes resources and metrics. ${FROM_COLLECTOR_METRICS}`,
      sql: redactionRemovals(),
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
      title: 'Quarantined records by problem',
      description: 'Why did records not become facts? Records in quarantine, by hour of arrival and problem.',
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
      title: 'Stored bytes by table',
      description:
        'What does the store keep of this organisation? Rows per table, and an estimate of their size: rows times the mean size of 500 of them, before compression (about a tenth of it on disk). Landing may hold a record more than once; duplicate facts are removed at the next merge. Landing is kept for 90 days unless a plan says otherwise, facts and series for 730.',
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
