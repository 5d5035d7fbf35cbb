import { selectRows, type ClickHouseClient } from './client.js';

/** Buckets of a series that its job could not compute, or that wait for such a bucket of another series. */
export interface FailingSeries {
  series: string;
  formula: number;
  /** Buckets or sessions that failed, and the organisations that they belong to. */
  failed: number;
  organisations: number;
  /** Buckets or sessions that wait for a failed one of another series. */
  waiting: number;
  /** The engine's names of the errors, such as MEMORY_LIMIT_EXCEEDED. */
  reasons: string[];
  /** First failure, ISO 8601. */
  since: string;
}

/** Returns the series that have buckets which could not be computed; empty in health. */
export function failingSeries(client: ClickHouseClient): Promise<FailingSeries[]> {
  return selectRows<FailingSeries>(
    client,
    `SELECT series, formula, countIf(waits_for = '') AS failed, uniqExact(org_id) AS organisations, countIf(waits_for != '') AS waiting,
        arraySort(groupUniqArrayIf(toString(reason), reason != '')) AS reasons, min(f.since) AS since
     FROM rollup_failure AS f GROUP BY series, formula ORDER BY series, formula`,
  );
}
