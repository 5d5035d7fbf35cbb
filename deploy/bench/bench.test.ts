import { existsSync } from 'node:fs';
import { hasGo } from '#collector/binary.js';
import { describe, expect, test } from 'vitest';
import { runBench } from './benches.js';
import { figureLine, standing, type BenchReport, type Figure } from './figure.js';
import { withFolder } from './folders.js';
import { noisyNeighbour } from './gateway/neighbour.js';
import { passThrough } from './gateway/pass-through.js';
import { queryLatency } from './gateway/query.js';
import { runtimeEvents } from './gateway/runtime.js';
import { join } from './join/parts.js';
import { alternate, median, medianRatio, quantile } from './measure.js';
import { measureAll } from './rollup/parts.js';
import { backend } from './hook/backend.js';
import { commandHook } from './hook/command.js';
import { httpHook } from './hook/http.js';
import { bytesPerSpan } from './store/disk.js';
import { fsyncThroughput } from './store/fsync.js';
import { insertJson, insertNative } from './store/insert.js';
import { killRounds } from './store/kill.js';
import { selectLatency } from './store/select.js';
import { ours } from './hotpath/parts.js';
import { cpu, doubling, worst } from './redaction/parts.js';
import { span } from './redaction/rivals.js';
import { generateSpans } from './store/spans.js';

type Measured = Omit<Figure, 'bench'>;

/** What a part reports; nothing is said about how fast this machine is. */
async function figuresOf(part: (report: BenchReport) => Promise<void>): Promise<Measured[]> {
  const figures: Measured[] = [];
  await part({ figure: (figure) => figures.push(figure), note: () => undefined });
  for (const { value } of figures) expect(Number.isFinite(value)).toBe(true);
  return figures;
}

const barsOf = (figures: readonly Measured[]): unknown[] =>
  figures.map(({ metric, better, floor, goal }) => [metric, better, floor, goal]);

describe('the store bench', () => {
  const sizes = { rows: 20, inserts: 2, repeats: 2 };

  test('insert-native', async () => {
    expect(barsOf(await figuresOf((report) => insertNative(report, sizes)))).toEqual([
      ['insert_native_ratio', 'higher', 0.7, 0.95],
      ['insert_native_with_views_ratio', 'higher', 0.7, 0.95],
    ]);
  });

  test('insert-json', async () => {
    expect(barsOf(await figuresOf((report) => insertJson(report, sizes)))).toEqual([
      ['insert_json_stream_ratio', 'higher', 0.7, 0.95],
      ['insert_json_array_ratio', 'higher', 0.7, 0.95],
    ]);
  });

  test('select', async () => {
    expect(barsOf(await figuresOf((report) => selectLatency(report, 5)))).toEqual([
      ['select_http_minus_direct_p50_ms', 'lower', 3, 1],
      ['select_http_minus_direct_p95_ms', 'lower', 3, 1],
    ]);
  });

  test('disk: equal spans take an equal number of bytes', async () => {
    const figures = await figuresOf((report) => bytesPerSpan(report, 2_000));
    expect(barsOf(figures)).toEqual([['bytes_per_span_ratio', 'lower', 1.1, 0.7]]);
    expect(figures[0]?.value).toBeGreaterThan(0.2);
    expect(figures[0]?.value).toBeLessThan(2);
  });

  test('fsync', async () => {
    expect(barsOf(await figuresOf((report) => fsyncThroughput(report, sizes)))).toEqual([
      ['insert_fsync_ratio', 'higher', 0.6, 0.85],
    ]);
  });

  test('kill: loses no acknowledged row and stores no batch in part', async () => {
    const figures = await figuresOf((report) => killRounds(report, { rounds: 3, rows: 50 }));
    expect(barsOf(figures)).toEqual([
      ['kill_lost_acknowledged_rows', 'lower', 0, 0],
      ['kill_partial_batches', 'lower', 0, 0],
      ['kill_rounds', 'higher', 3, 3],
      ['kill_acknowledged_batches', 'higher', 24, 24],
    ]);
    expect(figures.map((figure) => standing({ bench: 'store', ...figure }))).toEqual(
      Array.from({ length: 4 }, () => 'goal reached'),
    );
  });
});

describe('the rollup bench', () => {
  test('reports every figure for one small fleet', async () => {
    const fleet = { events: 5_000, days: 6, organisations: 3, repositories: 2 };
    const figures = await figuresOf((report) =>
      measureAll(report, { fleet, repeats: 1, stream: { eventsPerSecond: 50, seconds: 4 } }),
    );
    expect(barsOf(figures)).toEqual([
      ['refresh_bucket_ratio', 'higher', 40, 100],
      ['refresh_all_series_ratio', 'higher', 40, 100],
      ['rows_read_ratio', 'lower', 4, 2],
      ['refresh_bucket_10x_history_ratio', 'lower', 1.5, 1.1],
      ['refresh_all_series_10x_history_ratio', 'lower', 1.5, 1.1],
      ['dashboard_p95_ratio', 'higher', 5, 20],
      ['dashboard_slowest_panel_p95_ms', 'lower', 100, 100],
      ['stream_freshness_p95_over_interval', 'lower', 3, 1.5],
    ]);
  }, 300_000);
});

describe('the join bench', () => {
  test('reports the cost of one event at a history ten times as long', async () => {
    const figures = await figuresOf((report) => join(report, { sessions: 5, repeats: 1 }));
    expect(barsOf(figures)).toEqual([['join_10x_history_ratio', 'lower', 1.5, 1.1]]);
  });
});

describe('redaction', () => {
  test('cpu, doubling and worst', async () => {
    const small = 4_096;
    expect(barsOf(await figuresOf((report) => cpu(report, 1)))).toEqual([
      ['redaction_json_parse_ratio', 'lower', 0.6, 0.25],
    ]);
    expect(barsOf(await figuresOf((report) => doubling(report, small)))).toEqual([
      ['redaction_doubling_ratio', 'lower', 2.5, 2.1],
    ]);
    expect(barsOf(await figuresOf((report) => worst(report, small, { every: 1000, starts: 1, steps: 1 })))).toEqual([
      ['redaction_worst_megabyte_ms', 'lower', 200, 50],
    ]);
  });
});

describe.skipIf(!hasGo())(`redaction in Go ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  test("span: reports the time that the collector's processor needs per span", async () => {
    expect(barsOf(await figuresOf((report) => span(report, 1, 2)))).toEqual([
      ['redaction_go_us_per_span', 'lower', 2.2, 0.6],
    ]);
  }, 300_000);
});

describe.skipIf(!hasGo())(`hotpath ${hasGo() ? '' : '(NOT RUN: no Go)'}`, () => {
  test('sends the spans through gateway and collector and through each alternative, and reports the cost of each', async () => {
    const names = ['protobuf', 'json'].flatMap((encoding) => [
      `hotpath_cpu_ratio_${encoding}`,
      `hotpath_cpu_ratio_to_memory_queue_${encoding}`,
    ]);
    expect(
      barsOf(await figuresOf((report) => ours(report, { requests: 10, spansEach: 400, repeats: 1, warmUp: 0 }))),
    ).toEqual(names.map((name) => [name, 'lower', 1.6, 1.2]));
  }, 600_000);
});

describe('the hook bench', () => {
  test('command', async () => {
    expect(barsOf(await figuresOf((report) => commandHook(report, 3)))).toEqual([
      ['command_minus_node_p50_ms', 'lower', 15, 10],
      ['command_minus_node_p95_ms', 'lower', 15, 10],
      ['command_over_stock_p50_ratio', 'lower', 1, 0.95],
      ['command_over_stock_p95_ratio', 'lower', 1, 0.95],
    ]);
  });

  test('http', async () => {
    expect(barsOf(await figuresOf((report) => httpHook(report, 20)))).toEqual([['http_p50_ms', 'lower', 3, 1]]);
  });

  test('backend', async () => {
    expect(barsOf(await figuresOf((report) => backend(report, 3)))).toEqual([
      ['backend_down_over_up_ratio', 'lower', 1.1, 1.02],
    ]);
  });
});

describe('the gateway bench', () => {
  test('pass-through', async () => {
    const figures = await figuresOf((report) => passThrough(report, { requests: 20, spans: 2, repeats: 2 }));
    expect(barsOf(figures)).toEqual([['pass_through_cpu_ratio', 'lower', 1.6, 1.2]]);
  });

  test('runtime', async () => {
    const figures = await figuresOf((report) =>
      runtimeEvents(report, { entries: 50, requests: 4, repeats: 2, warmUp: 1 }),
    );
    expect(barsOf(figures)).toEqual([['runtime_events_per_cpu_second_ratio', 'higher', 0.4, 0.7]]);
  });

  test('query', async () => {
    expect(barsOf(await figuresOf((report) => queryLatency(report, 4)))).toEqual([
      ['query_api_minus_sql_p95_ms', 'lower', 10, 3],
    ]);
  });

  test('neighbour', async () => {
    expect(barsOf(await figuresOf((report) => noisyNeighbour(report, 1, 200)))).toEqual([
      ['quiet_p95_beside_noisy_ratio', 'lower', 1.2, 1.05],
    ]);
  });
});

describe('the bench runner', () => {
  test('prints a figure as one JSON line, with keys in order and four digits', () => {
    const figure: Figure = {
      bench: 'store',
      metric: 'x_ratio',
      value: 0.712345,
      better: 'higher',
      floor: 0.7,
      goal: 0.95,
    };
    expect(figureLine(figure)).toBe(
      '{"bench":"store","metric":"x_ratio","value":0.7123,"better":"higher","floor":0.7,"goal":0.95}',
    );
    expect(standing(figure)).toBe('floor held');
    expect(standing({ ...figure, value: 0.69 })).toBe('BELOW THE FLOOR');
    expect(standing({ ...figure, better: 'lower', floor: 1.1, goal: 0.8 })).toBe('goal reached');
  });

  test('lists the benches for an unknown name', async () => {
    const ignore = (): void => undefined;
    await expect(runBench(['nothing'], ignore, ignore)).rejects.toThrow(
      /^no bench nothing; there are:\nstore \[insert-native \| insert-json \| select \| disk \| fsync \| kill\]\n/,
    );
    await expect(runBench([], ignore, ignore)).rejects.toThrow(/^name a bench/);
    await expect(runBench(['store', 'speed'], ignore, ignore)).rejects.toThrow(/^store has no part speed/);
  });

  test('alternates the order, discards the first round and pairs neighbours', async () => {
    const calls: string[] = [];
    const a = (): Promise<number> => Promise.resolve(calls.push('a'));
    const b = (): Promise<number> => Promise.resolve(calls.push('b'));
    expect(await alternate(2, a, b)).toEqual([
      { a: 3, b: 4 },
      { a: 6, b: 5 },
    ]);
    expect(calls.join('')).toBe('baabba');
    expect(
      medianRatio([
        { a: 1, b: 2 },
        { a: 3, b: 4 },
        { a: 9, b: 9 },
      ]),
    ).toBe(0.75);
  });

  test('computes median and quantiles', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(
      quantile(
        Array.from({ length: 100 }, (_, i) => i),
        0.95,
      ),
    ).toBe(95);
    expect(quantile([7], 0.95)).toBe(7);
  });

  test('removes its folder after use, also after a failure', async () => {
    let folder = '';
    await expect(
      withFolder((path) => {
        folder = path;
        expect(existsSync(path)).toBe(true);
        return Promise.reject(new Error('on purpose'));
      }),
    ).rejects.toThrow('on purpose');
    expect(existsSync(folder)).toBe(false);
  });

  test('generates equal spans for equal settings, with about 15 attributes', () => {
    const settings = { count: 2_000, seed: 1, from: new Date('2026-01-01T00:00:00Z'), hours: 1, organisations: 2 };
    const spans = generateSpans(settings);
    expect(spans).toEqual(generateSpans(settings));
    const attributes = spans.reduce((sum, span) => sum + Object.keys(span.SpanAttributes).length, 0) / spans.length;
    expect(attributes).toBeGreaterThan(13);
    expect(attributes).toBeLessThan(18);
    expect(new Set(spans.map(({ SpanId }) => SpanId)).size).toBe(spans.length);
  });
});
