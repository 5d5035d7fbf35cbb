import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { BenchReport } from '../figure.js';
import { alternate, median, medianRatio, type Pair } from '../measure.js';
import type { DirectEngine } from './direct.js';
import { withServerAndDirect, type BenchServer } from './server.js';
import { generateSpans, jsonEachRow, SPAN_COLUMNS, type SpanRow } from './spans.js';

export interface InsertSizes {
  /** Rows per INSERT; the exporter's README recommends at least 5,000. */
  readonly rows: number;
  /** INSERTs per measurement, one after another. */
  readonly inserts: number;
  readonly repeats: number;
}

export const INSERT_SIZES: InsertSizes = { rows: 10_000, inserts: 5, repeats: 7 };

const BARS = { better: 'higher', floor: 0.7, goal: 0.95 } as const;
/** `otel_traces` without the views that make facts. */
const BARE = 'bench_bare';
const COLUMNS = SPAN_COLUMNS.map((name) => `\`${name}\``).join(', ');
const insertInto = (table: string): string => `INSERT INTO ${table} (${COLUMNS})`;

/** The body of one INSERT: in memory for the server, in a file for the engine. */
interface Body {
  readonly rows: readonly SpanRow[];
  readonly bytes: Buffer;
  readonly path: string;
}

/** Measures Native bodies over HTTP against the engine reading the same bytes: rows/s of the first over the second. */
export async function insertNative(report: BenchReport, sizes: InsertSizes = INSERT_SIZES): Promise<void> {
  const rows = spansFor(sizes);
  await withServerAndDirect(async (server, direct, folder) => {
    const bodies = await makeBodies(rows, server, folder, sizes, 'Native', report);
    await createBare(server, direct);
    const post =
      (table: string) =>
      ({ bytes }: Body): Promise<unknown> =>
        server.http.post(bytes, `${insertInto(table)} FORMAT Native`);
    await compare(report, sizes, 'insert_native_ratio', BARE, bodies, server, direct, post(BARE), 'Native');
    await compare(
      report,
      sizes,
      'insert_native_with_views_ratio',
      'otel_traces',
      bodies,
      server,
      direct,
      post('otel_traces'),
      'Native',
    );
  });
}

/**
 * Measures JSONEachRow through @clickhouse/client: as a stream of bytes, and as an array of objects, which the client
 * serialises for the server and the caller for chDB.
 */
export async function insertJson(report: BenchReport, sizes: InsertSizes = INSERT_SIZES): Promise<void> {
  const rows = spansFor(sizes);
  await withServerAndDirect(async (server, direct, folder) => {
    const bodies = await makeBodies(rows, server, folder, sizes, 'JSONEachRow', report);
    await createBare(server, direct);
    const { client } = server;
    const stream = async ({ bytes }: Body): Promise<void> => {
      const { stream: rest } = await client.exec({
        query: `${insertInto(BARE)} FORMAT JSONEachRow`,
        values: Readable.from([bytes], { objectMode: false }),
      });
      rest.resume();
    };
    const array = ({ rows }: Body): Promise<unknown> =>
      client.insert({ table: BARE, values: rows, columns: [...SPAN_COLUMNS], format: 'JSONEachRow' });
    await compare(report, sizes, 'insert_json_stream_ratio', BARE, bodies, server, direct, stream, 'JSONEachRow');
    const write = ({ rows, path }: Body): Promise<void> => writeFile(path, jsonEachRow(rows));
    await compare(report, sizes, 'insert_json_array_ratio', BARE, bodies, server, direct, array, 'JSONEachRow', write);
  });
}

/** Generated before any server runs: it takes seconds, during which a server would close idle connections. */
function spansFor(sizes: InsertSizes): SpanRow[] {
  return generateSpans({
    count: sizes.rows * sizes.inserts,
    seed: 1,
    from: new Date(Date.now() - 7_200_000),
    hours: 1,
    organisations: 8,
  });
}

async function makeBodies(
  rows: readonly SpanRow[],
  server: BenchServer,
  folder: string,
  sizes: InsertSizes,
  format: 'Native' | 'JSONEachRow',
  report: BenchReport,
): Promise<Body[]> {
  const bodies: Body[] = [];
  let attributes = 0;
  let jsonBytes = 0;
  for (let i = 0; i < sizes.inserts; i++) {
    const part = rows.slice(i * sizes.rows, (i + 1) * sizes.rows);
    const json = jsonEachRow(part);
    const bytes = format === 'Native' ? await toNative(server, json) : json;
    const path = join(folder, `body-${i}`);
    await writeFile(path, bytes);
    bodies.push({ rows: part, bytes, path });
    jsonBytes += json.length;
    attributes += part.reduce((sum, row) => sum + Object.keys(row.SpanAttributes).length, 0);
  }
  const perRow = (sum: number): string => (sum / rows.length).toFixed(1);
  report.note(
    `${sizes.inserts} bodies of ${sizes.rows} spans: ${perRow(attributes)} attributes, ${perRow(jsonBytes)} B as JSON, ${perRow(bodies.reduce((sum, { bytes }) => sum + bytes.length, 0))} B as ${format} a span`,
  );
  return bodies;
}

/** Returns the body in Native format, written by the engine. */
async function toNative(server: BenchServer, json: Buffer): Promise<Buffer> {
  await server.run('CREATE OR REPLACE TABLE bench_native AS otel_traces ENGINE = Memory');
  await server.http.post(json, `${insertInto('bench_native')} FORMAT JSONEachRow`);
  return Buffer.from(await server.run(`SELECT ${COLUMNS} FROM bench_native FORMAT Native`), 'latin1');
}

async function createBare(server: BenchServer, direct: DirectEngine): Promise<void> {
  await server.run(`CREATE TABLE ${BARE} AS otel_traces`);
  await direct.run(`CREATE TABLE ${BARE} AS otel_traces`);
}

async function compare(
  report: BenchReport,
  sizes: InsertSizes,
  metric: string,
  table: string,
  bodies: readonly Body[],
  server: BenchServer,
  direct: DirectEngine,
  send: (body: Body) => Promise<unknown>,
  format: string,
  prepare?: (body: Body) => Promise<void>,
): Promise<void> {
  const truncate = `TRUNCATE TABLE ${table}`;
  const throughServer = async (): Promise<number> => {
    const startedAt = performance.now();
    for (const body of bodies) await send(body);
    const ms = performance.now() - startedAt;
    // Merges at once, so that merges do not slow the next measurement.
    await server.run(truncate);
    return ms;
  };
  const directly = async (): Promise<number> => {
    let ms = 0;
    for (const body of bodies) {
      if (prepare !== undefined) ms += await timed(() => prepare(body));
      ms += await direct.run(`${insertInto(table)} FROM INFILE '${body.path}' COMPRESSION 'none' FORMAT ${format}`);
    }
    await direct.run(truncate);
    return ms;
  };
  const pairs = await alternate(sizes.repeats, directly, throughServer);
  report.figure({ metric, value: medianRatio(pairs), ...BARS });
  report.note(`${metric}: server ${rate(pairs, 'b', sizes, bodies)}, direct ${rate(pairs, 'a', sizes, bodies)}`);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function rate(pairs: readonly Pair[], side: 'a' | 'b', sizes: InsertSizes, bodies: readonly Body[]): string {
  const seconds = median(pairs.map((pair) => pair[side])) / 1000;
  const bytes = bodies.reduce((sum, body) => sum + body.bytes.length, 0);
  return `${Math.round((sizes.rows * sizes.inserts) / seconds)} rows/s, ${(bytes / seconds / 1e6).toFixed(1)} MB/s`;
}
