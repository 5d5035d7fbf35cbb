import { describe, expect, it } from 'vitest';
import { PSEUDONYM_SECRET } from '#schemas/testing/redaction-personal.js';
import type { Caller } from '../auth/caller.js';
import { PROTOBUF_TYPE, JSON_TYPE } from '../request/content.js';
import { SIGNALS } from '../request/signal.js';
import { SAMPLES, toProtobuf } from '../testing/otlp-samples.js';
import { toInserts } from './otlp-work.js';

const CALLER: Caller = {
  orgId: 'org_1',
  tokenId: 'tok_1',
  actor: 'token:tok_1',
  role: 'member',
  scopes: [],
  repository: null,
  retentionDays: 30,
  keepContent: true,
};
const SETTINGS = { allowedKeys: ['*'], pseudonymKey: PSEUDONYM_SECRET };

/** 40 people, with 4 spellings of each address. */
const PEOPLE = Array.from({ length: 40 }, (_, n) => ({
  local: `person${String(n)}.planted`,
  domain: n % 2 === 0 ? 'corp.example' : 'mail.corp.example',
}));
const FORMS: readonly ((local: string, domain: string) => string)[] = [
  (local, domain) => `${local}@${domain}`,
  (local, domain) => `Name <${local.toUpperCase()}@${domain}>`,
  (local, domain) => `https://x.test/?to=${local}%40${domain}&a=b`,
  (local, domain) => JSON.stringify(JSON.stringify({ mail: `mailto:${local}+tag@${domain}` })),
];

/** Returns the sample with `text` in place of every string that a client chooses; field names, ids and numbers stay. */
function planted(value: unknown, text: string, key = ''): unknown {
  if (Array.isArray(value)) return value.map((each) => planted(each, text, key));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, planted(each, text, name)]));
  if (
    typeof value !== 'string' ||
    /Id$|Nano$|^(?:asInt|intValue|count|bucketCounts|doubleValue|traceId|spanId)$/.test(key) ||
    /^(?:-?\d+|NaN|-?Infinity)$/.test(value)
  )
    return value;
  return key === 'bytesValue'
    ? Buffer.from(text).toString('base64')
    : key === 'key' && value === 'service.name'
      ? value
      : text;
}

const stored = (
  signal: (typeof SIGNALS)[number],
  text: string,
  caller: Caller,
  type: typeof JSON_TYPE | typeof PROTOBUF_TYPE,
): string => {
  const body = planted(SAMPLES[signal], text) as object;
  const bytes = type === JSON_TYPE ? Buffer.from(JSON.stringify(body)) : toProtobuf(signal, body);
  const rows = (toInserts({ kind: 'inserts', signal, type, body: bytes, caller, settings: SETTINGS }) ?? []).flatMap(
    ({ pieces }) => pieces.map((piece) => Buffer.from(piece).toString()),
  );
  const plain = rows.join('\n');
  return (
    plain +
    [...plain.matchAll(/[A-Za-z0-9+/]{16,}={0,2}/g)]
      .map(([base64]) => Buffer.from(base64, 'base64').toString('latin1'))
      .join('\n')
  );
};

describe.each([JSON_TYPE, PROTOBUF_TYPE] as const)("the gateway's own landing of %s", (type) => {
  it.each(SIGNALS)(
    'stores none of 160 addresses planted in every string of %s, and one pseudonym per person',
    (signal) => {
      const found: string[] = [];
      const pseudonyms = new Map<string, Set<string>>();
      for (const { local, domain } of PEOPLE) {
        for (const form of FORMS) {
          const text = stored(signal, form(local, domain), CALLER, type);
          if (text.toLowerCase().includes(local)) found.push(form(local, domain));
          const own = pseudonyms.get(local) ?? new Set();
          for (const [pseudonym] of text.matchAll(/\[REDACTED:email:[0-9a-f]{16}\]/g)) own.add(pseudonym);
          pseudonyms.set(local, own);
        }
      }
      expect(found).toEqual([]);
      expect([...pseudonyms.values()].map((own) => own.size)).toEqual(PEOPLE.map(() => 1));
      expect(new Set([...pseudonyms.values()].flatMap((own) => [...own])).size).toBe(PEOPLE.length);
    },
  );

  it.each(SIGNALS)('keeps addresses of %s where the organisation does', (signal) => {
    const text = stored(signal, 'person0.planted@corp.example', { ...CALLER, keepIdentities: true }, type);
    expect(text).toContain('person0.planted@corp.example');
    expect(text).not.toContain('[REDACTED:email');
  });
});

it('masks addresses where there is no secret to make pseudonyms from', () => {
  const rows =
    toInserts({
      kind: 'inserts',
      signal: 'logs',
      type: JSON_TYPE,
      body: Buffer.from(JSON.stringify(planted(SAMPLES.logs, 'person0.planted@corp.example'))),
      caller: CALLER,
      settings: { allowedKeys: ['*'] },
    }) ?? [];
  const text = rows.flatMap(({ pieces }) => pieces.map((piece) => Buffer.from(piece).toString())).join('\n');
  expect(text).toContain('[REDACTED:email]');
  expect(text).not.toContain('planted');
});

it('counts as many users by user.email as there are addresses, and replaces login names by key', () => {
  const emails = ['a@corp.example', 'b@corp.example', 'A@corp.example', 'b+x@corp.example', 'c@corp.example'];
  const body = {
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'process.owner', value: { stringValue: 'alice.planted' } }] },
        scopeLogs: [
          {
            logRecords: emails.map((email) => ({
              timeUnixNano: '1764000000000000000',
              attributes: [
                { key: 'user.email', value: { stringValue: email } },
                { key: 'user.name', value: { stringValue: 'alice.planted' } },
              ],
            })),
          },
        ],
      },
    ],
  };
  const text = (
    toInserts({
      kind: 'inserts',
      signal: 'logs',
      type: JSON_TYPE,
      body: Buffer.from(JSON.stringify(body)),
      caller: CALLER,
      settings: SETTINGS,
    }) ?? []
  )
    .flatMap(({ pieces }) => pieces.map((piece) => Buffer.from(piece).toString()))
    .join('\n');
  expect(new Set(text.match(/\[REDACTED:email:[0-9a-f]{16}\]/g)).size).toBe(3);
  expect(new Set(text.match(/\[REDACTED:login:[0-9a-f]{16}\]/g)).size).toBe(1);
  expect(text).not.toContain('planted');
});
