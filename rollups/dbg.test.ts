import fc from 'fast-check';
import { it, inject } from 'vitest';
import { freshDatabase } from '#schemas/clickhouse/testing.js';
import { history, turns } from './history/generate.js';
import { play, prepareStage } from './history/play.js';
it('dbg', async () => {
  const db = await freshDatabase(inject('clickhouseUrl'));
  await prepareStage(db.client);
  const t = new Map<string, { n: number; ms: number }>();
  const wrap = (f: any) => async (p: any) => { const s = performance.now(); const r = await f.call(db.client, p); const q = String(p.query ?? p.table); const k = q.match(/FROM \((-- .{30})/)?.[1] ?? q.slice(0, 60).replace(/\n/g,' '); const e = t.get(k) ?? { n: 0, ms: 0 }; e.n++; e.ms += performance.now() - s; t.set(k, e); return r; };
  const client = new Proxy(db.client, { get: (o: any, k) => (['query', 'command', 'insert'].includes(String(k)) ? wrap(o[k]) : o[k]) });
  const histories = fc.sample(history, { numRuns: Number(process.env['N'] ?? 3), seed: 1 });
  const [tt] = fc.sample(turns, { numRuns: 1, seed: 0 });
  const s = performance.now();
  await play({ clickhouse: client, name: 'x', histories, turns: tt ?? [], newest: Date.now() - 20 * 86400000 });
  console.log('total', performance.now() - s);
  console.table([...t].map(([k, e]) => ({ k: k.slice(0, 55), n: e.n, ms: Math.round(e.ms), avg: Math.round(e.ms / e.n) })).sort((a, b) => b.ms - a.ms));
  await db.drop();
}, 600000);
