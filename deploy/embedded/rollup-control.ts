import { z } from 'zod';
import { activeFormula, backfillMonth, monthsOf, switchFormula, type JobMonth } from '#rollups/backfill.js';
import { rollupJobs, type RollupJob } from '#rollups/jobs.js';
import { reconcileMonth } from '#rollups/reconcile.js';
import { readStatus } from '#rollups/status.js';
import type { RollupWorker } from '#rollups/worker.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { EXPLAINED_SERIES, explainPoint, GRAINS } from '#schemas/clickhouse/explain.js';
import { outdatedDays } from '#schemas/clickhouse/rebuild.js';
import { CommandError } from '#schemas/errors.js';

const month = z.strictObject({
  series: z.string(),
  job: z.string(),
  formula: z.int(),
  month: z.iso.date(),
  repo: z.string().optional(),
});
const point = z.strictObject({
  series: z.enum(EXPLAINED_SERIES),
  repo: z.string(),
  at: z.int().nonnegative(),
  grain: z.enum(GRAINS),
  limit: z.int().positive().optional(),
});

/**
 * What `shieldwatch rollup ...` asks of a running stack, by the path after `/rollup/`. Long work is asked for month by
 * month, so that progress shows and no single call takes long.
 *
 * @returns undefined for a path that is not known.
 * @throws CommandError for a body that is not what the path takes.
 */
export async function rollupControl(
  clickhouse: ClickHouseClient,
  worker: RollupWorker,
  orgId: string,
  path: string,
  body: unknown,
): Promise<unknown> {
  switch (path) {
    case 'run':
      return worker.tick();
    case 'status':
      return readStatus(clickhouse);
    case 'outdated':
      return outdatedDays(clickhouse);
    case 'months':
      return (await Promise.all(rollupJobs().map((job) => monthsOf(clickhouse, job)))).flat();
    case 'backfill': {
      const { repo, ...asked } = parse(month, body);
      return backfillMonth(clickhouse, jobOf(asked), asked.month, repo === undefined ? undefined : { orgId, repo });
    }
    case 'switch': {
      const job = jobOf(parse(month, body));
      if ((await activeFormula(clickhouse, job.series)) === job.formula) return { isSwitched: false };
      await switchFormula(clickhouse, job.series, job.formula);
      return { isSwitched: true };
    }
    case 'reconcile': {
      const asked = parse(month, body);
      return { buckets: await reconcileMonth(clickhouse, jobOf(asked), asked.month) };
    }
    case 'explain': {
      const { limit, ...key } = parse(point, body);
      return explainPoint(clickhouse, { orgId, ...key, ...(limit === undefined ? {} : { limit }) });
    }
    default:
      return undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new CommandError(`${issue?.path.join('.') ?? 'the request'}: ${issue?.message ?? 'not what was expected'}`);
}

function jobOf({ job: name, formula }: Pick<JobMonth, 'job' | 'formula'>): RollupJob {
  const job = rollupJobs().find((one) => one.name === name && one.formula === formula);
  if (job === undefined) throw new CommandError(`no series ${name} of formula ${formula}`);
  return job;
}
