import type { BenchReport } from '../figure.js';
import { alternate, quantile } from '../measure.js';
import { withServerAndDirect } from './server.js';

/** Measures what the HTTP path adds to a SELECT of one stored row: milliseconds at p50 and p95. */
export async function selectLatency(report: BenchReport, repeats = 1_000): Promise<void> {
  await withServerAndDirect(async (server, direct) => {
    for (const sql of [
      'CREATE TABLE bench_one (n UInt64) ENGINE = MergeTree ORDER BY n',
      'INSERT INTO bench_one VALUES (1)',
    ]) {
      await server.run(sql);
      await direct.run(sql);
    }
    const query = 'SELECT n FROM bench_one';
    const http = async (): Promise<number> => {
      const startedAt = performance.now();
      await server.run(query);
      return performance.now() - startedAt;
    };
    const pairs = await alternate(repeats, http, () => direct.run(query));
    for (const [name, share] of [
      ['p50', 0.5],
      ['p95', 0.95],
    ] as const) {
      const through = quantile(
        pairs.map(({ a }) => a),
        share,
      );
      const directly = quantile(
        pairs.map(({ b }) => b),
        share,
      );
      report.figure({
        metric: `select_http_minus_direct_${name}_ms`,
        value: through - directly,
        better: 'lower',
        floor: 3,
        goal: 1,
      });
      report.note(`${name}: ${through.toFixed(2)} ms through HTTP, ${directly.toFixed(2)} ms directly`);
    }
  });
}
