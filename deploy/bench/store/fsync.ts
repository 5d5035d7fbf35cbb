import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio } from '../measure.js';
import { INSERT_SIZES, type InsertSizes } from './insert.js';
import { withServer } from './server.js';
import { generateSpans, jsonEachRow, SPAN_COLUMNS } from './spans.js';

/**
 * Measures rows/s with fsync of each part before its INSERT is acknowledged, over rows/s without: two copies of the
 * table on one server.
 */
export async function fsyncThroughput(report: BenchReport, sizes: InsertSizes = INSERT_SIZES): Promise<void> {
  const rows = generateSpans({
    count: sizes.rows * sizes.inserts,
    seed: 3,
    from: new Date(Date.now() - 7_200_000),
    hours: 1,
    organisations: 8,
  });
  const bodies = Array.from({ length: sizes.inserts }, (_, i) =>
    jsonEachRow(rows.slice(i * sizes.rows, (i + 1) * sizes.rows)),
  );
  await withServer(async (server) => {
    for (const [table, value] of [
      ['bench_synced', 1],
      ['bench_unsynced', 0],
    ] as const) {
      await server.run(`CREATE TABLE ${table} AS otel_traces`);
      await server.run(
        `ALTER TABLE ${table} MODIFY SETTING fsync_after_insert = ${value}, fsync_part_directory = ${value}`,
      );
    }
    const columns = SPAN_COLUMNS.map((name) => `\`${name}\``).join(', ');
    const insertAll = (table: string) => async (): Promise<number> => {
      const startedAt = performance.now();
      for (const body of bodies) await server.http.post(body, `INSERT INTO ${table} (${columns}) FORMAT JSONEachRow`);
      const ms = performance.now() - startedAt;
      await server.run(`TRUNCATE TABLE ${table}`);
      return ms;
    };
    const pairs = await alternate(sizes.repeats, insertAll('bench_unsynced'), insertAll('bench_synced'));
    report.figure({
      metric: 'insert_fsync_ratio',
      value: medianRatio(pairs),
      better: 'higher',
      floor: 0.6,
      goal: 0.85,
    });
    const perInsert = (values: number[]): string => (median(values) / sizes.inserts).toFixed(1);
    report.note(
      `an insert of ${sizes.rows} spans: ${perInsert(pairs.map(({ b }) => b))} ms with fsync, ${perInsert(pairs.map(({ a }) => a))} ms without`,
    );
  });
}
