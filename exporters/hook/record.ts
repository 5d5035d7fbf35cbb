import type { DecisionRecord } from '#schemas/records/decision.js';
import { scrubText, scrubTexts } from '#schemas/scrub.js';
import { repositoryName } from '../repository/repository-name.js';
import { appendToSpool } from '../spool/append.js';
import { newEventId } from '../spool/event-id.js';
import { spoolLimits } from '../spool/limits.js';
import { spoolFolder } from '../spool/location.js';
import { actor } from './actor.js';
import { isoTime } from './iso-time.js';
import { DRILL_MARK, PROBE_SESSION } from '../hook-start.js';
import { keepDrillJudgement } from './drill.js';
import { isToolEvent, type ToolCall } from './tool-call.js';
import type { Verdict } from './verdict.js';

/** The recorded parts of a call; of its input only whether it is the call of a drill. */
export type RecordedCall = Pick<ToolCall, 'tool' | 'cwd' | 'sessionId' | 'toolCallId' | 'agent' | 'agentVersion'> &
  Partial<Pick<ToolCall, 'event' | 'input'>>;

/** Context of a call that its input does not contain. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** The session's project; `''` when unknown. */
  readonly projectDir: string;
}

/**
 * Appends one line for the shipper. Telemetry fails open: every error here is ignored, because the verdict has been
 * returned. The length limits keep any line below 4 KB.
 */
export function record(
  call: RecordedCall,
  verdict: Verdict,
  durationMs: number,
  { env, projectDir }: Surroundings,
): void {
  if (call.sessionId === PROBE_SESSION) return;
  try {
    if (call.input?.includes(DRILL_MARK) && keepDrillJudgement(call, verdict, env)) return;
    const line = decisionRecord(call, verdict, durationMs, { env, projectDir });
    appendToSpool(spoolFolder(env), line, spoolLimits(env));
  } catch {
    // Nowhere to report to: stdout and stderr belong to the agent.
  }
}

/** Returns the scrubbed record of a decision made now. */
export function decisionRecord(
  call: RecordedCall,
  verdict: Verdict,
  durationMs: number,
  { env, projectDir }: Surroundings,
): DecisionRecord {
  const actorId = actor(env);
  const [sessionId = '', agent = '', agentVersion = '', tool = '', toolCallId = ''] = scrubTexts(
    [call.sessionId, call.agent, call.agentVersion ?? '', call.tool, call.toolCallId ?? ''],
    128,
  );
  return {
    eventId: newEventId(),
    timestamp: isoTime(Date.now()),
    repository: repositoryName(projectDir === '' ? [call.cwd] : [call.cwd, projectDir], env),
    sessionId,
    agent,
    ...(call.agentVersion === undefined ? {} : { agentVersion }),
    tool: tool || 'unknown',
    // A truncated or masked id could equal another call's, and calls are counted by id.
    ...(toolCallId === '' || toolCallId !== call.toolCallId ? {} : { toolCallId }),
    decision: verdict.decision,
    ...(verdict.decision === 'allow' ? {} : blockFields(verdict)),
    ...(verdict.rateLimit === undefined ? {} : { rateLimit: verdict.rateLimit }),
    ...(verdict.policyChange === undefined ? {} : { policyChange: verdict.policyChange }),
    ...(call.event === undefined || isToolEvent(call.event) ? {} : { hookEvent: call.event }),
    ...(actorId === undefined ? {} : { actor: actorId }),
    durationMs: Math.round(durationMs * 1000) / 1000,
    source: 'hook',
  };
}

function blockFields(verdict: Extract<Verdict, { decision: 'block' }>): Partial<DecisionRecord> {
  return {
    reason: scrubText(verdict.reason, 300),
    ...(verdict.ruleName === undefined ? {} : { ruleName: scrubText(verdict.ruleName, 140) }),
    ...(verdict.ruleId === undefined ? {} : { ruleId: verdict.ruleId }),
    ruleCategory: verdict.ruleCategory,
  };
}
