import type { BenchReport } from '../figure.js';
import { defaultTracesTable } from './default-schema.js';
import { withServer, type BenchServer } from './server.js';
import { generateSpans, jsonEachRow, SPAN_COLUMNS } from './spans.js';

const BATCH = 10_000;

/** Measures the bytes per span on disk, ours over the exporter's default schema: the same inserts, all merged. */
export async function bytesPerSpan(report: BenchReport, spans = 200_000): Promise<void> {
  // A past day, so that each table has its spans in one partition.
  const midnight = new Date(new Date().setUTCHours(0, 0, 0, 0) - 86_400_000);
  const rows = generateSpans({ count: spans, seed: 2, from: midnight, hours: 22, organisations: 8 });
  await withServer(async (server) => {
    await server.run('CREATE TABLE bench_ours AS otel_traces');
    await server.run(defaultTracesTable('bench_default'));
    for (let from = 0; from < rows.length; from += BATCH) {
      const body = jsonEachRow(rows.slice(from, from + BATCH));
      for (const table of ['bench_ours', 'bench_default']) {
        await server.http.post(
          body,
          `INSERT INTO ${table} (${SPAN_COLUMNS.map((name) => `\`${name}\``).join(', ')}) FORMAT JSONEachRow`,
        );
      }
    }
    const ours = await mergedBytes(server, 'bench_ours', rows.length);
    const rival = await mergedBytes(server, 'bench_default', rows.length);
    report.figure({ metric: 'bytes_per_span_ratio', value: ours / rival, better: 'lower', floor: 1.1, goal: 0.7 });
    report.note(
      `${rows.length} spans: ours ${ours.toFixed(1)} B a span, the exporter's default schema ${rival.toFixed(1)} B`,
    );
  });
}

async function mergedBytes(server: BenchServer, table: string, rows: number): Promise<number> {
  await server.run(`OPTIMIZE TABLE ${table} FINAL SETTINGS max_execution_time = 120`);
  const answer = await server.run(
    `SELECT sum(bytes_on_disk), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = '${table}'`,
  );
  const [bytes, stored] = answer.split('\t').map(Number);
  if (bytes === undefined || stored !== rows) throw new Error(`${table} holds ${stored ?? 0} spans instead of ${rows}`);
  return bytes / rows;
}
