import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasGo } from '#collector/binary.js';
import type { Caller } from '#ingest/auth/caller.js';
import { createLandingSink } from '#ingest/telemetry/landing-sink.js';
import { createCollectorSink } from '#ingest/telemetry/collector-sink.js';
import { JSON_TYPE, PROTOBUF_TYPE } from '#ingest/request/content.js';
import { SIGNALS, type Signal } from '#ingest/request/signal.js';
import { ANY_OTLP } from '#ingest/testing/otlp-arbitrary.js';
import { SAMPLES, toProtobuf } from '#ingest/testing/otlp-samples.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { SECRETS } from '#schemas/testing/redaction-containers.js';
import { PSEUDONYM_SECRET } from '#schemas/testing/redaction-personal.js';
import {
  DATABASE,
  KEY,
  LANDING_TABLES,
  startCollectorUnderTest,
  type CollectorUnderTest,
} from '../testing/collector.js';
import { plantedRequest } from '../testing/planted.js';

/** Keys of the samples, as an operator would allow them. */
const ALLOWED = ['text', 'int', 'double', 'tiny', 'nan', 'infinite', 'bool', 'bytes', 'list', 'map', 'none', 'acme.*'];
const CALLER: Caller = {
  orgId: 'org_1',
  tokenId: 'tok_1',
  actor: 'token:tok_1',
  role: 'member',
  scopes: [],
  repository: 'acme/shop',
  retentionDays: 30,
};
const far = '18446744073709551615';
const value = (stringValue: string) => ({ stringValue });

/** Requests at which two implementations could differ. */
const ODD: Readonly<Record<Signal, object>> = {
  traces: {
    resourceSpans: [
      {
        schemaUrl: 'https://a:fake' + 'password@b',
        resource: {
          attributes: [
            { key: 'acme.token', value: value('a whole sentence') },
            { key: 'unknown', value: value('x') },
          ],
        },
        scopeSpans: [
          {
            schemaUrl: 'ghp' + '_FAKE0000fake0000',
            scope: { name: 's', attributes: [{ key: 'unknown', value: value('x') }] },
            spans: [
              {
                name: 'odd \u212aen \ud83d\udd12',
                startTimeUnixNano: far,
                endTimeUnixNano: '5',
                events: [{ timeUnixNano: far, name: 'e', attributes: [{ key: 'prompt', value: value('x') }] }],
                attributes: [
                  {
                    key: 'acme.map',
                    value: {
                      kvlistValue: {
                        values: [
                          {
                            key: 'password',
                            value: { arrayValue: { values: [value('hunter2hunter2'), value('short')] } },
                          },
                          { key: 'ghp' + '_FAKE0000fake0000', value: value('in a key') },
                        ],
                      },
                    },
                  },
                  { key: 'acme.ghp' + '_FAKE0000fake0000', value: value('in a key') },
                  { key: 'shieldwatch.tenant.org_id', value: value('spoofed') },
                  { key: 'user.email', value: value('Name <m\u00fcller+x@xn--bcher-kva.example>') },
                  { key: 'user.name', value: { arrayValue: { values: [value(' CORP\\Alice ')] } } },
                  {
                    key: 'error.message',
                    value: value('in /home/alice, ask \ud83d\udd12alice@example.com%3E or q=bob%40example.com'),
                  },
                  {
                    key: 'text',
                    value: value('pass' + 'word: \u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u{1f512} end'),
                  },
                  {
                    key: 'list',
                    value: { arrayValue: { values: ['sshpass', '-p', 'Zk8mQv4' + 'Rt2Lx', 'ssh'].map(value) } },
                  },
                  {
                    key: 'map',
                    value: {
                      kvlistValue: {
                        values: [
                          { key: 'name', value: value('DB_PASSWORD') },
                          { key: 'value', value: value('Zk8mQv4' + 'Rt2Lx') },
                          { key: 'pin_password', value: { intValue: '48151623' } },
                          {
                            key: 'password',
                            value: { bytesValue: Buffer.from('hunter2' + 'hunter2').toString('base64') },
                          },
                        ],
                      },
                    },
                  },
                  {
                    key: 'bytes',
                    value: { bytesValue: Buffer.from('\u00e9 ghp' + '_FAKE0000fake0000 \u00e9').toString('base64') },
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
  },
  logs: {
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: [
              { timeUnixNano: far, eventName: 'gen_ai.user.message', body: value('hello') },
              {
                observedTimeUnixNano: far,
                attributes: [{ key: 'event.name', value: value('gen_ai.choice') }],
                body: { kvlistValue: { values: [{ key: 'content', value: value('hi') }] } },
              },
              { timeUnixNano: '1764000000000000001', eventName: 'gen_ai.choice' },
              {
                timeUnixNano: '1764000000000000002',
                body: { kvlistValue: { values: [{ key: 'secret', value: value('a whole sentence') }] } },
                severityText: 'npm' + '_FAKE0000fake0000FAKE0000',
              },
            ],
          },
        ],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              {
                name: 'ghp' + '_FAKE0000fake0000',
                gauge: {
                  dataPoints: [
                    {
                      timeUnixNano: far,
                      asInt: '1',
                      attributes: [{ key: 'unknown', value: value('x') }],
                      exemplars: [
                        { timeUnixNano: far, asInt: '1', filteredAttributes: [{ key: 'prompt', value: value('x') }] },
                      ],
                    },
                  ],
                },
              },
              { name: 'empty', gauge: { dataPoints: [] } },
            ],
          },
        ],
      },
    ],
  },
};

describe.skipIf(!hasGo())(`the gateway's own landing and the collector ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  let under: CollectorUnderTest;
  let own: TestDatabase;

  beforeAll(async () => {
    const secret = join(mkdtempSync(join(tmpdir(), 'shieldwatch-pseudonyms-')), 'pseudonym.key');
    writeFileSync(secret, PSEUDONYM_SECRET, { mode: 0o600 });
    under = await startCollectorUnderTest({
      env: { SHIELDWATCH_ALLOWED_KEYS: ALLOWED.join(',') },
      pseudonymKeyFile: secret,
    });
    own = await freshDatabase(under.storeUrl);
  }, 900_000);
  afterAll(() => under.close());

  /** Sends the bodies both ways and compares all that lies in all tables. */
  async function landsEqually(
    bodies: readonly { readonly signal: Signal; readonly body: Buffer }[],
    keepContent: boolean,
    type: typeof JSON_TYPE | typeof PROTOBUF_TYPE,
  ): Promise<void> {
    const sinks = [
      createLandingSink(own.client, { allowedKeys: ALLOWED, pseudonymKey: PSEUDONYM_SECRET }),
      createCollectorSink({ url: under.collector.url, key: KEY }),
    ];
    for (const table of LANDING_TABLES) {
      await own.client.command({ query: `TRUNCATE TABLE ${table}` });
      await own.client.command({ query: `TRUNCATE TABLE ${DATABASE}.${table}` });
    }
    for (const { signal, body } of bodies) {
      for (const sink of sinks)
        await sink.deliver({ signal, type, encoding: 'identity', body: [body] }, { ...CALLER, keepContent });
    }
    for (const table of LANDING_TABLES) {
      const expected = sorted(await selectRows(own.client, `SELECT * FROM ${table}`));
      await expect
        .poll(() => under.select(`SELECT count() AS rows FROM ${table}`), { interval: 100 })
        .toEqual([{ rows: expected.length }]);
      expect(sorted(await under.select(`SELECT * FROM ${table}`)), table).toEqual(expected);
    }
  }

  it.each([JSON_TYPE, PROTOBUF_TYPE] as const)(
    'store equal rows for requests that use every field, as %s',
    async (type) => {
      const bodies = SIGNALS.map((signal) => ({
        signal,
        body: type === JSON_TYPE ? Buffer.from(JSON.stringify(SAMPLES[signal])) : toProtobuf(signal, SAMPLES[signal]),
      }));
      await landsEqually(bodies, false, type);
    },
  );

  it.each([true, false])('store equal rows for irregular requests, content kept: %s', async (keepContent) => {
    await landsEqually(
      SIGNALS.map((signal) => ({ signal, body: Buffer.from(JSON.stringify(ODD[signal])) })),
      keepContent,
      JSON_TYPE,
    );
  });

  it('accept and store equally NaN as JavaScript writes it beside a non-ASCII name, and a body with a byte order mark', async () => {
    const attributes = [
      { key: 'double', value: { doubleValue: null } },
      { key: 'acme.名前', value: value('名前') },
    ];
    const spans = [
      {
        traceId: 'a'.repeat(32),
        spanId: 'b'.repeat(16),
        name: 'x',
        kind: 1,
        startTimeUnixNano: '1764460800000000000',
        endTimeUnixNano: '1764460800000000001',
        attributes,
      },
    ];
    await landsEqually(
      [
        {
          signal: 'traces',
          body: Buffer.from(`\ufeff${JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })}`),
        },
      ],
      false,
      JSON_TYPE,
    );
    expect(await under.select('SELECT SpanAttributes FROM otel_traces')).toEqual([
      { SpanAttributes: { double: 'NaN', 'acme.名前': '名前' } },
    ]);
  });

  it.each(SIGNALS)('accept and refuse the same requests and store equal rows, for any %s as JSON', async (signal) => {
    const seed = Date.now();
    process.stdout.write(`${signal}: seed ${String(seed)}\n`);
    const bodies = fc
      .sample(ANY_OTLP[signal], { numRuns: 60, seed })
      .map((request) => ({ signal, body: Buffer.from(JSON.stringify(request)) }));
    await landsEqually(bodies, true, JSON_TYPE);
  });

  it('store equal rows and equal counts for secrets of many kinds in every string', async () => {
    // Every tenth kind: the vectors hold both implementations to the same answers for all of them.
    const bodies = SECRETS.filter((_, i) => i % 10 === 0).flatMap(({ kind, secret }) =>
      SIGNALS.map((signal) => ({ signal, body: plantedRequest(signal, `before ${secret} after`, kind).body })),
    );
    await landsEqually(bodies, true, PROTOBUF_TYPE);
  });
});

/** Maps have no order, rows neither. */
function sorted(rows: readonly Record<string, unknown>[]): string[] {
  return rows
    .map((row) =>
      JSON.stringify(row, (_, each: unknown) =>
        isMap(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
      ),
    )
    .sort();
}

function isMap(each: unknown): each is Record<string, unknown> {
  return each !== null && typeof each === 'object' && !Array.isArray(each);
}
