import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COLLECTOR_CONFIG, STOCK_COLLECTOR_CONFIG, hasGo } from '#collector/binary.js';
import { loadOtlp, requestType } from '#ingest/landing/message-plan.js';
import { packageRoot } from '#schemas/root.js';
import { REDACTION_RULES, redactText } from '#schemas/redaction.js';
import { HEADER_CONTENT } from '#schemas/semconv.js';
import { filesBelow, LANDING_TABLES, startCollectorUnderTest, TENANT, type CollectorUnderTest } from './collector.fixture.js';

const SIGNALS = ['traces', 'logs', 'metrics'] as const;
type Signal = (typeof SIGNALS)[number];

/** One fake secret of each kind: the vectors that bear a rule's name. */
const SECRETS = (JSON.parse(readFileSync(join(packageRoot(), 'schemas', 'redaction.vectors.json'), 'utf8')) as { name: string; input: string[] }[])
  .filter(({ name }) => REDACTION_RULES.some((rule) => rule.name === name))
  .map(({ name, input }) => ({ kind: name, secret: input.slice(1, -1).join('') }));

const root = loadOtlp();
const NOW = `${Date.now()}000000`;
/** Long enough to be searched for in raw bytes; what is left of a key block, say, is no secret. */
const MIN = 8;

/**
 * A request with `text` in every string that OTLP's own definition has, so that a new field is covered by itself: each
 * member of a oneof in a message of its own, each string also as key of an attribute, in bytes, lists and maps.
 */
function plant(type: protobuf.Type, text: string, service: string): Record<string, unknown>[] {
  if (skipped.has(type.name)) return [];
  if (type.name === 'KeyValue') return attributes(text);
  if (type.name === 'AnyValue') return attributes(text).map(({ value }) => value as Record<string, unknown>);
  let messages: Record<string, unknown>[] = [{}];
  for (const field of type.fieldsArray) {
    const values = fill(field, text, service);
    // Every alternative of a field, and every member of a oneof, in a message of its own; the rest as in the first.
    const first = messages[0] ?? {};
    const inOneof = field.partOf !== null && field.partOf.fieldsArray.length > 1;
    const [head, ...others] = values.map((value) => ({ ...first, [field.name]: value }));
    if (inOneof && type.fieldsArray.indexOf(field) !== type.fieldsArray.findIndex((other) => other.partOf === field.partOf)) {
      const without = Object.fromEntries(Object.entries(first).filter(([name]) => type.fields[name]?.partOf !== field.partOf));
      messages.push(...values.map((value) => ({ ...without, [field.name]: value })));
    } else {
      messages = [...messages.map((message) => ({ ...message, [field.name]: (head ?? {})[field.name] })), ...others];
    }
  }
  return messages;
}

let positions = new Set<string>();
/** Messages that are left out. */
let skipped: ReadonlySet<string> = new Set();

/** The values that a field takes in turn: one, unless it is a single message that has alternatives. */
function fill(field: protobuf.Field, text: string, service: string): unknown[] {
  const { resolvedType } = field;
  if (resolvedType instanceof protobuf.Type) {
    const values = plant(resolvedType, text, service);
    if (resolvedType.name === 'Resource') {
      for (const value of values) (value['attributes'] as object[]).unshift({ key: 'service.name', value: { string_value: service } });
    }
    return field.repeated ? [values] : values;
  }
  const value = plainValue(field, text);
  return [field.repeated ? [value] : value];
}

function plainValue(field: protobuf.Field, text: string): unknown {
  if (field.resolvedType instanceof protobuf.Enum) return 1;
  switch (field.type) {
    case 'string':
      positions.add(`${field.parent?.name ?? ''}.${field.name}`);
      return text;
    case 'bytes':
      return Buffer.alloc(field.name === 'trace_id' ? 16 : 8, 7);
    case 'bool':
      return true;
    default:
      return field.name.endsWith('time_unix_nano') ? NOW : 1;
  }
}

/** Under keys that are allowed in either configuration, in a key that is allowed by its begin, and as a key. */
function attributes(text: string): Record<string, unknown>[] {
  const string = { string_value: text };
  const nested = { kvlist_value: { values: [{ key: 'inner', value: string }, { key: text, value: string }, { key: 'list', value: { array_value: { values: [string] } } }] } };
  return [
    { key: 'model', value: string },
    { key: 'prompt', value: string },
    { key: 'error.message', value: { bytes_value: Buffer.from(text) } },
    { key: 'exception.message', value: { array_value: { values: [string, { int_value: 7 }, nested] } } },
    { key: 'code.function.name', value: nested },
    { key: text, value: string },
    { key: `agentshield.${text}`, value: string },
  ];
}

const request = (signal: Signal, text: string, service: string): Buffer => {
  const type = requestType(root, signal);
  return Buffer.from(type.encode(type.fromObject(plant(type, text, service)[0] ?? {})).finish());
};

describe.skipIf(!hasGo()).each([
  { configuration: 'our configuration', config: COLLECTOR_CONFIG, own: true },
  { configuration: 'the configuration for the official image', config: STOCK_COLLECTOR_CONFIG, own: false },
])(`$configuration ${hasGo() ? '' : '(NOT RUN: no Go)'}`, ({ config, own }) => {
  let under: CollectorUnderTest;

  beforeAll(async () => {
    under = await startCollectorUnderTest({ config });
  }, 900_000);
  afterAll(() => under.close());

  it('keeps no secret of any kind that was planted in any string that OTLP defines, in no byte anywhere', async () => {
    positions = new Set();
    // No stock component reaches the names by which a resource says what it is; no table has them, but the queue does.
    skipped = new Set(own ? [] : ['EntityRef']);
    const headers = { ...TENANT, [HEADER_CONTENT]: 'keep' };
    // First with the store down, so that everything lies in the queue; then it lands.
    await under.stopStore();
    for (const { kind, secret } of SECRETS) {
      for (const signal of SIGNALS) expect(await under.post(signal, request(signal, `before ${secret} after`, `canary ${kind}`), headers), `${kind} in ${signal}`).toBe(200);
    }
    // What the definition has today; a new field makes this number grow and is planted all the same.
    expect(positions.size).toBeGreaterThanOrEqual(own ? 21 : 17);
    const found: string[] = [];
    const search = (where: string, bytes: Buffer): void => {
      for (const { kind, secret } of SECRETS) {
        const at = secret.length < MIN ? -1 : bytes.indexOf(secret);
        // What stands before it tells the field.
        if (at >= 0) found.push(`${kind} in ${where} after ${JSON.stringify(bytes.subarray(Math.max(0, at - 60), at).toString('latin1'))}`);
      }
    };
    for (const { path, bytes } of filesBelow(under.queue)) search(path, bytes);
    expect(found).toEqual([]);

    await under.startStore();
    for (const table of LANDING_TABLES) {
      await expect.poll(() => under.select(`SELECT uniqExact(ServiceName) AS kinds FROM ${table}`), { timeout: 60_000, interval: 200 }).toEqual([{ kinds: SECRETS.length }]);
      const rows = await under.select(`SELECT * FROM ${table}`);
      // The store's files are compressed, so the rows are searched as text too, and bytes values decoded.
      const text = JSON.stringify(rows);
      search(table, Buffer.from(text.replaceAll('\\"', '"').replaceAll('\\\\', '\\').replaceAll('\\n', '\n')));
      if (own) for (const [base64] of text.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)) search(`${table}, bytes`, Buffer.from(base64, 'base64'));
    }
    for (const { path, bytes } of filesBelow(under.dataDir)) search(path, bytes);
    search('the logs', Buffer.from(under.lines.join('\n')));
    expect([...new Set(found)]).toEqual([]);
  }, 180_000);

  it('says by kind how many it masked, as data', async () => {
    const [row] = await under.select("SELECT SpanAttributes AS own FROM otel_traces WHERE ServiceName = 'canary github-token'");
    const counts = row?.['own'] as Record<string, string>;
    if (own) expect(Number(counts['shieldwatch.redaction.masked.github-token'])).toBeGreaterThanOrEqual(17);
    else expect(Number(counts['redaction.masked.count'])).toBeGreaterThanOrEqual(4);
  });

  it('drops content unless the organisation keeps it', async () => {
    const body = (service: string): Buffer => request('traces', 'a plain prompt', service);
    expect(await under.post('traces', body('content dropped'))).toBe(200);
    expect(await under.post('traces', body('content kept'), { ...TENANT, [HEADER_CONTENT]: 'keep' })).toBe(200);
    const [dropped] = await under.landed('otel_traces', 'content dropped');
    const [kept] = await under.landed('otel_traces', 'content kept');
    expect(dropped?.['SpanAttributes']).not.toHaveProperty('prompt');
    expect(kept?.['SpanAttributes']).toHaveProperty('prompt', 'a plain prompt');
    if (own) expect(dropped?.['SpanAttributes']).toHaveProperty(['shieldwatch.redaction.dropped.content']);
  });
});

/** How a secret may look that nobody wrote in clear, and how many kinds are missed: numbers that may only go down. */
const FORMS: readonly { readonly form: string; readonly missed: number; readonly encode: (text: string) => string }[] = [
  { form: 'JSON in JSON', missed: 0, encode: (text) => JSON.stringify(JSON.stringify({ text })) },
  { form: 'URL-encoded', missed: 0, encode: encodeURIComponent },
  { form: 'base64', missed: 0, encode: (text) => Buffer.from(text).toString('base64') },
  { form: 'hexadecimal', missed: 0, encode: (text) => Buffer.from(text).toString('hex') },
  { form: 'split by a line break', missed: 0, encode: (text) => `${text.slice(0, text.length / 2)}\n${text.slice(text.length / 2)}` },
];

describe('encoded secrets', () => {
  it.each(FORMS)('$form: missed in no more than $missed kinds', ({ form, missed, encode }) => {
    const kinds = SECRETS.filter(({ secret }) => {
      const encoded = encode(secret);
      return redactText(`before ${encoded} after`).includes(encoded);
    }).map(({ kind }) => kind);
    expect(kinds.length, `${form}: ${kinds.join(', ')}`).toBeLessThanOrEqual(missed);
  });
});
