import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { createTurns } from '../limits/turns.js';
import { exposition, type Family } from './exposition.js';

/** Text of one organisation or repository. */
export interface Page {
  text: Buffer;
  compressed: Buffer;
  samples: number;
}

/** A page is used for so many times the seconds that reading it took: reading costs at most a twentieth of a core. */
const REST = 20;
/** Bounds of that time in milliseconds. The upper one is the interval at which alert rules are evaluated. */
const SHORTEST_MS = 5_000;
const LONGEST_MS = 60_000;
/** Pages that are read at a time, of all organisations. */
const AT_ONCE = 2;
/** Bytes of all pages that are kept. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Keeps pages for a short time, so that many scrapers cost no more than one. */
export interface PageCache {
  /** Returns the page, read by `collect` unless a recent one is kept or being read. A failure is not kept. */
  page(key: { orgId: string; repository: string | null }, collect: () => Promise<Family[]>): Promise<Page>;
}

export function createPageCache(): PageCache {
  const kept = new Map<string, { until: number; page: Page }>();
  const reading = new Map<string, Promise<Page>>();
  const inTurn = createTurns(AT_ONCE);

  async function read(key: string, orgId: string, collect: () => Promise<Family[]>): Promise<Page> {
    const { page, tookMs } = await inTurn(orgId, async () => {
      const started = performance.now();
      const families = await collect();
      const text = Buffer.from(exposition(families));
      const compressed = await promisify(gzip)(text);
      const samples = families.reduce((sum, family) => sum + family.samples.length, 0);
      return { page: { text, compressed, samples }, tookMs: performance.now() - started };
    });
    kept.delete(key);
    kept.set(key, {
      until: performance.now() + Math.min(LONGEST_MS, Math.max(SHORTEST_MS, REST * tookMs)),
      page,
    });
    evict();
    return page;
  }

  /** Removes the oldest pages beyond the limit. */
  function evict(): void {
    let bytes = 0;
    for (const [key, { page }] of [...kept].reverse()) {
      bytes += page.text.length + page.compressed.length;
      if (bytes > MAX_BYTES) kept.delete(key);
    }
  }

  return {
    async page({ orgId, repository }, collect) {
      const key = JSON.stringify([orgId, repository]);
      const known = kept.get(key);
      if (known !== undefined && performance.now() < known.until) return known.page;
      const current = reading.get(key) ?? read(key, orgId, collect).finally(() => reading.delete(key));
      reading.set(key, current);
      return current;
    },
  };
}
