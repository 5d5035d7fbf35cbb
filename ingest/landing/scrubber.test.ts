import { describe, expect, it } from 'vitest';
import type { AnyValue } from './otlp.js';
import { Scrubber, Tally, type ScrubberSettings } from './scrubber.js';

const list = (...values: AnyValue[]): AnyValue => ({ arrayValue: { values } });

/** Right-hand sides: what the real collector v0.161.0 stored for the same values. */
const CASES: [AnyValue, string][] = [
  [{ doubleValue: Number.POSITIVE_INFINITY }, 'Infinity'],
  [{ doubleValue: Number.NaN }, 'NaN'],
  [{ doubleValue: -0 }, '-0'],
  [{ doubleValue: 1e21 }, '1e+21'],
  [{ doubleValue: 123456789012345680000 }, '123456789012345680000'],
  [{ doubleValue: 1e-7 }, '1e-7'],
  [{ doubleValue: 0.000001 }, '0.000001'],
  [list({ doubleValue: Number.NaN }), ''],
  [list({ doubleValue: 1 }, { doubleValue: 1e21 }, { doubleValue: 1e-7 }), '[1,1e+21,1e-7]'],
  [list({ stringValue: 'a\u2028b\u2029c&<>' }), '["a\\u2028b\\u2029c&<>"]'],
  [list({ stringValue: '\u0001\b\f\n\r\t"\\/' }), '["\\u0001\\b\\f\\n\\r\\t\\"\\\\/"]'],
  [list({ bytesValue: Buffer.from([0, 255, 1]) }), '["AP8B"]'],
  [
    list(list({ boolValue: true }), {
      kvlistValue: {
        values: [
          { key: 'b', value: {} },
          { key: 'a', value: { stringValue: 'é' } },
        ],
      },
    }),
    '[[true],{"a":"é","b":null}]',
  ],
  [list(), '[]'],
  [{ kvlistValue: { values: [] } }, '{}'],
  [{}, ''],
];

const KEPT = { keepContent: true, allowedKeys: ['acme.*'] };
const DROPPED = { keepContent: false, allowedKeys: ['acme.*'] };
const attribute = (key: string, stringValue = 'v') => ({ key, value: { stringValue } });
/** Returns attributes as stored, with their counts. */
const stored = (settings: ScrubberSettings, ...list: { key: string; value: AnyValue }[]): Record<string, string> => {
  const tally = new Tally();
  return Object.fromEntries(tally.writeTo(new Scrubber(settings).attributes(list, tally)));
};

describe('attribute values', () => {
  it.each(CASES)('%j are stored as the collector stores them', (value, text) => {
    expect(new Scrubber(DROPPED).value(value, new Tally())).toBe(text);
  });

  it('of one name twice count as the first, which is the one that ClickHouse reads', () => {
    expect(stored(DROPPED, attribute('model', 'first'), attribute('model', 'last'))).toEqual({ model: 'first' });
  });

  it('are masked whole under the name of a password, and where they look like a token under the name of one', () => {
    const value = {
      kvlistValue: { values: [attribute('db_password', 'a whole sentence'), attribute('password', 'short')] },
    };
    expect(
      stored(
        DROPPED,
        { key: 'acme.config', value },
        attribute('acme.token', 'Zk8mQv4' + 'Rt2LxQw7n'),
        attribute('acme.tokens', 'a whole sentence'),
      ),
    ).toEqual({
      'acme.config': '{"db_password":"[REDACTED:assigned-secret]","password":"short"}',
      'acme.token': '[REDACTED:assigned-secret]',
      'acme.tokens': 'a whole sentence',
      'shieldwatch.redaction.masked.assigned-secret': '2',
    });
  });
});

describe('a list or a map', () => {
  const SECRET = ['Zk8mQv4', 'Rt2Lx'].join('');
  const text = (stringValue: string): AnyValue => ({ stringValue });

  it('loses a secret that shows only in the whole: an option and its value, a name and its value', () => {
    const env = {
      kvlistValue: {
        values: [
          { key: 'name', value: text('DB_PASSWORD') },
          { key: 'value', value: text(SECRET) },
        ],
      },
    };
    for (const value of [
      list(text('sshpass'), text('-p'), text(SECRET)),
      list(text('--password'), text(SECRET)),
      list(text('mysql'), text(`-p${SECRET}`)),
      list(text('curl'), text('-u'), text(`bob:${SECRET}`)),
      env,
      list(env),
    ]) {
      const found = stored(KEPT, { key: 'acme.args', value });
      expect(Object.keys(found)).toHaveLength(2);
      expect(JSON.stringify(found)).not.toContain(SECRET);
    }
    expect(stored(KEPT, { key: 'acme.args', value: list(text('ls'), text('-la'), text('src')) })).toEqual({
      'acme.args': '["ls","-la","src"]',
    });
  });

  it('loses numbers and bytes under the name of a password', () => {
    const value = {
      kvlistValue: {
        values: [
          { key: 'password', value: { intValue: 48_151_623n } },
          { key: 'db_password', value: { bytesValue: Buffer.from(SECRET) } },
          { key: 'tokens', value: { intValue: 48_151_623n } },
        ],
      },
    };
    expect(stored(DROPPED, { key: 'acme.config', value })).toMatchObject({
      'acme.config':
        '{"db_password":"[REDACTED:assigned-secret]","password":"[REDACTED:assigned-secret]","tokens":48151623}',
    });
  });
});

describe('attribute keys', () => {
  it('are kept when they are listed or allowed by their prefix, else dropped and counted', () => {
    expect(
      stored(
        DROPPED,
        attribute('service.name'),
        attribute('acme.team'),
        attribute('agentshield.scan.new'),
        attribute('mine'),
        attribute('acme'),
      ),
    ).toEqual({
      'service.name': 'v',
      'acme.team': 'v',
      'agentshield.scan.new': 'v',
      'shieldwatch.redaction.dropped.attributes': '2',
    });
  });

  it('that only our pipeline sets are never accepted from clients', () => {
    expect(
      stored(DROPPED, attribute('shieldwatch.tenant.org_id'), attribute('shieldwatch.redaction.masked.jwt')),
    ).toEqual({});
  });

  it('of content are kept where the organisation keeps content, without secrets', () => {
    const content = [
      attribute('gen_ai.input.messages', 'ghp' + '_FAKE0000fake0000'),
      attribute('gen_ai.prompt.0.content'),
      attribute('tool_input'),
    ];
    expect(stored(DROPPED, ...content)).toEqual({ 'shieldwatch.redaction.dropped.content': '3' });
    expect(stored(KEPT, ...content)).toEqual({
      'gen_ai.input.messages': '[REDACTED:github-token]',
      'gen_ai.prompt.0.content': 'v',
      tool_input: 'v',
      'shieldwatch.redaction.masked.github-token': '1',
    });
  });
});
