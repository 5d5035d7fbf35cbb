import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  sessionDetail,
  sessionList,
  sessionQuery,
  sessionsQuery,
  sessionTimelineList,
  toolCallList,
  toolCallsQuery,
  type AgentSession,
  type Outcome,
  type TimelineEntry,
  type ToolCall,
} from '#schemas/http/tool-calls.js';
import { TIMELINE_KINDS, type TimelineRow } from '#schemas/clickhouse/session-timeline.js';
import type { Row } from '#schemas/records/rows.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import { historyStart, outsideHistory } from '../plans.js';
import { agentSessions } from '../queries/agent-sessions.js';
import { timelineOf } from '../queries/session-timeline.js';
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

const TIMELINE = {
  id: 'showSessionTimeline',
  method: 'GET',
  url: '/v1/sessions/{sessionId}/timeline',
  tag: 'query',
  summary: 'Show what happened in a session, in order',
  description:
    'Judgements of guards, events of the agent, MCP connections, masked values, model calls with tokens and cost, and drift of the repository, by time and by the number that the agent gives its events. Events that never arrived are gaps.',
  scopes: ['read'],
  params: SESSION.params,
  query: sessionQuery,
  response: sessionTimelineList,
} as const satisfies RouteSpec;

/** Adds `GET /v1/tool-calls`, `/v1/sessions`, `/v1/sessions/{sessionId}` and its timeline. */
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

  /** Finds a session that the caller may see, and since when the plan shows it. */
  async function findSession(caller: Caller, sessionId: string): Promise<{ session: SessionRow; history?: Date }> {
    const { rows } = await agentSessions(clickhouse, {
      orgId: caller.orgId,
      repository: caller.repository ?? undefined,
      isBound: caller.repository !== null,
      session: sessionId,
      limit: 1,
      cursor: undefined,
    });
    const [session] = rows;
    if (session === undefined) throw new ShieldwatchError('not_found', 'there is no such session');
    const history = historyStart(caller.plan);
    if (history === undefined || Date.parse(session.started_at) >= history.getTime()) return { session };
    if (Date.parse(session.last_at) < history.getTime()) throw outsideHistory(caller.plan, history, 'sessionId');
    return { session, history };
  }

  addRoute(app, SESSION, async ({ caller, params, query }) => {
    const { session, history } = await findSession(caller, params.sessionId);
    const { rows, nextCursor } = await toolCalls(clickhouse, {
      orgId: caller.orgId,
      filters: { session_id: session.session_id, repo: caller.repository ?? undefined },
      from: history ?? new Date(session.started_at),
      to: new Date(Date.parse(session.last_at) + 1),
      order: 'oldest first',
      limit: query.limit,
      cursor: query.cursor,
    });
    return {
      ...toSession(session, caller),
      calls: rows.map((row) => toToolCall(row, caller)),
      historyFrom: history?.toISOString() ?? null,
      nextCursor,
    };
  });

  addRoute(app, TIMELINE, async ({ caller, params, query }) => {
    const { session, history } = await findSession(caller, params.sessionId);
    const { rows, nextCursor } = await timelineOf(clickhouse, {
      orgId: caller.orgId,
      session: session.session_id,
      repository: caller.repository ?? undefined,
      from: history ?? new Date(0),
      limit: query.limit,
      cursor: query.cursor,
    });
    return { entries: rows.map(toEntry), historyFrom: history?.toISOString() ?? null, nextCursor };
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
    subagents: row.subagents,
    errors: row.errors,
    maskedValues: row.masked,
    inputTokens: row.input_tokens,
    outputTokens: row.output_tokens,
    costUsd: row.cost_usd,
  };
}

function toEntry(row: TimelineRow): TimelineEntry {
  const isModelCall = row.kind === 'model_call';
  const isDrift = row.kind === TIMELINE_KINDS.drift;
  return {
    kind: row.kind as TimelineEntry['kind'],
    occurredAt: row.occurred_at,
    sequence: row.agent === 'claude-code' && row.kind !== 'judgement' ? row.sequence : null,
    eventId: row.event_id,
    repository: orNull(row.repo),
    agent: orNull(row.agent),
    eventName: orNull(row.event_name),
    tool: orNull(row.tool),
    toolCallId: orNull(row.tool_call_id),
    decision: orNull(row.decision),
    decisionSource: orNull(row.decision_source),
    ruleName: orNull(row.rule_name),
    reason: orNull(row.reason),
    outcome: orNull(row.outcome) as Outcome | null,
    cause: orNull(row.cause),
    permissionMode: orNull(row.permission_mode),
    model: orNull(row.model),
    inputTokens: isModelCall ? row.input_tokens : null,
    outputTokens: isModelCall ? row.output_tokens : null,
    costUsd: isModelCall ? row.cost_usd : null,
    success: row.success === '' ? null : row.success === 'true',
    errorType: orNull(row.error_type),
    durationMs: row.duration_ms === 0 ? null : row.duration_ms,
    maskedValues: row.masked,
    lostEvents: row.kind === TIMELINE_KINDS.gap ? row.lost : null,
    scorePrevious: isDrift ? row.score_previous : null,
    scoreCurrent: isDrift ? row.score_current : null,
  };
}
