import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPageCache } from './cache.js';
import { METRIC_NAMES } from './collect.js';
import { acceptsGzip, exposition, negotiate, OPEN_METRICS, PLAIN_TEXT, type Family } from './exposition.js';
import { labelOf } from './named-repositories.js';
import { SOURCES } from './sources.js';

describe('content negotiation', () => {
  it.each([
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      OPEN_METRICS,
    ],
    ['text/plain;version=0.0.4', PLAIN_TEXT],
    ['application/openmetrics-text; version=0.0.1', PLAIN_TEXT],
    ['application/openmetrics-text; version=1.0.0; q=0.1, text/plain; q=0.9', PLAIN_TEXT],
    ['application/openmetrics-text;q=0', PLAIN_TEXT],
    ['application/openmetrics-text;q=nine', PLAIN_TEXT],
    ['Application/OpenMetrics-Text', OPEN_METRICS],
    ['*/*', PLAIN_TEXT],
    [',;=,', PLAIN_TEXT],
    [undefined, PLAIN_TEXT],
  ])('answers Accept %j with %s', (accept, type) => {
    expect(negotiate(accept)).toBe(type);
  });

  it('compresses only for clients that accept gzip', () => {
    expect(['gzip', 'br, gzip;q=0.5', 'GZIP'].map(acceptsGzip)).toEqual([true, true, true]);
    expect(['gzip;q=0', 'br', '', undefined, 'gzipped'].map(acceptsGzip)).toEqual([false, false, false, false, false]);
  });
});

describe('the exposition', () => {
  it('has one line a sample for any text in labels, and no line of another kind', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
        const samples = texts.map((repository) => ({ labels: { repository: labelOf(repository) }, value: 1 }));
        const lines = exposition([{ name: 'shieldwatch_score', help: 'Score.', samples }]).split('\n');
        expect(lines.splice(0, 2)).toEqual(['# TYPE shieldwatch_score gauge', '# HELP shieldwatch_score Score.']);
        expect(lines.splice(-2)).toEqual(['# EOF', '']);
        expect(lines).toHaveLength(texts.length);
        // A label value: no quote or backslash that is not escaped, no control character.
        for (const line of lines)
          expect(line).toMatch(/^shieldwatch_score\{repository="(?:[^"\\\u0000-\u001f]|\\[\\"n])*"\} 1$/u);
      }),
    );
  });

  it('has names by the conventions of Prometheus, and texts that need no escaping', () => {
    for (const name of METRIC_NAMES) {
      expect(name).toMatch(/^shieldwatch_[a-z]+(_[a-z]+)*$/);
      // Nothing is monotonic: late facts, purges and merges lower counts, too.
      expect(name).not.toMatch(/_(total|count|sum|bucket|info|created)$/);
    }
    for (const { help } of SOURCES.flatMap(({ gauges }) => gauges)) expect(help).toMatch(/^[A-Z0-9][^"\\\n]*\.$/);
  });
});

describe('the page cache', () => {
  const family = (value: number): Family[] => [
    { name: 'shieldwatch_score', help: 'Score.', samples: [{ labels: {}, value }] },
  ];
  const whole = { orgId: 'org_a', repository: null };

  it('reads once for concurrent and repeated scrapes, and apart for each organisation and repository', async () => {
    const cache = createPageCache();
    let reads = 0;
    const read = (): Promise<Family[]> => {
      reads += 1;
      return Promise.resolve(family(reads));
    };
    const pages = await Promise.all(Array.from({ length: 10 }, () => cache.page(whole, read)));
    expect(new Set(pages.map(({ text }) => text.toString())).size).toBe(1);
    expect(await cache.page(whole, read)).toBe(pages[0]);
    expect(reads).toBe(1);
    await cache.page({ orgId: 'org_b', repository: null }, read);
    await cache.page({ orgId: 'org_a', repository: 'acme/app' }, read);
    expect(reads).toBe(3);
  });

  it('keeps no failure', async () => {
    const cache = createPageCache();
    await expect(cache.page(whole, () => Promise.reject(new Error('store down')))).rejects.toThrow('store down');
    expect((await cache.page(whole, () => Promise.resolve(family(1)))).samples).toBe(1);
  });
});
