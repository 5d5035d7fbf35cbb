import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#schemas/root.js';

/** A bucket job: recomputes whole hours of one series from the facts of those hours. */
export interface BucketJob {
  /** Name of the series, of its table without `_v1`, and of its SQL file. */
  readonly name: string;
  /** Fact it reads; the dirty marks of that fact are its work. */
  readonly fact: 'scan' | 'runtime_event';
  readonly sql: string;
}

function bucketJob(name: string, fact: BucketJob['fact']): BucketJob {
  return { name, fact, sql: readFileSync(join(packageRoot(), 'rollups/jobs', `${name}.sql`), 'utf8') };
}

/** Every job there is. To add a series: its table and views in a migration, its SQL here, a line in this list. */
export function bucketJobs(): BucketJob[] {
  return [bucketJob('blocked_command_rate', 'runtime_event'), bucketJob('score_trend', 'scan')];
}
