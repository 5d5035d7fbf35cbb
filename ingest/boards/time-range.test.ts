import { describe, expect, it } from 'vitest';
import { bucketWidth } from './interval.js';
import { parseDuration, parseTimeRange } from './time-range.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const HOUR = 3_600_000;

describe('parseTimeRange', () => {
  it('reads what Grafana writes', () => {
    expect(parseTimeRange('now-6h', 'now', NOW)).toEqual({ from: NOW - 6 * HOUR, to: NOW });
    expect(parseTimeRange('now-7d', 'now-1d', NOW)).toEqual({ from: NOW - 168 * HOUR, to: NOW - 24 * HOUR });
    expect(parseTimeRange('1700000000000', '1700000060000', NOW)).toEqual({ from: 1_700_000_000_000, to: 1_700_000_060_000 });
    expect(parseTimeRange(undefined, undefined, NOW)).toEqual({ from: NOW - 6 * HOUR, to: NOW });
  });

  it.each([
    ['yesterday', 'now', 'from'],
    ['now-6h', 'tomorrow', 'to'],
    ['now', 'now-6h', 'from'],
    ['now-999999w', 'now', 'from'],
    ['now-800d', 'now', 'from'],
    ['-1', 'now', 'from'],
    ['99999999999999', 'now', 'from'],
    [['now-1h', 'now-2h'], 'now', 'from'],
    ["0'; --", 'now', 'from'],
    ['', 'now', 'from'],
  ])('refuses %j to %j by name', (from, to, field) => {
    expect(() => parseTimeRange(from, to, NOW)).toThrow(expect.objectContaining({ code: 'query_invalid', detail: expect.objectContaining({ field }) as unknown }));
  });
});

describe('bucketWidth', () => {
  it.each([
    [6 * HOUR, 1_000, 0, 20_000],
    [6 * HOUR, 120, 60_000, 120_000],
    [HOUR, 120, 60_000, 60_000],
    [24 * HOUR, 1_000, 0, 60_000],
    [720 * HOUR, 120, 60_000, 21_600_000],
  ])('of %d ms in %d points is what Grafana takes', (span, points, least, expected) => {
    expect(bucketWidth({ from: 0, to: span }, points, least)).toBe(expected);
  });
});

describe('parseDuration', () => {
  it('reads one number and one unit', () => {
    expect(parseDuration('1m')).toBe(60_000);
    expect(parseDuration('2w')).toBe(14 * 24 * HOUR);
    expect(parseDuration('1m30s')).toBeUndefined();
    expect(parseDuration('')).toBeUndefined();
  });
});
