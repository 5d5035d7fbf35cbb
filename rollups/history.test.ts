import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '#schemas/clickhouse/testing.js';
import { history, turns } from './history/generate.js';
import { differences } from './history/oracle.js';
import { play, prepareStage } from './history/play.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await freshDatabase(inject('clickhouseUrl'));
  await prepareStage(db.client);
});
afterAll(() => db.drop());

describe('try', () => {
  it('plays', async () => {
    const n = Number(process.env['N'] ?? 3);
    let newest = Date.now() - 20 * 86_400_000;
    for (let p = 0; p < Number(process.env['P'] ?? 1); p++) {
      const histories = fc.sample(history, { numRuns: n, seed: p });
      const [t] = fc.sample(turns, { numRuns: 1, seed: p });
      const started = performance.now();
      const played = await play({ clickhouse: db.client, name: `p${p}`, histories, turns: t ?? [], newest });
      const mid = performance.now();
      const d = await differences(db.client, `p${p}-`);
      console.log(played, 'play ms', mid - started, 'oracle ms', performance.now() - mid, t?.map((x) => x.pass + ' ' + x.order));
      expect(d).toEqual([]);
      newest = played.endedAt;
    }
  }, 600_000);
});
