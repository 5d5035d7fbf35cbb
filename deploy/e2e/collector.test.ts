import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCollector, hasGo } from '#collector/binary.js';
import { startClickHouse } from '#deploy/embedded/clickhouse/process.js';
import { startCollector } from '#deploy/embedded/collector.js';
import type { EmbeddedCollector } from '#deploy/embedded/collector.js';
import { copyMigratedClickHouse } from '#deploy/testing/store-template.js';
import { createClickHouse, DEFAULT_DATABASE, selectRows } from '#schemas/clickhouse/client.js';
import { migrateClickHouse } from '#schemas/clickhouse/migrate.js';
import {
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
  HEADER_ORG_ID,
  HEADER_REPOSITORY,
  HEADER_RETENTION_DAYS,
  HEADER_TOKEN_ID,
} from '#schemas/semconv.js';
import { filesBelow } from '../testing/collector.js';

const KEY = 'collector-key-of-this-test';
const DATABASE = DEFAULT_DATABASE;
const TENANT = {
  authorization: `Bearer ${KEY}`,
  [HEADER_ORG_ID]: 'org_1',
  [HEADER_TOKEN_ID]: 'tok_1',
  [HEADER_REPOSITORY]: 'acme/shop',
  [HEADER_RETENTION_DAYS]: '30',
};
const without = (header: string) => Object.fromEntries(Object.entries(TENANT).filter(([name]) => name !== header));
const NOW = `${Date.now()}000000`;
const METRIC_TABLES = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'].map(
  (kind) => `otel_metrics_${kind}`,
);

let secrets = 0;
/** A made-up GitHub token that nothing else contains, with words on both sides. */
function planted(): string {
  secrets += 1;
  return `before ghp_canary${String(secrets).padStart(4, '0')}abcdefghijklmnop after`;
}
const CANARY = /ghp_canary\d{4}/g;

const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const nested = (key: string) => ({
  key,
  value: {
    kvlistValue: {
      values: [
        attribute('inner', planted()),
        { key: 'list', value: { arrayValue: { values: [{ stringValue: planted() }, { intValue: '7' }] } } },
      ],
    },
  },
});
const resource = (name: string) => ({
  attributes: [attribute('service.name', name), attribute('model', planted()), nested('source')],
});
const scope = () => ({ name: `scope ${planted()}`, version: planted(), attributes: [attribute('model', planted())] });

function span(traceId: string) {
  return {
    traceId,
    spanId: '00000000000000aa',
    traceState: `vendor=${planted().split(' ')[1] ?? ''}`,
    name: `span ${planted()}`,
    kind: 1,
    startTimeUnixNano: NOW,
    endTimeUnixNano: NOW,
    attributes: [attribute('model', planted()), nested('source')],
    status: { code: 2, message: planted() },
    events: [{ timeUnixNano: NOW, name: `event ${planted()}`, attributes: [attribute('model', planted())] }],
    links: [
      { traceId, spanId: '00000000000000bb', traceState: 'vendor=x', attributes: [attribute('model', planted())] },
    ],
  };
}

function metrics() {
  const exemplars = () => [
    { timeUnixNano: NOW, asDouble: 1, filteredAttributes: [attribute('model', planted()), nested('source')] },
  ];
  const point = () => ({ startTimeUnixNano: NOW, timeUnixNano: NOW, attributes: [attribute('model', planted())] });
  const named = () => ({ name: `metric ${planted()}`, description: planted(), unit: planted() });
  return [
    { ...named(), gauge: { dataPoints: [{ ...point(), asDouble: 1.5, exemplars: exemplars() }] } },
    {
      ...named(),
      sum: {
        aggregationTemporality: 1,
        isMonotonic: true,
        dataPoints: [{ ...point(), asInt: '3', exemplars: exemplars() }],
      },
    },
    {
      ...named(),
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          { ...point(), count: '3', sum: 6, bucketCounts: ['1', '2'], explicitBounds: [2], exemplars: exemplars() },
        ],
      },
    },
    {
      ...named(),
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            ...point(),
            count: '3',
            sum: 6,
            scale: 1,
            zeroCount: '0',
            positive: { offset: 0, bucketCounts: ['3'] },
            exemplars: exemplars(),
          },
        ],
      },
    },
    {
      ...named(),
      summary: { dataPoints: [{ ...point(), count: '3', sum: 6, quantileValues: [{ quantile: 0.5, value: 2 }] }] },
    },
  ];
}

/** Each with a planted secret in every string that OTLP has, but for attribute keys. */
const secretSpans = (service: string) => ({
  resourceSpans: [
    { resource: resource(service), scopeSpans: [{ scope: scope(), spans: [span('0'.repeat(31) + '2')] }] },
  ],
});
const secretLogs = (service: string) => ({
  resourceLogs: [
    {
      resource: resource(service),
      scopeLogs: [
        {
          scope: scope(),
          logRecords: [
            {
              timeUnixNano: NOW,
              severityNumber: 9,
              severityText: planted(),
              eventName: `happened ${planted()}`,
              body: { stringValue: planted() },
              attributes: [attribute('model', planted()), nested('source')],
            },
            { timeUnixNano: NOW, eventName: 'agentshield.finding', body: nested('body').value },
          ],
        },
      ],
    },
  ],
});
const secretMetrics = (service: string) => ({
  resourceMetrics: [{ resource: resource(service), scopeMetrics: [{ scope: scope(), metrics: metrics() }] }],
});

const oneSpan = (service: string, more: object = {}) => ({
  resourceSpans: [
    {
      resource: { attributes: [attribute('service.name', service)] },
      scopeSpans: [
        {
          spans: [
            {
              traceId: '0'.repeat(31) + '1',
              spanId: '0'.repeat(15) + '1',
              name: 'work',
              startTimeUnixNano: NOW,
              endTimeUnixNano: NOW,
              ...more,
            },
          ],
        },
      ],
    },
  ],
});

describe.skipIf(!hasGo())(`the collector in front of the store ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'shieldwatch-collector-'));
  const lines: string[] = [];
  let store: Awaited<ReturnType<typeof startClickHouse>>;
  let collector: EmbeddedCollector;

  const start = async (): Promise<EmbeddedCollector> =>
    startCollector({
      binary: await buildCollector(),
      dataDir,
      port: 0,
      clickhouseUrl: store.url,
      database: DATABASE,
      key: KEY,
      env: { SHIELDWATCH_COLLECTOR_METRICS_INTERVAL_MS: '1000' },
      onLog: (line) => lines.push(line),
    });

  beforeAll(async () => {
    await buildCollector();
    await copyMigratedClickHouse(join(dataDir, 'clickhouse'));
    store = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: 0 });
    await migrateClickHouse({ url: store.url, database: DATABASE });
    collector = await start();
  }, 900_000);

  afterAll(async () => {
    await collector.stop();
    await store.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function post(signal: string, body: object, headers: Record<string, string> = TENANT): Promise<number> {
    const response = await fetch(`${collector.url}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    await response.text();
    return response.status;
  }

  async function rows(table: string, service: string): Promise<Record<string, unknown>[]> {
    const client = createClickHouse({ url: store.url, database: DATABASE });
    try {
      return await selectRows(client, `SELECT *, OrgId FROM ${table} WHERE ServiceName = {service:String}`, {
        service,
      });
    } finally {
      await client.close();
    }
  }

  /** The rows of one service as soon as there are `count` of them. */
  async function landed(table: string, service: string, count = 1): Promise<Record<string, unknown>[]> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = await rows(table, service);
      if (found.length >= count) return found;
      if (Date.now() > deadline)
        throw new Error(`${table}: ${found.length} of ${count} rows\n${lines.slice(-5).join('\n')}`);
      await sleep(100);
    }
  }

  it('stores a span without the secrets planted in each of its strings', async () => {
    expect(await post('traces', secretSpans('spans'))).toBe(200);
    const [row] = await landed('otel_traces', 'spans');
    expect(JSON.stringify(row).match(CANARY)).toBeNull();
    expect(row).toMatchObject({
      SpanName: 'span before [REDACTED:github-token] after',
      StatusMessage: 'before [REDACTED:github-token] after',
      TraceState: 'vendor=[REDACTED:github-token]',
      ScopeName: 'scope before [REDACTED:github-token] after',
      'Events.Name': ['event before [REDACTED:github-token] after'],
      'Links.Attributes': [{ model: 'before [REDACTED:github-token] after' }],
      // Name, message, trace state, 3 attribute values, event and its attribute, link's attribute.
      SpanAttributes: {
        model: 'before [REDACTED:github-token] after',
        'shieldwatch.redaction.masked.github-token': '9',
      },
      ResourceAttributes: {
        model: 'before [REDACTED:github-token] after',
        // 3 attribute values; the scope's name, version and attribute.
        'shieldwatch.redaction.masked.github-token': '6',
        [ATTR_TENANT_ORG_ID]: 'org_1',
        [ATTR_TENANT_TOKEN_ID]: 'tok_1',
        [ATTR_TENANT_REPOSITORY]: 'acme/shop',
        [ATTR_TENANT_RETENTION_DAYS]: '30',
      },
      OrgId: 'org_1',
    });
  });

  it('stores a log record with its event name and without planted secrets', async () => {
    expect(await post('logs', secretLogs('logs'))).toBe(200);
    const found = await landed('otel_logs', 'logs', 2);
    expect(JSON.stringify(found).match(CANARY)).toBeNull();
    expect(found.map((row) => row['EventName'])).toEqual(
      expect.arrayContaining(['agentshield.finding', 'happened before [REDACTED:github-token] after']),
    );
  });

  it('stores each type of metric without planted secrets', async () => {
    expect(await post('metrics', secretMetrics('metrics'))).toBe(200);
    for (const table of METRIC_TABLES) {
      const found = await landed(table, 'metrics');
      expect(JSON.stringify(found).match(CANARY)).toBeNull();
      expect(found).toMatchObject([{ MetricName: 'metric before [REDACTED:github-token] after', OrgId: 'org_1' }]);
    }
  });

  it('takes the tenant from the headers only', async () => {
    const spoofed = [
      ATTR_TENANT_ORG_ID,
      ATTR_TENANT_TOKEN_ID,
      ATTR_TENANT_REPOSITORY,
      ATTR_TENANT_RETENTION_DAYS,
      'shieldwatch.tenant.new',
    ].map((key) => attribute(key, 'spoofed'));
    const body = {
      resourceSpans: [
        {
          // The same key twice is legal on the wire.
          resource: { attributes: [attribute('service.name', 'spoof'), ...spoofed, ...spoofed] },
          scopeSpans: [
            {
              scope: { name: 's', attributes: spoofed },
              spans: [
                {
                  ...span('0'.repeat(31) + '3'),
                  attributes: spoofed,
                  events: [{ timeUnixNano: NOW, name: 'e', attributes: spoofed }],
                },
              ],
            },
          ],
        },
      ],
    };
    // No header for the repository: a token that is bound to none.
    expect(await post('traces', body, without(HEADER_REPOSITORY))).toBe(200);
    const [row] = await landed('otel_traces', 'spoof');
    expect(JSON.stringify(row)).not.toContain('spoofed');
    expect(row?.['OrgId']).toBe('org_1');
  });

  it('drops records without an organisation', async () => {
    const spoof = { attributes: [attribute('service.name', 'orphan'), attribute(ATTR_TENANT_ORG_ID, 'org_1')] };
    const orphan = oneSpan('orphan').resourceSpans.map((entry) => ({ ...entry, resource: spoof }));
    expect(await post('traces', { resourceSpans: orphan }, { authorization: TENANT.authorization })).toBe(200);
    expect(await post('traces', { resourceSpans: orphan }, { ...TENANT, [HEADER_ORG_ID]: '' })).toBe(200);
    expect(await post('traces', oneSpan('after-orphan'))).toBe(200);
    await landed('otel_traces', 'after-orphan');
    expect(await rows('otel_traces', 'orphan')).toEqual([]);
  });

  it('answers 401 to a wrong key and to a missing key', async () => {
    expect(await post('traces', oneSpan('intruder'), { ...TENANT, authorization: 'Bearer guess' })).toBe(401);
    expect(await post('traces', oneSpan('intruder'), without('authorization'))).toBe(401);
  });

  it('is not blocked by times and metrics that the store cannot accept', async () => {
    const times = {
      startTimeUnixNano: '18446744073709551615',
      endTimeUnixNano: '1',
      events: [{ timeUnixNano: '9223372036854775807', name: 'e' }],
    };
    expect(await post('traces', oneSpan('poison', times))).toBe(200);
    const dataPoints = [
      {
        timeUnixNano: '18446744073709551615',
        asInt: '1',
        exemplars: [{ timeUnixNano: '9223372036854775807', asInt: '1' }],
      },
    ];
    const body = {
      resourceMetrics: [
        {
          resource: { attributes: [attribute('service.name', 'poison')] },
          scopeMetrics: [{ metrics: [{ name: 'empty' }, { name: 'full', gauge: { dataPoints } }] }],
        },
      ],
    };
    expect(await post('metrics', body)).toBe(200);
    const [row] = await landed('otel_traces', 'poison');
    expect(row).toMatchObject({ Timestamp: '2105-12-31T23:59:59.000000000Z', Duration: 0 });
    expect(await landed('otel_metrics_gauge', 'poison')).toMatchObject([{ MetricName: 'full' }]);
  });

  it('stores its own metrics: received, sent, queued, dropped and masked', async () => {
    const own = async (): Promise<Set<unknown>> =>
      new Set(
        (await Promise.all(['sum', 'gauge'].map((kind) => rows(`otel_metrics_${kind}`, 'shieldwatch-collector'))))
          .flat()
          .map((row) => row['MetricName']),
      );
    await expect
      .poll(async () => [...(await own())], { interval: 250 })
      .toEqual(
        expect.arrayContaining(
          [
            'otelcol_receiver_accepted_spans',
            'otelcol_exporter_sent_spans',
            'otelcol_exporter_queue_size',
            'otelcol_exporter_queue_capacity',
            'otelcol_processor_secretredaction_masked',
            'otelcol_processor_filter_spans.filtered',
          ].map((name) => expect.stringMatching(new RegExp(`^${name.replaceAll('.', '\\.')}$`)) as string),
        ),
      );
    const [masked] = (await rows('otel_metrics_sum', 'shieldwatch-collector')).filter(
      (row) => row['MetricName'] === 'otelcol_processor_secretredaction_masked',
    );
    expect(masked).toMatchObject({ Attributes: { kind: 'github-token' }, OrgId: 'org_local' });
  });

  it('loses no acknowledged record and queues no planted secret when killed while the store is down', async () => {
    await store.stop();
    const acknowledged: string[] = [];
    for (let index = 0; index < 50; index += 1) {
      const name = `outage ${index}`;
      if ((await post('traces', oneSpan('outage', { name }))) === 200) acknowledged.push(name);
    }
    expect(acknowledged).toHaveLength(50);
    expect(await post('traces', secretSpans('outage-secrets'))).toBe(200);
    expect(await post('logs', secretLogs('outage-secrets'))).toBe(200);
    expect(await post('metrics', secretMetrics('outage-secrets'))).toBe(200);
    expect(secrets).toBeGreaterThan(80);
    const queue = join(dataDir, 'collector-queue');
    const bytes = [...filesBelow(queue)].map((file) => file.bytes.toString('latin1')).join('\n');
    for (const text of ['span', 'happened', 'metric'])
      expect(bytes).toContain(`${text} before [REDACTED:github-token] after`);
    expect(bytes.match(CANARY)).toBeNull();

    const killed = collector.pid;
    process.kill(killed, 'SIGKILL');
    store = await startClickHouse({ dataDir: join(dataDir, 'clickhouse'), port: store.port });
    const found = await landed('otel_traces', 'outage', 50);
    expect(new Set(found.map((row) => row['SpanName']))).toEqual(new Set(acknowledged));
    for (const table of ['otel_traces', 'otel_logs', ...METRIC_TABLES]) await landed(table, 'outage-secrets');
    expect(collector.pid).not.toBe(killed);
    expect(lines.join('\n').match(CANARY)).toBeNull();
  });

  it.each([
    [
      'cut short',
      (file: string) => {
        truncateSync(file, 8192);
      },
    ],
    [
      'overwritten',
      (file: string) => {
        writeFileSync(file, 'x'.repeat(16_384));
      },
    ],
  ])('starts with a queue file that was %s, sets it aside and reports it', async (_, damage) => {
    await collector.stop();
    const queue = join(dataDir, 'collector-queue');
    damage(join(queue, 'exporter_clickhouse__traces'));
    lines.length = 0;
    collector = await start();
    await expect
      .poll(() => lines.join('\n'))
      .toMatch(/queue file \S*exporter_clickhouse__traces was corrupt and is kept as \S*\.backup/);
    expect(await post('traces', oneSpan('after-damage'))).toBe(200);
    await landed('otel_traces', 'after-damage');
  });
});
