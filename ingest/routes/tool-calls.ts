import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  sessionDetail,
  sessionList,
  sessionQuery,
  sessionsQuery,
  toolCallList,
  toolCallsQuery,
  type AgentSession,
  type Outcome,
  type ToolCall,
} from '#schemas/http/tool-calls.js';
import type { Row } from '#schemas/records/rows.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import { historyStart, outsideHistory } from '../plans.js';
import { agentSessions } from '../queries/agent-sessions.js';
import { toolCalls } from '../queries/tool-calls.js';
import { exactWindow } from '../queries/window.js';
import type { Repositories } from '../repositories.js';
import { repositoryOf } from './findings.js';

const CALLS = {
  id: 'listToolCalls',
  method: 'GET',
  url: '/v1/tool-calls',
  tag: 'query',
  summary: 'List tool calls with what was decided and what happened, newest first',
  scopes: ['read'],
  query: toolCallsQuery,
  response: toolCallList,
} as const satisfies RouteSpec;

const SESSIONS = {
  id: 'listSessions',
  method: 'GET',
  url: '/v1/sessions',
  tag: 'query',
  summary: 'List sessions of agents, the one that started last first',
  scopes: ['read'],
  query: sessionsQuery,
  response: sessionList,
} as const satisfies RouteSpec;

const SESSION = {
  id: 'showSession',
  method: 'GET',
  url: '/v1/sessions/{sessionId}',
  tag: 'query',
  summary: 'Show a session with its tool calls in order',
  description: '`limit` and `cursor` page through the calls.',
  scopes: ['read'],
  params: z.object({ sessionId: z.string().min(1).max(600) }),
  query: sessionQuery,
  response: sessionDetail,
} as const satisfies RouteSpec;

/** Adds `GET /v1/tool-calls`, `/v1/sessions` and `/v1/sessions/{sessionId}`. */
export function toolCallRoutes(
  app: FastifyInstance,
  options: { clickhouse: ClickHouseClient; repositories: Repositories },
): void {
  const { clickhouse, repositories } = options;

  addRoute(app, CALLS, async ({ caller, query }) => {
    const { repository, session, agent, tool, outcome, cause, limit, cursor } = query;
    const window = exactWindow(query, caller);
    const { rows, nextCursor } = await toolCalls(clickhouse, {
      orgId: caller.orgId,
      filters: {
        repo: await repositoryOf(repositories, caller, repository),
        session_id: session,
        agent,
        tool,
        outcome,
        cause,
      },
      from: window.from,
      to: window.to,
      order: 'newest first',
      limit,
      cursor,
    });
    return {
      toolCalls: rows.map((row) => toToolCall(row, caller)),
      from: window.from.toISOString(),
      to: window.to.toISOString(),
      historyFrom: window.historyFrom,
      nextCursor,
    };
  });

  addRoute(app, SESSIONS, async ({ caller, query }) => {
    const { repository, agent, limit, cursor } = query;
    const window = exactWindow(query, caller);
    const { rows, nextCursor } = await agentSessions(clickhouse, {
      orgId: caller.orgId,
      repository: await repositoryOf(repositories, caller, repository),
      isBound: caller.repository !== null,
      agent,
      from: window.from,
      to: window.to,
      limit,
      cursor,
    });
    return {
      sessions: rows.map((row) => toSession(row, caller)),
      from: window.from.toISOString(),
      to: window.to.toISOString(),
      historyFrom: window.historyFrom,
      nextCursor,
    };
  });

  addRoute(app, SESSION, async ({ caller, params, query }) => {
    const repository = caller.repository ?? undefined;
    const { rows: sessions } = await agentSessions(clickhouse, {
      orgId: caller.orgId,
      repository,
      isBound: repository !== undefined,
      session: params.sessionId,
      limit: 1,
      cursor: undefined,
    });
    const [session] = sessions;
    if (session === undefined) throw new ShieldwatchError('not_found', 'there is no such session');
    const history = historyStart(caller.plan);
    if (history !== undefined && Date.parse(session.last_at) < history.getTime())
      throw outsideHistory(caller.plan, history, 'sessionId');
    const { rows, nextCursor } = await toolCalls(clickhouse, {
      orgId: caller.orgId,
      filters: { session_id: session.session_id, repo: repository },
      from: new Date(Math.max(Date.parse(session.started_at), history?.getTime() ?? 0)),
      to: new Date(Date.parse(session.last_at) + 1),
      order: 'oldest first',
      limit: query.limit,
      cursor: query.cursor,
    });
    const isCut = history !== undefined && Date.parse(session.started_at) < history.getTime();
    return {
      ...toSession(session, caller),
      calls: rows.map((row) => toToolCall(row, caller)),
      historyFrom: isCut ? history.toISOString() : null,
      nextCursor,
    };
  });
}

const orNull = (text: string): string | null => (text === '' ? null : text);

type CallRow = Row<'tool_call_outcome'>;
type SessionRow = Row<'agent_session'>;
type Attributed = Pick<CallRow, 'repo' | 'repo_source' | 'repo_claimed'>;

function attributionOf(
  row: Attributed,
  caller: Caller,
): Pick<ToolCall, 'repository' | 'repositorySource' | 'repositoryClaimed'> {
  return {
    repository: orNull(row.repo),
    repositorySource: orNull(row.repo_source) as ToolCall['repositorySource'],
    repositoryClaimed:
      row.repo_claimed !== '' && caller.repository !== null ? 'another repository' : orNull(row.repo_claimed),
  };
}

function toToolCall(row: CallRow, caller: Caller): ToolCall {
  return {
    toolCallId: row.tool_call_id,
    isInferred: row.is_inferred,
    sessionId: orNull(row.session_id),
    ...attributionOf(row, caller),
    agent: row.agent,
    agentName: row.agent_name,
    tool: row.tool,
    outcome: row.outcome as Outcome,
    cause: orNull(row.cause),
    missing: row.missing,
    occurredAt: row.occurred_at,
    askedAt: row.asked_at,
    judgedAt: row.judged_at,
    decidedAt: row.decided_at,
    ranAt: row.ran_at,
    resultAt: row.result_at,
    judgement:
      row.judgement === ''
        ? null
        : {
            decision: row.judgement,
            by: row.judged_by,
            ruleId: orNull(row.rule_id),
            ruleName: orNull(row.rule_name),
            ruleCategory: orNull(row.rule_category),
            reason: orNull(row.reason),
            durationMs: row.judge_duration_us === 0 ? null : row.judge_duration_us / 1_000,
          },
    agentDecision:
      row.agent_decision === '' ? null : { decision: row.agent_decision, source: orNull(row.agent_decision_source) },
    permissionMode: orNull(row.permission_mode),
    result:
      row.result_at === null
        ? null
        : {
            success: row.success === '' ? null : row.success === 'true',
            errorType: orNull(row.error_type),
            durationMs: row.duration_ms === 0 ? null : row.duration_ms,
          },
    evidence: { judgements: row.judgement_ids, agentEvents: row.agent_event_ids },
  };
}

function toSession(row: SessionRow, caller: Caller): AgentSession {
  return {
    sessionId: row.session_id,
    ...attributionOf(row, caller),
    agent: row.agent,
    agentName: row.agent_name,
    agentVersion: row.agent_version,
    startedAt: row.started_at,
    lastAt: row.last_at,
    permissionModes: row.permission_modes,
    models: row.models,
    toolCalls: row.tool_calls,
    outcomes: row.outcomes,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
  };
}
