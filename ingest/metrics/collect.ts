import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Caller } from '../auth/caller.js';
import { quote } from '../boards/macros.js';
import { repositoryFilter } from '../boards/repository-filter.js';
import { runQuery } from '../boards/run-query.js';
import type { ControlPlane } from '../control/control-plane.js';
import type { Family, Sample } from './exposition.js';
import { labelOf, nameRepositories, OTHER, UNNAMED } from './named-repositories.js';
import { SOURCES, type Label, type Source } from './sources.js';

/** Value of a label that has none of its declared values. */
const OTHER_VALUE = 'other';
/** Rows of the control plane that are ranked. */
const MAX_RANKED = 10_000;

/** Gauges about the answer itself. */
const ABOUT_READING = [
  { name: 'shieldwatch_repositories', help: 'Repositories that reported or that records name.', of: 'known' },
  {
    name: 'shieldwatch_repositories_folded',
    help: 'Of these, those that are folded into repository _other.',
    of: 'folded',
  },
  {
    name: 'shieldwatch_read_timestamp_seconds',
    help: 'When these values were read, in seconds since 1970.',
    of: 'readAt',
  },
] as const;

/** Names of all metrics. */
export const METRIC_NAMES: readonly string[] = [
  ...new Set([...SOURCES.flatMap(({ gauges }) => gauges), ...ABOUT_READING].map(({ name }) => name)),
];

/**
 * Reads the current value of every gauge of an organisation, or of the repository that the caller's token is bound to.
 * @param at the evaluation time, in milliseconds since 1970; freshness of producers and triage are those of the store's clock
 * @throws ShieldwatchError `store_unavailable`: all or nothing, since a missing series would look like a resolved alert
 */
export async function collectMetrics(
  stores: { clickhouse: ClickHouseClient; plane: ControlPlane },
  caller: Pick<Caller, 'orgId' | 'repository'>,
  at = Date.now(),
): Promise<Family[]> {
  const { clickhouse, plane } = stores;
  const { orgId, repository } = caller;
  const now = `fromUnixTimestamp64Milli(${String(Math.floor(at))}, 'UTC')`;
  const filter = await repositoryFilter(clickhouse, caller);
  const rows = await plane.read(orgId, (tx) =>
    tx.query<{ full_name: string }>(
      'SELECT full_name FROM repo WHERE $1::text IS NULL OR full_name = $1 ORDER BY created_at, full_name COLLATE "C" LIMIT $2',
      [repository, MAX_RANKED],
    ),
  );
  const { names, known } = await nameRepositories(
    clickhouse,
    { orgId, now, rows: rows.map(({ full_name: name }) => name) },
    filter,
  );
  // Place 0 is the rest, 1 is without a repository.
  const labels = [OTHER, UNNAMED, ...new Set(names.map(labelOf))];
  const places = new Map([
    ['', 1],
    [UNNAMED, 1],
    ...names.map((name) => [name, labels.indexOf(labelOf(name))] as const),
  ]);
  const placeOf = `transform(repo, [${[...places.keys()].map(quote).join(',')}], [${[...places.values()].join(',')}], 0)`;

  const families = new Map<string, Family>();
  const add = (name: string, help: string, sample: Sample): void => {
    const family = families.get(name) ?? { name, help, samples: [] };
    families.set(name, family);
    family.samples.push(sample);
  };
  for (const source of SOURCES) {
    if (source.isOfOrganisation === true && repository !== null) continue;
    const result = await runQuery(
      clickhouse,
      statement(source, { scope: `org_id = ${quote(orgId)}`, now, placeOf }),
      filter,
    );
    if (result.truncated)
      throw new ShieldwatchError('store_unavailable', 'the store returned more rows than the metrics can have');
    for (const [place, ...row] of result.rows) {
      const own = Object.fromEntries(source.labels.map(({ name }, index) => [name, String(row[index])]));
      const read = row.slice(source.labels.length);
      for (const [index, { name, help }] of source.gauges.entries()) {
        const value = read[index];
        if (value === null || value === undefined) continue;
        add(name, help, {
          labels: {
            org_id: orgId,
            ...(source.isOfOrganisation === true ? {} : { repository: labels[Number(place)] ?? OTHER }),
            ...own,
            ...source.fixed,
          },
          value: Number(value),
        });
      }
    }
  }
  const values = { known, folded: known - names.length, readAt: at / 1_000 };
  for (const { name, help, of } of ABOUT_READING) add(name, help, { labels: { org_id: orgId }, value: values[of] });
  return [...families.values()];
}

/** Folds the rows of a source to one per place and labels: (place, labels..., values...). */
function statement(
  { sql, labels, gauges, isOfOrganisation }: Source,
  { scope, now, placeOf }: { scope: string; now: string; placeOf: string },
): string {
  const columns = [
    `${isOfOrganisation === true ? '0' : placeOf} AS place`,
    ...labels.map(({ values, name }, index) => `${bounded({ values, name })} AS label_${String(index)}`),
    ...gauges.map(({ value }, index) => `${value} AS value_${String(index)}`),
  ];
  const keys = ['place', ...labels.map((_, index) => `label_${String(index)}`)].join(', ');
  return `SELECT ${columns.join(', ')}
FROM
(
    ${sql(scope, now)}
)
GROUP BY ${keys}
ORDER BY ${keys}`;
}

/** Returns the value of a label, which is one of those that are declared. */
function bounded({ name, values }: Label): string {
  return `if(toString(${name}) IN (${values.map(quote).join(', ')}), toString(${name}), '${OTHER_VALUE}')`;
}
