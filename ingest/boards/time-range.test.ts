import { describe, expect, it } from 'vitest';
import { bucketWidth } from './interval.js';
import { parseDuration, parseTimeRange } from './time-range.js';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const HOUR = 3_600_000;

describe('parseTimeRange', () => {
  it('reads what Grafana writes', () => {
    expect(parseTimeRange('now-6h', 'now', NOW)).toEqual({ from: NOW - 6 * HOUR, to: NOW });
    expect(parseTimeRange('now-7d', 'now-1d', NOW)).toEqual({ from: NOW - 168 * HOUR, to: NOW - 24 * HOUR });
    expect(parseTimeRange('1700000000000', '1700000060000', NOW)).toEqual({
      from: 1_700_000_000_000,
      to: 1_700_000_060_000,
    });
    expect(parseTimeRange(undefined, undefined, NOW)).toEqual({ from: NOW - 6 * HOUR, to: NOW });
  });

  it.each([
    ['now/d', 'now/d', '2026-06-01T00:00:00.000Z', '2026-06-01T23:59:59.999Z'],
    ['now-1d/d', 'now-1d/d', '2026-05-31T00:00:00.000Z', '2026-05-31T23:59:59.999Z'],
    ['now-1w/w', 'now/w', '2026-05-25T00:00:00.000Z', '2026-06-07T23:59:59.999Z'],
    ['now-3M', 'now', '2026-03-01T12:00:00.000Z', '2026-06-01T12:00:00.000Z'],
    ['now-1d-1M', 'now/M', '2026-04-30T12:00:00.000Z', '2026-06-30T23:59:59.999Z'],
    ['now/Q', 'now/h', '2026-04-01T00:00:00.000Z', '2026-06-01T12:59:59.999Z'],
    ['now-1y/y', 'now-1y/y', '2025-01-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z'],
    ['2026-05-01T10:00:00.000Z', '2026-05-02T10:00:00+02:00', '2026-05-01T10:00:00.000Z', '2026-05-02T08:00:00.000Z'],
    ['2026-05-01', '2026-05-01 10:30:00', '2026-05-01T00:00:00.000Z', '2026-05-01T10:30:00.000Z'],
  ])('reads %s to %s as Grafana does, in UTC', (from, to, start, end) => {
    expect(parseTimeRange(from, to, NOW)).toEqual({ from: Date.parse(start), to: Date.parse(end) });
  });

  it.each([
    ['now-1f', 'now', 'from'],
    ['now/', 'now', 'from'],
    ['2026-02-30T00:00', 'now', 'from'],
    ['2026-05-01T10:00', 'nowx', 'to'],
    [`now${'-1d'.repeat(100)}`, 'now', 'from'],
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
    expect(() => parseTimeRange(from, to, NOW)).toThrow(
      expect.objectContaining({ code: 'query_invalid', detail: expect.objectContaining({ field }) as unknown }),
    );
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
