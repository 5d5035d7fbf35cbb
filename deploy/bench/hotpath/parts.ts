import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { buildCollector, COLLECTOR_CONFIG, STOCK_COLLECTOR_CONFIG } from '#collector/binary.js';
import { packageRoot } from '#schemas/root.js';
import type { BenchPart, BenchReport } from '../figure.js';
import { median } from '../measure.js';
import { makeBodies, type Bodies } from './bodies.js';
import { openPath, withHotpathStore, type Path } from './paths.js';

export interface HotpathSizes {
  readonly requests: number;
  readonly spansEach: number;
  readonly repeats: number;
  /**
   * Rounds before the first that counts, on every path: JIT compilers optimise frequent code, and the bench measures
   * processes that run for days.
   */
  readonly warmUp: number;
}

const SIZES: HotpathSizes = { requests: 120, spansEach: 500, repeats: 5, warmUp: 3 };
const JSON_TYPE = 'application/json';
const PROTOBUF_TYPE = 'application/x-protobuf';
const [BARE, DURABLE, BARE_MANIFEST] = ['bare.yaml', 'durable.yaml', 'manifest.yaml'].map((file) =>
  join(packageRoot(), 'deploy/bench/hotpath', file),
) as [string, string, string];

type Open = (config: readonly string[], withGateway: boolean) => Promise<Path>;

/**
 * Measures gateway and our collector against a collector that only forwards spans: CPU seconds per million spans, in
 * both encodings. The baseline keeps acknowledged spans on disk as ours does, or in memory.
 */
export async function ours(report: BenchReport, sizes: HotpathSizes = SIZES): Promise<void> {
  await compare(report, sizes, COLLECTOR_CONFIG, 'hotpath', { floor: 1.6, goal: 1.2 });
}

/** The same with the configuration for the official image. Reported without a floor. */
export async function stock(
  report: BenchReport,
  sizes: HotpathSizes = { ...SIZES, requests: 20, repeats: 3 },
): Promise<void> {
  await compare(report, sizes, STOCK_COLLECTOR_CONFIG, 'hotpath_stock', { floor: 60, goal: 20 });
}

async function compare(
  report: BenchReport,
  sizes: HotpathSizes,
  config: readonly string[],
  metric: string,
  bar: { floor: number; goal: number },
): Promise<void> {
  const bodies = describeBodies(report, sizes);
  await withStore(report, async (open) => {
    const paths = {
      durable: await open([BARE, DURABLE], false),
      volatile: await open([BARE], false),
      full: await open(config, true),
    };
    const names = ['durable', 'volatile', 'full'] as const;
    try {
      for (const [encoding, type] of [
        ['protobuf', PROTOBUF_TYPE],
        ['json', JSON_TYPE],
      ] as const) {
        const rounds: Record<(typeof names)[number], Round[]> = { durable: [], volatile: [], full: [] };
        for (let i = -sizes.warmUp; i < sizes.repeats; i++) {
          // Alternates the order.
          for (const name of i % 2 === 0 ? names : names.toReversed()) {
            const round = await paths[name].round(bodies[encoding], type, bodies.spans);
            if (i >= 0) rounds[name].push(round);
          }
        }
        const ratio = (to: 'durable' | 'volatile'): number =>
          median(rounds.full.map(({ cpu }, i) => cpu / (rounds[to][i]?.cpu ?? Number.NaN)));
        report.figure({ metric: `${metric}_cpu_ratio_${encoding}`, value: ratio('durable'), better: 'lower', ...bar });
        report.figure({
          metric: `${metric}_cpu_ratio_to_memory_queue_${encoding}`,
          value: ratio('volatile'),
          better: 'lower',
          ...bar,
        });
        for (const name of names) {
          const perMillion = (median(rounds[name].map((round) => round.cpu)) / bodies.spans) * 1e6;
          const gateway = (median(rounds[name].map((round) => round.gatewayCpu)) / bodies.spans) * 1e6;
          const rate = bodies.spans / median(rounds[name].map((round) => round.seconds));
          report.note(
            `${encoding} ${name}: ${perMillion.toFixed(1)} CPU-s per million spans (gateway ${gateway.toFixed(1)}), ${Math.round(rate)} spans/s until stored`,
          );
        }
      }
    } finally {
      for (const path of Object.values(paths)) await path.close();
    }
  });
}

type Round = Awaited<ReturnType<Path['round']>>;

/**
 * Measures what each processor adds, to find the next optimisation: pipelines that grow by one, without the gateway.
 */
export async function processors(
  report: BenchReport,
  sizes: HotpathSizes = { ...SIZES, requests: 240 },
): Promise<void> {
  const bodies = describeBodies(report, sizes);
  const order = ['memory_limiter', 'transform/bounds', 'secretredaction', 'resource/tenant', 'filter/tenant'];
  await withStore(report, async (open, folder) => {
    const steps = order.map((_, i) => order.slice(0, i + 1));
    const paths: { name: string; path: Path }[] = [
      { name: 'bare, queue on disk', path: await open([BARE, DURABLE], false) },
    ];
    for (const [i, step] of steps.entries()) {
      const overlay = join(folder, `pipeline-${i}.yaml`);
      await writeFile(overlay, stringify({ service: { pipelines: { traces: { processors: step } } } }));
      paths.push({
        name: i === 0 ? 'memory_limiter, receiver with a key' : `+ ${step.at(-1) ?? ''}`,
        path: await open([...COLLECTOR_CONFIG, overlay], false),
      });
    }
    try {
      const costs = paths.map(() => [] as number[]);
      for (let repeat = -1; repeat < sizes.repeats; repeat++) {
        for (const [i, { path }] of paths.entries()) {
          const { cpu } = await path.round(bodies.protobuf, PROTOBUF_TYPE, bodies.spans);
          if (repeat >= 0) costs[i]?.push((cpu / bodies.spans) * 1e6);
        }
      }
      const medians = costs.map(median);
      for (const [i, { name }] of paths.entries()) {
        const cost = medians[i] ?? Number.NaN;
        report.note(
          `${name}: ${cost.toFixed(2)} µs a span${i === 0 ? '' : ` (${(cost - (medians[i - 1] ?? 0)).toFixed(2)})`}`,
        );
      }
      report.figure({
        metric: 'hotpath_redaction_us_per_span',
        value: (medians[3] ?? 0) - (medians[2] ?? 0),
        better: 'lower',
        floor: 5,
        goal: 2,
      });
    } finally {
      for (const { path } of paths) await path.close();
    }
  });
}

function describeBodies(report: BenchReport, { requests, spansEach }: HotpathSizes): Bodies {
  const bodies = makeBodies(requests, spansEach);
  const perSpan = (list: readonly Buffer[]): string =>
    (list.reduce((sum, body) => sum + body.length, 0) / bodies.spans).toFixed(0);
  report.note(
    `${requests} requests of ${spansEach} spans: ${bodies.attributes.toFixed(1)} attributes, ${perSpan(bodies.json)} B as JSON, ${perSpan(bodies.protobuf)} B as protobuf a span`,
  );
  return bodies;
}

async function withStore(report: BenchReport, use: (open: Open, folder: string) => Promise<void>): Promise<void> {
  const progress = (line: string): void => {
    report.note(`collector: ${line}`);
  };
  const binaries = {
    own: await buildCollector(progress),
    bare: await buildCollector(progress, { manifest: await readFile(BARE_MANIFEST, 'utf8') }),
  };
  await withHotpathStore(async (store, folder) => {
    let paths = 0;
    await use(async (config, withGateway) => {
      const own = join(folder, `path-${paths++}`);
      await mkdir(own);
      const isRival = config.includes(BARE);
      // The baseline runs with Go's defaults.
      const env: Record<string, string> = isRival ? { GOGC: '100', GOMEMLIMIT: 'off' } : {};
      return openPath({
        ...store,
        binary: isRival ? binaries.bare : binaries.own,
        folder: own,
        config,
        withGateway,
        env,
      });
    }, folder);
  });
}

export const hotpathParts: Readonly<Record<string, BenchPart>> = {
  ours: (report) => ours(report),
  stock: (report) => stock(report),
  processors: (report) => processors(report),
};
