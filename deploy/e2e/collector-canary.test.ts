import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLLECTOR_CONFIG, STOCK_COLLECTOR_CONFIG, hasGo } from '#collector/binary.js';
import { SIGNALS } from '#ingest/request/signal.js';
import { MASKED, SECRETS } from '#schemas/testing/redaction-containers.js';
import { createPseudonyms } from '#schemas/pseudonyms.js';
import { redactText } from '#schemas/redaction.js';
import { PSEUDONYM_SECRET } from '#schemas/testing/redaction-personal.js';
import { HEADER_CONTENT, HEADER_IDENTITIES } from '#schemas/semconv.js';
import {
  filesBelow,
  LANDING_TABLES,
  startCollectorUnderTest,
  TENANT,
  type CollectorUnderTest,
} from '../testing/collector.js';
import { plantedRequest } from '../testing/planted.js';

/** Long enough to be searched for in raw bytes; what is left of a key block, say, is no secret. */
const MIN = 8;

/** Texts whose secret the stock configuration leaves, which decodes nothing and reads no value by its shape. */
const MISSED_BY_STOCK: readonly string[] = [
  'azure-devops-pat',
  'cli-password',
  'passphrase',
  'escaped passphrase',
  'passphrase with a quote',
  'odbc braces',
  'url slash',
  'scheme-less with two @',
  'basic alone',
  'digest',
  'mysql with a blank',
  'list of arguments',
  'XML element',
  'XML attribute',
  'Kubernetes env',
  'PHP define',
  'Terraform variable',
  'Vault read as a table',
  'aws configure prompt',
  'snmp',
  'a Python repr',
  'a PHP array dump',
  'an SQL statement that makes a user',
  'a redis AUTH',
  'a Slack message of a person',
  'a question of a person',
  'a person, with a colon in words',
  'setx',
  'a fish variable',
  'Maven settings',
  'keytool',
  'a PHP print_r',
];

describe.skipIf(!hasGo()).each([
  { configuration: 'our configuration', config: COLLECTOR_CONFIG, own: true },
  { configuration: 'the configuration for the official image', config: STOCK_COLLECTOR_CONFIG, own: false },
])(`$configuration ${hasGo() ? '' : '(NOT RUN: no Go)'}`, ({ config, own }) => {
  let under: CollectorUnderTest;

  beforeAll(async () => {
    const secret = join(mkdtempSync(join(tmpdir(), 'shieldwatch-pseudonyms-')), 'pseudonym.key');
    writeFileSync(secret, PSEUDONYM_SECRET, { mode: 0o600 });
    under = await startCollectorUnderTest({ config, pseudonymKeyFile: secret });
  }, 900_000);
  afterAll(() => under.close());

  it('keeps none of the planted secrets, of any kind and in any OTLP string, in any stored byte', async () => {
    // No stock component reaches the names by which a resource says what it is; no table has them, but the queue does.
    const skip = new Set(own ? [] : ['EntityRef']);
    const positions = new Set<string>();
    const plant = (signal: (typeof SIGNALS)[number], text: string, service: string): Buffer => {
      const planted = plantedRequest(signal, text, service, skip);
      for (const position of planted.positions) positions.add(position);
      return planted.body;
    };
    const headers = { ...TENANT, [HEADER_CONTENT]: 'keep' };
    // First with the store down, so that everything lies in the queue; then it lands.
    await under.stopStore();
    for (const { kind, secret } of SECRETS) {
      for (const signal of SIGNALS)
        expect(
          await under.post(signal, plant(signal, `before ${secret} after`, `canary ${kind}`), headers),
          `${kind} in ${signal}`,
        ).toBe(200);
    }
    // What the definition has today; a new field makes this number grow and is planted all the same.
    expect(positions.size).toBeGreaterThanOrEqual(own ? 21 : 17);
    const found: string[] = [];
    const search = (where: string, bytes: Buffer): void => {
      for (const { kind, secret } of SECRETS) {
        const at = secret.length < MIN ? -1 : bytes.indexOf(secret);
        // What stands before it tells the field.
        if (at >= 0)
          found.push(
            `${kind} in ${where} after ${JSON.stringify(bytes.subarray(Math.max(0, at - 60), at).toString('latin1'))}`,
          );
      }
    };
    for (const { path, bytes } of filesBelow(under.queue)) search(path, bytes);
    expect(found).toEqual([]);

    await under.startStore();
    for (const table of LANDING_TABLES) {
      await expect
        .poll(() => under.select(`SELECT uniqExact(ServiceName) AS kinds FROM ${table}`), {
          timeout: 120_000,
          interval: 200,
        })
        .toEqual([{ kinds: SECRETS.length }]);
      const rows = await under.select(`SELECT * FROM ${table}`);
      // The store's files are compressed, so the rows are searched as text too, and bytes values decoded.
      const text = JSON.stringify(rows);
      search(table, Buffer.from(text.replaceAll('\\"', '"').replaceAll('\\\\', '\\').replaceAll('\\n', '\n')));
      if (own)
        for (const [base64] of text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g))
          search(`${table}, bytes`, Buffer.from(base64, 'base64'));
    }
    // At rest: a store that runs merges its files, and takes away what it has merged.
    await under.stopStore();
    for (const { path, bytes } of filesBelow(under.dataDir)) search(path, bytes);
    await under.startStore();
    search('the logs', Buffer.from(under.lines.join('\n')));
    expect([...new Set(found)]).toEqual([]);
  }, 300_000);

  it(`keeps no secret of a text as logs contain it${own ? '' : ', except for the named ones'}`, async () => {
    const body = {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'texts' } }] },
          scopeLogs: [
            {
              logRecords: MASKED.map(({ text }, index) => ({
                timeUnixNano: `${Date.now()}000000`,
                body: { stringValue: text },
                attributes: [
                  { key: 'model', value: { stringValue: `text ${index}` } },
                  { key: 'error.message', value: { stringValue: text } },
                ],
              })),
            },
          ],
        },
      ],
    };
    expect(await under.post('logs', body)).toBe(200);
    const rows = await under.landed('otel_logs', 'texts', MASKED.length);
    const rowOf = (index: number): string =>
      JSON.stringify(rows.find((row) => (row['LogAttributes'] as Record<string, string>)['model'] === `text ${index}`));
    const missed = MASKED.filter(({ secret }, index) => rowOf(index).includes(JSON.stringify(secret).slice(1, -1)));
    for (const { path, bytes } of filesBelow(under.queue))
      for (const { name, secret } of MASKED) if (own) expect(bytes.includes(secret), `${name} in ${path}`).toBe(false);
    expect(missed.map(({ name }) => name).filter((name) => own || !MISSED_BY_STOCK.includes(name))).toEqual([]);
  });

  it('reports masked values by kind, as data', async () => {
    const [row] = await under.select(
      "SELECT SpanAttributes AS own FROM otel_traces WHERE ServiceName = 'canary github-token'",
    );
    const counts = row?.['own'] as Record<string, string>;
    if (own) expect(Number(counts['shieldwatch.redaction.masked.github-token'])).toBeGreaterThanOrEqual(17);
    else expect(Number(counts['redaction.masked.count'])).toBeGreaterThanOrEqual(4);
  });

  it('keeps no address planted in any OTLP string in the queue, the store or the logs', async () => {
    const skip = new Set(own ? [] : ['EntityRef']);
    const forms = [
      'planted.person@corp.example',
      'Name <PLANTED.person@corp.example>',
      'https://x.test/?to=planted.person%40corp.example&a=b',
      '{"mail":"mailto:planted.person+tag@corp.example"}',
    ];
    const headers = { ...TENANT, [HEADER_CONTENT]: 'keep' };
    await under.stopStore();
    for (const [index, text] of forms.entries()) {
      for (const signal of SIGNALS)
        expect(await under.post(signal, plantedRequest(signal, text, `person ${index}`, skip).body, headers)).toBe(200);
    }
    const found: string[] = [];
    const search = (where: string, bytes: Buffer): void => {
      const text = bytes.toString('latin1').toLowerCase();
      const at = text.indexOf('planted.person');
      if (at >= 0) found.push(`${where} after ${JSON.stringify(text.slice(Math.max(0, at - 60), at))}`);
    };
    for (const { path, bytes } of filesBelow(under.queue)) search(path, bytes);
    await under.startStore();
    for (const table of LANDING_TABLES) {
      await expect
        .poll(
          () => under.select(`SELECT uniqExact(ServiceName) AS forms FROM ${table} WHERE ServiceName LIKE 'person %'`),
          { timeout: 120_000, interval: 200 },
        )
        .toEqual([{ forms: forms.length }]);
      const text = JSON.stringify(await under.select(`SELECT * FROM ${table} WHERE ServiceName LIKE 'person %'`));
      search(table, Buffer.from(text));
      if (own)
        for (const [base64] of text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g))
          search(`${table}, bytes`, Buffer.from(base64, 'base64'));
      if (own)
        expect(text, table).toContain(
          redactText('planted.person@corp.example', createPseudonyms(PSEUDONYM_SECRET, 'org_1')),
        );
    }
    search('the logs', Buffer.from(under.lines.join('\n')));
    expect([...new Set(found)]).toEqual([]);

    if (!own) return;
    expect(
      await under.post('traces', plantedRequest('traces', 'planted.person@corp.example', 'kept person', skip).body, {
        ...headers,
        [HEADER_IDENTITIES]: 'keep',
      }),
    ).toBe(200);
    const [kept] = await under.landed('otel_traces', 'kept person');
    expect(kept?.['SpanName']).toBe('planted.person@corp.example');
  }, 300_000);

  it('drops content unless the organisation keeps it', async () => {
    const body = (service: string): Buffer => plantedRequest('traces', 'a plain prompt', service).body;
    expect(await under.post('traces', body('content dropped'))).toBe(200);
    expect(await under.post('traces', body('content kept'), { ...TENANT, [HEADER_CONTENT]: 'keep' })).toBe(200);
    const [dropped] = await under.landed('otel_traces', 'content dropped');
    const [kept] = await under.landed('otel_traces', 'content kept');
    expect(dropped?.['SpanAttributes']).not.toHaveProperty('prompt');
    expect(kept?.['SpanAttributes']).toHaveProperty('prompt', 'a plain prompt');
    if (own) expect(dropped?.['SpanAttributes']).toHaveProperty(['shieldwatch.redaction.dropped.content']);
  });
});
