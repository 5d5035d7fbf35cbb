import { describe, expect, it } from 'vitest';
import type { AnyValue } from './otlp.js';
import { Scrubber } from './scrubber.js';

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
  [list(list({ boolValue: true }), { kvlistValue: { values: [{ key: 'b', value: {} }, { key: 'a', value: { stringValue: 'é' } }] } }), '[[true],{"a":"é","b":null}]'],
  [list(), '[]'],
  [{ kvlistValue: { values: [] } }, '{}'],
  [{}, ''],
];

describe('attribute values', () => {
  it.each(CASES)('%j are stored as the collector stores them', (value, text) => {
    expect(new Scrubber().value(value)).toBe(text);
  });

  it('of one name twice count as the first, which is the one that ClickHouse reads', () => {
    const twice = ['first', 'last'].map((stringValue) => ({ key: 'k', value: { stringValue } }));
    expect(new Scrubber().attributes(twice)).toEqual(new Map([['k', 'first']]));
  });
});
