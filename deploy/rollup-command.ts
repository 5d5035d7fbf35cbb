import type { Command } from 'commander';
import type { Backfilled, JobMonth } from '#rollups/backfill.js';
import type { Shard } from '#rollups/jobs.js';
import type { JobStatus } from '#rollups/status.js';
import { EXPLAINED_SERIES, GRAINS, type Explanation } from '#schemas/clickhouse/explain.js';
import type { LandingDay } from '#schemas/clickhouse/facts.js';
import { CommandError } from '#schemas/errors.js';
import { describeFailing, logFailed } from './embedded/failed-series.js';
import { describeOutdated } from './embedded/outdated-facts.js';
import { untilInterrupted } from './embedded/until-interrupted.js';
import { variable } from './environment.js';

/** How the command reaches what runs: the stack of a data folder, and the two outputs. */
export interface RollupCommandSettings {
  call: <T>(flags: { dataDir?: string }, path: string, body?: unknown) => Promise<T>;
  out: (line: string) => void;
  err: (line: string) => void;
}

interface Flags {
  dataDir?: string;
}

/** Registers `rollup run|status|backfill|reconcile|explain`. */
export function registerRollupCommands(root: Command, { call, out, err }: RollupCommandSettings): void {
  const rollup = root.command('rollup').description('the jobs that turn facts into series');
  const sub = (name: string, description: string): Command =>
    rollup.command(name).description(description).option('--data-dir <folder>', 'data folder of the running stack');

  sub('run', 'one pass over what is dirty; with --clickhouse-url, a worker of its own until it is interrupted')
    .option('--clickhouse-url <url>', 'the server whose series it keeps up (CLICKHOUSE_URL)')
    .option('--shard <i/n>', "this worker's share of the organisations, 1/n to n/n; with --clickhouse-url")
    .action(async (flags: Flags & { clickhouseUrl?: string; shard?: string }) => {
      const url = flags.clickhouseUrl ?? variable('CLICKHOUSE_URL');
      if (url !== undefined) {
        await runWorker(url, flags.shard === undefined ? undefined : parseShard(flags.shard), err);
        return;
      }
      if (flags.shard !== undefined)
        throw new CommandError('--shard is for workers of a named server; add --clickhouse-url');
      const done = Object.entries(await call<Record<string, number>>(flags, 'run')).filter(
        ([, buckets]) => buckets > 0,
      );
      for (const [series, buckets] of done) out(`${series}: ${buckets} buckets`);
      if (done.length === 0) out('nothing was dirty');
    });

  sub('status', 'how far each series is, how late and at what cost')
    .option('--json', 'print it as JSON')
    .action(async (flags: Flags & { json?: true }) => {
      const jobs = await call<JobStatus[]>(flags, 'status');
      if (flags.json === true) {
        out(JSON.stringify(jobs, null, 2));
        return;
      }
      out(statusTable(jobs));
      const outdated = describeOutdated(await call<LandingDay[]>(flags, 'outdated'));
      if (outdated !== undefined) out(outdated);
    });

  sub('backfill', 'recompute a series from facts, all of them unless named; a new formula is shown when it is complete')
    .argument('[series]')
    .option('--repository <owner/name>', 'this repository only')
    .option('--from <YYYY-MM>', 'not before this month')
    .option('--to <YYYY-MM>', 'not after this month')
    .action(async (series: string | undefined, flags: Flags & Bounds & { repository?: string }) => {
      const months = await monthsFor(flags, series);
      const repo = flags.repository === undefined ? {} : { repo: flags.repository };
      const incomplete = new Set<string>();
      await eachMonth(months, async (month) => {
        const { buckets, failed } = await call<Backfilled>(flags, 'backfill', { ...month, ...repo });
        if (failed > 0) incomplete.add(month.series);
        return `${buckets} buckets${failed === 0 ? '' : `, ${failed} could not be computed and are tried again`}`;
      });
      if (flags.repository !== undefined || flags.from !== undefined || flags.to !== undefined) return;
      // The greatest formula of each series is the one to come; it is complete now.
      const newest = new Map<string, JobMonth>();
      for (const month of months)
        if ((newest.get(month.series)?.formula ?? -1) < month.formula) newest.set(month.series, month);
      for (const month of newest.values()) {
        if (incomplete.has(month.series)) {
          out(`${month.series} is not complete; \`shieldwatch rollup status\` shows what failed`);
          continue;
        }
        const { isSwitched } = await call<{ isSwitched: boolean }>(flags, 'switch', month);
        if (isSwitched) out(`${month.series} shows formula ${month.formula} from now on`);
      }
    });

  sub('reconcile', 'hold every bucket to the facts it was made of, and have those that differ recomputed')
    .argument('[series]')
    .action(async (series: string | undefined, flags: Flags) => {
      let found = 0;
      await eachMonth(await monthsFor(flags, series), async (month) => {
        const { buckets } = await call<{ buckets: number }>(flags, 'reconcile', month);
        found += buckets;
        return `${buckets} buckets differ`;
      });
      out(`${found} buckets differed from their facts and have been marked`);
    });

  sub('explain', 'the facts behind a point, the repeats ignored, the formula and the run that made it')
    .argument('<series>', EXPLAINED_SERIES.join(', '))
    .argument('<repo>', 'owner/name')
    .argument('<bucket>', 'a time in it, e.g. 2026-11-20T10:00Z')
    .option('--grain <grain>', GRAINS.join(', '), 'hour')
    .option('--limit <count>', 'facts listed of each kind', '100')
    .action(async (series: string, repo: string, bucket: string, flags: Flags & { grain: string; limit: string }) => {
      const at = Date.parse(bucket) / 1_000;
      if (!Number.isFinite(at)) throw new CommandError('bucket: not a time; expected ISO 8601, e.g. 2026-11-20T10:00Z');
      const explanation = await call<Explanation>(flags, 'explain', {
        series,
        repo,
        at: Math.floor(at),
        grain: flags.grain,
        limit: Number(flags.limit),
      });
      out(JSON.stringify(explanation, null, 2));
    });

  interface Bounds {
    from?: string;
    to?: string;
  }
  async function monthsFor(flags: Flags & Bounds, series?: string): Promise<JobMonth[]> {
    const months = await call<JobMonth[]>(flags, 'months');
    const names = [...new Set(months.map((month) => month.series))];
    if (series !== undefined && months.length > 0 && !names.includes(series))
      throw new CommandError(`no data of a series ${series}; there is ${names.join(', ')}`);
    return months.filter(
      ({ series: of, month }) =>
        (series === undefined || of === series) &&
        (flags.from === undefined || month.slice(0, 7) >= flags.from) &&
        (flags.to === undefined || month.slice(0, 7) <= flags.to),
    );
  }
  async function eachMonth(months: readonly JobMonth[], work: (month: JobMonth) => Promise<string>): Promise<void> {
    for (const [done, month] of months.entries()) {
      const result = await work(month);
      const formula = month.formula === 0 ? '' : `, formula ${month.formula}`;
      err(`${done + 1} of ${months.length}: ${month.job}${formula}, ${month.month.slice(0, 7)}: ${result}`);
    }
  }
}

/**
 * `i/n`, counted from 1 as people count.
 *
 * @throws CommandError when it is no such pair.
 */
export function parseShard(text: string): Shard {
  const [, index = '', count = ''] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const shard = { index: Number(index) - 1, count: Number(count) };
  if (index === '' || shard.index < 0 || shard.index >= shard.count)
    throw new CommandError('--shard: expected i/n with i from 1 to n, e.g. 1/4');
  return shard;
}

async function runWorker(url: string, shard: Shard | undefined, err: (line: string) => void): Promise<void> {
  const { createClickHouse } = await import('#schemas/clickhouse/client.js');
  const { createRollupWorker } = await import('#rollups/worker.js');
  const clickhouse = createClickHouse({ url });
  const worker = createRollupWorker({
    clickhouse,
    ...(shard === undefined ? {} : { shard }),
    onError: () => {
      err('a pass failed; trying again');
    },
    onFailed: logFailed(err),
  });
  worker.start();
  err(
    `keeping the series up${shard === undefined ? '' : ` for share ${shard.index + 1} of ${shard.count}`}; Ctrl-C ends it`,
  );
  await untilInterrupted();
  await worker.stop();
  await clickhouse.close();
}

function statusTable(jobs: readonly JobStatus[]): string {
  const rows = [
    ['series', 'kind', 'formula', 'settled until', 'open', 'failed', 'last hour: buckets', 'ms', 'latest by ms'],
    ...jobs.map((job) => [
      job.series,
      job.kind,
      `${job.formula}${job.isShown ? '' : ' (not shown)'}`,
      job.settledUntil ?? 'never',
      String(job.openBuckets),
      String((job.failing?.failed ?? 0) + (job.failing?.waiting ?? 0)),
      String(job.lastHour.buckets),
      String(job.lastHour.durationMs),
      String(job.lastHour.lagMsMax),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const failing = jobs.flatMap(({ failing: of }) => (of === undefined ? [] : [describeFailing(of)]));
  return [
    ...rows.map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    ),
    ...failing,
  ].join('\n');
}
