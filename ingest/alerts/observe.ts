import { UNNAMED } from '../metrics/named-repositories.js';
import { ALERT_RULES, dedupeKey, fillIn, secondsOf, type AlertRule } from '#schemas/alerts/rules.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { idOf } from '#schemas/records/ids.js';
import { quote } from '../boards/macros.js';
import type { RepositoryFilter } from '../boards/repository-filter.js';
import { MAX_OPEN } from './advance.js';
import type { Observation, Reading } from './observation.js';

/** Seconds that a rule's query may take. */
const MAX_SECONDS = 10;
/** Maximum length of a dedupe key; of a longer one a hash remains. */
const MAX_KEY = 400;

export interface ReadContext {
  orgId: string;
  orgName: string;
  /** Evaluation time, in milliseconds since 1970. */
  at: number;
  /** Repositories of open episodes, by rule: their values are read also below the threshold. */
  tracked: ReadonlyMap<string, ReadonlySet<string>>;
}

export const timeOf = (ms: number): string => `fromUnixTimestamp64Milli(${String(Math.floor(ms))}, 'UTC')`;

/** Runs one query of the evaluation: read-only, with two threads, and bounded in time and rows. */
export async function ask<T>(client: ClickHouseClient, query: string, filters?: RepositoryFilter): Promise<T[]> {
  const result = await client.query({
    query,
    format: 'JSONEachRow',
    clickhouse_settings: {
      max_execution_time: MAX_SECONDS,
      max_threads: 2,
      max_query_size: '4000000',
      readonly: '2',
      optimize_move_to_prewhere_if_final: 1,
      ...(filters === undefined ? {} : { additional_table_filters: filters }),
    },
  });
  return result.json<T>();
}

/** Returns a dedupe key with its placeholders replaced. */
export function keyOf(text: string): string {
  return text.length <= MAX_KEY ? text : idOf('alert_key', text);
}

/** Runs one rule for one organisation. Rows of one dedupe key are folded, as for Prometheus. */
export async function readRule(
  client: ClickHouseClient,
  rule: AlertRule,
  context: ReadContext,
  filters?: RepositoryFilter,
): Promise<Reading> {
  const { orgId, orgName, at, tracked } = context;
  const { metric } = rule;
  const columns = [
    ...(metric.isOfOrganisation === true ? [] : ['repo']),
    ...(metric.label === undefined ? [] : [metric.label.name]),
  ];
  const keys = columns.length === 0 ? '' : `${columns.join(', ')}, `;
  const repositories = [...(tracked.get(rule.uid) ?? [])].filter((name) => name !== '');
  const isTracked =
    metric.isOfOrganisation === true
      ? '1'
      : repositories.length === 0
        ? '0'
        : `repo IN (${repositories.map((name) => quote(name)).join(', ')})`;
  const rows = await ask<Record<string, unknown>>(
    client,
    `SELECT ${keys}${metric.fold}(${metric.column}) AS value, ${isTracked} AS is_tracked
FROM
(
    ${rule.sql(`org_id = ${quote(orgId)}`, timeOf(at))}
)
GROUP BY ${keys}is_tracked
HAVING value > ${String(rule.above)} OR is_tracked = 1
ORDER BY is_tracked DESC, ${keys}value
LIMIT ${String(MAX_OPEN * 2 + 1)}`,
    filters,
  );
  return {
    rule: rule.uid,
    forSeconds: secondsOf(rule.for),
    isComplete: rows.length <= MAX_OPEN * 2,
    observations: rows.map((row): Observation => {
      const value = Number(row['value']);
      const labels = Object.fromEntries(
        columns.filter((name) => name !== 'repo').map((name) => [name, String(row[name])]),
      );
      const repository = typeof row['repo'] === 'string' ? row['repo'] : '';
      const texts = {
        org: orgName,
        repository: repository === '' ? UNNAMED : repository,
        value: String(value),
        producer: labels['producer'] ?? '',
        counter: labels['counter'] ?? '',
        client: labels['client'] ?? '',
      };
      return {
        key: keyOf(fillIn(dedupeKey(rule), { ...texts, org: orgId })),
        rule: rule.uid,
        kind: 'rule',
        severity: rule.severity,
        repository: repository === UNNAMED ? '' : repository,
        owners: [],
        labels,
        title: fillIn(rule.summary, texts),
        summary: fillIn(rule.description, texts),
        value,
        threshold: rule.above,
        windowSeconds: rule.windowSeconds ?? null,
        isFiring: value > rule.above,
        canOpen: true,
        occurrence: '',
      };
    }),
  };
}

/** Runs all rules, one after another. `onFailure` gets those that could not be read: their instances keep their state. */
export async function readRules(
  client: ClickHouseClient,
  context: ReadContext,
  onFailure: (rule: string, error: unknown) => void,
): Promise<Reading[]> {
  const readings: Reading[] = [];
  for (const rule of ALERT_RULES)
    await readRule(client, rule, context).then(
      (reading) => readings.push(reading),
      (error: unknown) => {
        onFailure(rule.uid, error);
      },
    );
  return readings;
}
