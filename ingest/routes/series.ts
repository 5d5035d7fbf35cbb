import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import {
  explainPoint as explainComputed,
  isOfOrganisation,
  pagedKind,
  type ExplainedSeries,
} from '#schemas/clickhouse/explain.js';
import { ShieldwatchError } from '#schemas/errors.js';
import { explainQuery, explanation, series, seriesList, seriesQuery } from '#schemas/http/series.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { outsideHistory, historyStart } from '../plans.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { explainPoint, FORMULAS } from '../queries/explain.js';
import { fieldOf, readSeries } from '../queries/read-series.js';
import { camelCase, SERIES_TABLE, snakeCase, type SeriesDefinition, type SeriesView } from '../queries/series-table.js';
import { BUCKET_SECONDS, bucketStart, readDate, windowOf } from '../queries/window.js';
import type { Repositories } from '../repositories.js';
import { repositoryOf } from './findings.js';
import { requireWholeOrg } from './own-org.js';

/** Value of a dimension. */
const filter = z.string().max(2_000);

const LIST = {
  id: 'listSeries',
  method: 'GET',
  url: '/v1/series',
  tag: 'query',
  summary: 'List series',
  scopes: ['read'],
  response: seriesList,
} as const satisfies RouteSpec;

const READ = {
  id: 'readSeries',
  method: 'GET',
  url: '/v1/series/{name}',
  tag: 'query',
  summary: 'Read the points of a series, oldest first',
  description: 'Every dimension of the series is also a filter parameter.',
  scopes: ['read'],
  params: z.object({ name: z.string().max(100) }),
  query: seriesQuery.catchall(filter),
  response: series,
} as const satisfies RouteSpec;

const EXPLAIN = {
  id: 'explain',
  method: 'GET',
  url: '/v1/explain',
  tag: 'query',
  summary: 'Explain a point: list the rows behind it',
  scopes: ['read'],
  query: explainQuery.catchall(filter),
  response: explanation,
} as const satisfies RouteSpec;

/** Adds `GET /v1/series`, `/v1/series/{name}` and `/v1/explain`. */
export function seriesRoutes(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories },
): void {
  const { clickhouse, repositories } = options;

  addRoute(app, LIST, () => ({
    series: [...SERIES_TABLE.values()].map(({ name, text, views }) => ({
      name,
      description: text,
      buckets: views.flatMap(({ bucket }) => (bucket === null ? [] : [bucket])),
      dimensions: (views[0]?.dimensions ?? []).map(camelCase),
      columns: Object.keys(views[0]?.types ?? {}).map(fieldOf),
      isExplained: isExplained(name),
    })),
  }));

  addRoute(app, READ, async ({ caller, params, query }) => {
    const { from, to, bucket, repository: named, limit, cursor, ...rest } = query;
    const definition = requireSeries(params.name, 'name');
    const view = viewOf(definition, bucket);
    const filters = filtersOf(rest, view.dimensions);
    const window = windowOf({ from, to, bucket: view.bucket ?? 'day' }, caller);
    if (!('repo' in view.types)) requireWholeOrg(caller);
    const repository = await repositoryOf(repositories, caller, named);
    const { rows, nextCursor } = await readSeries(clickhouse, view, {
      orgId: caller.orgId,
      repository,
      since: window.start,
      until: window.end,
      filters,
      limit,
      cursor,
    });
    return {
      series: definition.name,
      bucket: view.bucket,
      from: window.from.toISOString(),
      to: window.to.toISOString(),
      historyFrom: window.historyFrom,
      columns: Object.keys(view.types).map(fieldOf),
      points: rows,
      nextCursor,
    };
  });

  addRoute(app, EXPLAIN, async ({ caller, query }) => {
    const { series: name, bucket, at, repository: named, limit, cursor, ...rest } = query;
    if (!isExplained(name)) throw invalid('series', `one of ${Object.keys(FORMULAS).join(', ')}`);
    const formula = FORMULAS[name];
    const filters = filtersOf(rest, formula.dimensions);
    if (isOfOrganisation(name)) requireWholeOrg(caller);
    const repository = isOfOrganisation(name) ? undefined : await repositoryOf(repositories, caller, named);
    if (repository === undefined && !isOfOrganisation(name))
      throw invalid('repository', 'an id or full name: the series has a point for each repository');
    const since = bucketStart(readDate(at, 'at'), bucket);
    const until = since + BUCKET_SECONDS[bucket];
    const history = historyStart(caller.plan);
    if (history !== undefined && since * 1_000 < history.getTime()) throw outsideHistory(caller.plan, history, 'at');
    const [{ total, facts, nextCursor }, computed] = await Promise.all([
      explainPoint(clickhouse, name, { orgId: caller.orgId, repository, since, until, filters, limit, cursor }),
      withStoreErrors(
        explainComputed(clickhouse, {
          orgId: caller.orgId,
          series: name,
          repo: repository ?? '',
          at: since,
          grain: bucket,
          limit,
        }),
      ),
    ]);
    return {
      series: name,
      bucket,
      from: new Date(since * 1_000).toISOString(),
      to: new Date(until * 1_000).toISOString(),
      repository: repository ?? null,
      formula: formula.text,
      version: formula.version,
      fact: pagedKind(name),
      total,
      facts,
      nextCursor,
      duplicatesIgnored: computed.facts.find(({ fact }) => fact === pagedKind(name))?.duplicatesIgnored ?? 0,
      evidence: computed.facts.map((kind) => ({ ...kind, rows: kind.rows.map(fieldsOf) })),
      points: computed.rows.map(fieldsOf),
      computed: computed.computed,
      comparedWith: computed.comparedWith === null ? null : fieldsOf(computed.comparedWith),
    };
  });
}

const isExplained = (name: string): name is ExplainedSeries => Object.hasOwn(FORMULAS, name);

/** Converts a row to the API's field names, without the organisation. */
function fieldsOf(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).flatMap(([column, value]) => (column === 'org_id' ? [] : [[fieldOf(column), value]])),
  );
}

function requireSeries(name: string, field: string): SeriesDefinition {
  const definition = SERIES_TABLE.get(name);
  if (definition !== undefined) return definition;
  throw new ShieldwatchError('not_found', `no such series; expected one of ${[...SERIES_TABLE.keys()].join(', ')}`, {
    field,
  });
}

/** Returns the view for a bucket. Default: rows without buckets if the series has them, else days. */
function viewOf({ name, views }: SeriesDefinition, bucket: string | undefined): SeriesView {
  const view =
    bucket === undefined
      ? (views.find((each) => each.bucket === null) ?? views.find((each) => each.bucket === 'day'))
      : views.find((each) => each.bucket === bucket);
  if (view !== undefined) return view;
  const buckets = views.flatMap((each) => (each.bucket === null ? [] : [each.bucket]));
  throw invalid('bucket', buckets.length === 0 ? `no bucket: ${name} has none` : `one of ${buckets.join(', ')}`);
}

/** Parses dimension filters from the remaining parameters. */
function filtersOf(rest: Readonly<Record<string, unknown>>, dimensions: readonly string[]): Map<string, string> {
  const filters = new Map<string, string>();
  for (const [name, value] of Object.entries(rest)) {
    const column = snakeCase(name);
    if (!dimensions.includes(column) || typeof value !== 'string' || value.includes('\0')) {
      throw new ShieldwatchError(
        'query_invalid',
        `unknown parameter; the dimensions of this series are ${dimensions.length === 0 ? 'none' : dimensions.map(camelCase).join(', ')}`,
      );
    }
    filters.set(column, value);
  }
  return filters;
}

function invalid(field: string, expected: string): ShieldwatchError {
  return new ShieldwatchError('query_invalid', `${field}: expected ${expected}`, { field, expected });
}
