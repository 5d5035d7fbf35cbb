import { mkdtempSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { appendToSpool } from './append.js';
import { checksum } from './checksum.js';
import { newEventId } from './event-id.js';
import { spoolLimits } from './limits.js';
import { decodeLine, encodeLine } from './line.js';
import { nextSegment, SEGMENT_PATTERN } from './location.js';
import { countLost, readLost, takeLost } from './lost.js';
import { writeOffsets } from './offsets.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'shieldwatch-segments-'));
});

const LIMITS = { total: 8000, segment: 1000 };
const DAY = '2026-11-24T08:00:00.000Z';
const segments = (): string[] =>
  readdirSync(folder)
    .filter((name) => SEGMENT_PATTERN.test(name))
    .sort();
const append = (eventId: string, timestamp = DAY): void => {
  appendToSpool(folder, { eventId, timestamp }, LIMITS);
};
const lines = (): string[] => segments().flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
const records = (): { eventId: string; dropped?: number }[] =>
  lines()
    .map((line) => decodeLine(line) as { eventId: string; dropped?: number })
    .filter((record) => (record as unknown) !== undefined);

describe('a line', () => {
  it('is JSON and round-trips', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.jsonValue(), (eventId, value) => {
        const line = encodeLine({ eventId, value });
        expect(line.endsWith('\n')).toBe(true);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(decodeLine(line.slice(0, -1))).toEqual(JSON.parse(JSON.stringify({ eventId, value })));
        expect(() => JSON.parse(line) as unknown).not.toThrow();
      }),
    );
  });

  it('has the checksum that zlib makes', () => {
    expect(checksum('123456789')).toBe('cbf43926');
    // Not in the oldest Nodes that are supported.
    if (typeof crc32 === 'function')
      fc.assert(
        fc.property(fc.string(), (text) => {
          expect(parseInt(checksum(text), 16)).toBe(crc32(text));
        }),
      );
  });

  it('is rejected when any character changed', () => {
    const line = encodeLine({ eventId: 'e', tool: 'Bash' }).slice(0, -1);
    fc.assert(
      fc.property(fc.nat(line.length - 1), fc.constantFrom('0', 'x', '"', '}'), (at, character) => {
        fc.pre(line[at] !== character);
        expect(decodeLine(line.slice(0, at) + character + line.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  it('is found behind a line torn at any position', () => {
    const [first, second] = [
      encodeLine({ eventId: 'first', reason: 'r' }).slice(0, -1),
      encodeLine({ eventId: 'second' }).slice(0, -1),
    ];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: first.length - 1 }), (length) => {
        expect(decodeLine(first.slice(0, length))).toBeUndefined();
        expect(decodeLine(first.slice(0, length) + second)).toEqual({ eventId: 'second' });
      }),
    );
  });
});

describe('segments', () => {
  it('rotate by size and by day, and sort in order of writing', () => {
    for (let index = 0; index < 40; index += 1) append(`e${String(index)}`);
    expect(segments().length).toBeGreaterThan(1);
    for (const name of segments()) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(LIMITS.segment);
    append('next-day', '2026-11-25T00:00:00.000Z');
    expect(segments().at(-1)).toBe('decisions-2026-11-25-000000.ndjson');
    append('clock-set-back');
    expect(records().map(({ eventId }) => eventId)).toEqual([
      ...Array.from({ length: 40 }, (_, index) => `e${String(index)}`),
      'next-day',
      'clock-set-back',
    ]);
    expect(statSync(join(folder, segments()[0] ?? '')).mode & 0o777).toBe(0o600);
  });

  it('stay under the cap: the oldest are deleted and their records counted', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 700 }), (count) => {
        folder = mkdtempSync(join(tmpdir(), 'shieldwatch-segments-'));
        for (let index = 0; index < count; index += 1) append(`e${String(index)}`);
        const bytes = segments().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
        expect(bytes).toBeLessThanOrEqual(LIMITS.total);
        const kept = records().filter(({ dropped }) => dropped === undefined);
        const dropped = records().reduce((sum, record) => sum + (record.dropped ?? 0), 0);
        expect(kept.length + dropped).toBe(count);
        // What is left is the newest, without a gap.
        expect(kept.map(({ eventId }) => eventId)).toEqual(
          Array.from({ length: kept.length }, (_, index) => `e${String(count - kept.length + index)}`),
        );
      }),
      { numRuns: 15 },
    );
  });

  it('count as dropped only records that were not shipped', async () => {
    for (let index = 0; index < 100; index += 1) append(`e${String(index)}`);
    const all = new Map(segments().map((name) => [name, statSync(join(folder, name)).size]));
    await writeOffsets(folder, all);
    for (let index = 100; index < 400; index += 1) append(`e${String(index)}`);
    const dropped = records().reduce((sum, record) => sum + (record.dropped ?? 0), 0);
    const kept = records().filter((record) => record.dropped === undefined).length;
    // Some of the first hundred share a segment with later ones, and are not counted either.
    expect(kept + dropped).toBeGreaterThanOrEqual(300);
    expect(kept + dropped).toBeLessThanOrEqual(300 + 10);
  });

  it('lose only the torn line, wherever a writer was killed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (cut) => {
        folder = mkdtempSync(join(tmpdir(), 'shieldwatch-segments-'));
        append('a');
        append('b');
        const path = join(folder, segments()[0] ?? '');
        const whole = statSync(path).size;
        truncateSync(path, whole - Math.min(cut, whole / 2 - 1));
        append('c');
        expect(records().map(({ eventId }) => eventId)).toEqual(['a', 'c']);
      }),
    );
  });

  it('accept lines of many processes at once', async () => {
    const script = `import { appendToSpool } from ${JSON.stringify(new URL('../../dist/exporters/spool/append.js', import.meta.url).href)};
      for (let i = 0; i < 200; i += 1) appendToSpool(${JSON.stringify(folder)}, { eventId: process.argv[1] + '-' + i, timestamp: new Date().toISOString(), fill: 'x'.repeat(i) }, { total: 10_000_000, segment: 20_000 });`;
    await Promise.all(
      Array.from(
        { length: 6 },
        (_, index) =>
          new Promise<void>((resolve, reject) => {
            const child = spawn(process.execPath, ['--input-type=module', '-e', script, `p${String(index)}`], {
              stdio: ['ignore', 'ignore', 'inherit'],
            });
            child.once('close', (code) => {
              if (code === 0) resolve();
              else reject(new Error(`exit code ${String(code)}`));
            });
          }),
      ),
    );
    expect(new Set(records().map(({ eventId }) => eventId)).size).toBe(1200);
    expect(segments().length).toBeGreaterThan(5);
  });
});

describe('what cannot be written', () => {
  it('is counted in a file that exists beforehand', () => {
    append('a');
    countLost(folder);
    countLost(folder, 2);
    expect(readLost(folder)).toBe(3);
    expect(takeLost(folder)).toBe(3);
    expect(takeLost(folder)).toBe(0);
    // A record too long for a line, e.g.
    expect(() => {
      append('x'.repeat(5000));
    }).toThrow(/spool line of/);
    expect(readLost(folder)).toBe(1);
    writeFileSync(join(folder, 'lost'), 'nonsense');
    expect(readLost(folder)).toBe(0);
  });

  it('is ignored when the spool folder does not exist', () => {
    expect(takeLost(join(folder, 'missing'))).toBe(0);
    expect(() => {
      countLost(join(folder, 'missing'));
    }).not.toThrow();
  });
});

it('event ids are unique, in the shape of a UUID, and sort by time', () => {
  const ids = Array.from({ length: 10_000 }, newEventId);
  expect(new Set(ids).size).toBe(10_000);
  expect(ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/.test(id))).toBe(true);
  const times = ids.map((id) => parseInt(id.slice(0, 13).replace('-', ''), 16));
  expect(times).toEqual([...times].sort((a, b) => a - b));
});

it('limits are read from the environment; an invalid value means the default', () => {
  const megabyte = 1024 * 1024;
  expect(spoolLimits({})).toEqual({ total: 64 * megabyte, segment: 4 * megabyte });
  expect(spoolLimits({ SHIELDWATCH_SPOOL_MAX_MB: '8' })).toEqual({ total: 8 * megabyte, segment: megabyte });
  for (const nonsense of ['-1', 'x', '0', ''])
    expect(spoolLimits({ SHIELDWATCH_SPOOL_MAX_MB: nonsense }).total).toBe(64 * megabyte);
});

it('a segment’s name follows the last one', () => {
  expect(nextSegment(DAY, undefined)).toBe('decisions-2026-11-24-000000.ndjson');
  expect(nextSegment(DAY, 'decisions-2026-11-24-000041.ndjson')).toBe('decisions-2026-11-24-000042.ndjson');
  expect(nextSegment(DAY, 'decisions-2026-12-01-000003.ndjson')).toBe('decisions-2026-12-01-000004.ndjson');
  expect(nextSegment(DAY, 'decisions-2026-11-23-000003.ndjson')).toBe('decisions-2026-11-24-000000.ndjson');
});
