import type { FastifyInstance } from 'fastify';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  findingList,
  findingsQuery,
  triageAnswer,
  triageChange,
  type Finding,
  type TriageState,
} from '#schemas/http/findings.js';
import { repositoryId } from '#schemas/records/repository.js';
import { scrubText } from '#schemas/scrub.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import { historyStart } from '../plans.js';
import type { ControlPlane } from '../control/control-plane.js';
import { rowOfRepository } from '../control/row-of-repository.js';
import { comparedScans, type ComparedScans } from '../queries/baseline-comparison.js';
import { findings, type FindingRow } from '../queries/findings.js';
import { readDate } from '../queries/window.js';
import type { Repositories } from '../repositories.js';
import { repoParams } from './posture.js';

const LIST = {
  id: 'listFindings',
  method: 'GET',
  url: '/v1/findings',
  tag: 'query',
  summary: 'List findings across scans',
  scopes: ['read'],
  query: findingsQuery,
  response: findingList,
} as const satisfies RouteSpec;

const TRIAGE = {
  id: 'triageFinding',
  method: 'PUT',
  url: '/v1/repo/{repoId}/findings/triage',
  tag: 'control',
  summary: 'Accept a finding until a date, mute it, or reopen it',
  scopes: ['admin'],
  role: 'admin',
  params: repoParams,
  body: triageChange,
  response: triageAnswer,
} as const satisfies RouteSpec;

interface TriageRow extends Record<string, unknown> {
  repo_id: string;
  finding_key: string;
  state: TriageState;
  reason: string;
  until: Date | string | null;
  set_by: string;
  set_at: Date | string;
}

/** Adds `GET /v1/findings` and the triage of a finding. */
export function findingRoutes(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories; plane: ControlPlane },
): void {
  const { clickhouse, repositories, plane } = options;

  addRoute(app, LIST, async ({ caller, query }) => {
    const repository = await repositoryOf(repositories, caller, query.repository);
    const { severity, category, status, sinceBaseline, limit, cursor } = query;
    const baseline = repository === undefined ? undefined : await baselineScans(caller.orgId, repository);
    if (sinceBaseline !== undefined && baseline === undefined) {
      const expected = 'a repository whose newest scan can be compared with its baseline';
      throw new ShieldwatchError('query_invalid', `sinceBaseline: expected ${expected}`, {
        field: 'sinceBaseline',
        expected,
      });
    }
    const history = historyStart(caller.plan);
    const { rows, nextCursor } = await findings(clickhouse, {
      orgId: caller.orgId,
      repository,
      severity,
      category,
      status,
      resolvedSince: history,
      baseline,
      isNewOnly: sinceBaseline !== undefined,
      limit,
      cursor,
    });
    const decided = await triageOf(plane, caller.orgId, rows);
    return {
      findings: rows.map((row) =>
        toFinding(row, decided.get(`${repositoryId(caller.orgId, row.repo)}\0${row.finding_key}`)),
      ),
      nextCursor,
      historyFrom: history?.toISOString() ?? null,
    };
  });

  /**
   * Returns the newest scan and the baseline of a repository; undefined when there is no baseline or the two cannot be
   * compared.
   */
  async function baselineScans(orgId: string, repository: string): Promise<ComparedScans | undefined> {
    const [row] = await plane.read(orgId, (tx) =>
      tx.query<{ source_event_id: string | null }>('SELECT source_event_id FROM baseline WHERE repo_id = $1', [
        repositoryId(orgId, repository),
      ]),
    );
    return row === undefined
      ? undefined
      : (await comparedScans(clickhouse, { orgId, repository, eventId: row.source_event_id })).scans;
  }

  addRoute(app, TRIAGE, async ({ caller, params, body }) => {
    const { id, fullName } = await repositories.getOrCreate(caller, params.repoId);
    const until = body.state === 'accepted' && typeof body.until === 'string' ? readDate(body.until, 'until') : null;
    if (until !== null && until.getTime() <= Date.now()) {
      throw new ShieldwatchError('body_invalid', 'until: expected a time in the future', {
        field: 'until',
        expected: 'a time in the future',
      });
    }
    const reason = scrubText(body.reason, 2_000);
    return plane.change(caller, async (tx) => {
      const row = await rowOfRepository(
        tx.query<TriageRow>(
          `INSERT INTO finding_triage (org_id, repo_id, finding_key, state, reason, until, set_by) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (org_id, repo_id, finding_key) DO UPDATE SET state = $4, reason = $5, until = $6, set_by = $7, set_at = now()
         RETURNING *`,
          [
            caller.orgId,
            id,
            scrubText(body.findingKey, 2_000),
            body.state,
            reason,
            until?.toISOString() ?? null,
            caller.actor,
          ],
        ),
      );
      await tx.record({
        action: `finding.${body.state === 'open' ? 'reopen' : body.state === 'accepted' ? 'accept' : 'mute'}`,
        subject: row.finding_key,
        detail: { repository: fullName, reason, until: until?.toISOString() ?? '' },
        fact: { kind: 'finding_triage', state: body.state, repository: fullName },
      });
      return { findingKey: row.finding_key, repository: fullName, ...triageOfRow(row) };
    });
  });
}

/** Resolves a query's `repository` to its full name; for a bound token it is the token's own. */
export async function repositoryOf(
  repositories: Repositories,
  caller: Caller,
  idOrName: string | undefined,
): Promise<string | undefined> {
  if (idOrName === undefined) return caller.repository ?? undefined;
  return (await repositories.get(caller, idOrName)).fullName;
}

async function triageOf(
  plane: ControlPlane,
  orgId: string,
  rows: readonly FindingRow[],
): Promise<Map<string, TriageRow>> {
  if (rows.length === 0) return new Map();
  const decided = await plane.read(orgId, (tx) =>
    tx.query<TriageRow>(
      'SELECT * FROM finding_triage WHERE finding_key = ANY($1::text[]) AND (until IS NULL OR until > now())',
      [rows.map((row) => row.finding_key)],
    ),
  );
  return new Map(decided.map((row) => [`${row.repo_id}\0${row.finding_key}`, row]));
}

function triageOfRow(row: TriageRow): NonNullable<Finding['triage']> {
  return {
    state: row.state,
    reason: row.reason,
    until: row.until === null ? null : new Date(row.until).toISOString(),
    setBy: row.set_by,
    setAt: new Date(row.set_at).toISOString(),
  };
}

function toFinding(row: FindingRow, triage: TriageRow | undefined): Finding {
  return {
    findingKey: row.finding_key,
    repository: row.repo,
    id: row.finding_id,
    severity: row.severity,
    category: row.category,
    title: row.title,
    file: row.file,
    line: row.line,
    runtimeConfidence: row.runtime_confidence === '' ? null : row.runtime_confidence,
    occurrences: row.occurrences,
    firstSeenAt: row.first_seen_at,
    lastSeenAt: row.last_seen_at,
    resolvedAt: row.resolved_at,
    scans: row.scans,
    isNewSinceBaseline: row.is_new,
    triage: triage === undefined ? null : triageOfRow(triage),
  };
}
