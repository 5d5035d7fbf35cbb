import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '#schemas/testing/clickhouse.js';
import { playLedger } from './testing/ledger/play.js';

/** A new seed each day, equal on all machines. */
const SEED = Math.floor(Date.now() / 86_400_000);

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
});
afterAll(() => db.drop());

describe('the ledger of tool calls', () => {
  it('equals a naive reading of all facts after 10,000 calls of repeated, late, reordered, missing and deleted halves, and crashes', async () => {
    const { calls, outcomes, differences, crashes } = await playLedger({
      clickhouse: db.client,
      calls: 10_000,
      seed: SEED,
    });
    process.stdout.write(`${calls} calls, ${crashes} crashes: ${JSON.stringify(outcomes)}\n`);
    expect(differences).toEqual({ count: 0, some: [] });
    expect(calls).toBeGreaterThan(8_000);
  }, 120_000);
});
