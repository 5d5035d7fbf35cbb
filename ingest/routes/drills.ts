import type { FastifyInstance } from 'fastify';
import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import { drillList, drillSeat, drillsQuery } from '#schemas/http/drills.js';
import type { Row } from '#schemas/records/rows.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { withStoreErrors } from '../errors/with-store-errors.js';
import { historyStart } from '../plans.js';
import type { Repositories } from '../repositories.js';
import { repositoryOf } from './findings.js';

const LIST = {
  id: 'listDrills',
  method: 'GET',
  url: '/v1/drills',
  tag: 'query',
  summary: 'List what each seat has proved by live drills of its agents',
  description: 'The newest drill of each seat, repository and agent. A drill is no decision and is in no other number.',
  scopes: ['read'],
  query: drillsQuery,
  response: drillList,
} as const satisfies RouteSpec;

/** Adds `GET /v1/drills`. */
export function drillRoutes(
  app: FastifyInstance,
  { clickhouse, repositories }: { clickhouse: ClickHouseClient; repositories: Repositories },
): void {
  addRoute(app, LIST, async ({ caller, query }) => {
    const repository = await repositoryOf(repositories, caller, query.repository);
    const conditions = ['org_id = {orgId:String}'];
    const params: Record<string, unknown> = { orgId: caller.orgId, limit: query.limit + 1 };
    if (repository !== undefined) {
      conditions.push('repo = {repo:String}');
      params['repo'] = repository;
    }
    if (query.state !== undefined) {
      conditions.push('state = {state:String}');
      params['state'] = query.state;
    }
    const history = historyStart(caller.plan);
    if (history !== undefined) {
      conditions.push("last_drill_at >= fromUnixTimestamp64Milli({history:Int64}, 'UTC')");
      params['history'] = history.getTime();
    }
    const after = decodeCursor(query.cursor, ['string', 'string', 'string']);
    if (after !== undefined) {
      conditions.push('(repo, seat, client) > ({afterRepo:String}, {afterSeat:String}, {afterClient:String})');
      [params['afterRepo'], params['afterSeat'], params['afterClient']] = after;
    }
    const found = await withStoreErrors(
      selectRows<Row<'drill_seat'>>(
        clickhouse,
        `SELECT * FROM drill_seat WHERE ${conditions.join(' AND ')} ORDER BY repo, seat, client LIMIT {limit:UInt32}`,
        params,
      ),
    );
    const { rows, nextCursor } = page(found, query.limit, ({ repo, seat, client }) => [repo, seat, client]);
    return { seats: rows.map(toSeat), nextCursor };
  });
}

function toSeat(row: Row<'drill_seat'>): ReturnType<typeof drillSeat.parse> {
  // The view that makes the rows accepts only known clients and results.
  return drillSeat.parse({
    repository: row.repo === '' ? null : row.repo,
    seat: row.seat,
    client: row.client,
    clientVersion: row.client_version === '' ? null : row.client_version,
    state: row.state,
    lastResult: row.last_result,
    lastDrillAt: row.last_drill_at,
    lastProofAt: row.last_proof_at,
  });
}
