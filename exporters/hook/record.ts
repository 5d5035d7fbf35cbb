import { randomUUID } from 'node:crypto';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { repositoryName } from '../repository/repository-name.js';
import { scrubText } from '../scrub.js';
import { appendToSpool } from '../spool/append.js';
import { spoolFolder } from '../spool/location.js';
import type { ToolCall } from './tool-call.js';
import type { Verdict } from './verdict.js';

/** What of a call is recorded; its input is not. */
export type RecordedCall = Pick<ToolCall, 'tool' | 'cwd' | 'sessionId' | 'toolCallId' | 'agent'>;

/**
 * Leaves one line for `shieldwatch ship`. Telemetry fails open: whatever goes wrong here is swallowed,
 * the verdict has been given. The lengths keep a line of any characters below 4 KB.
 */
export function record(call: RecordedCall, verdict: Verdict, durationMs: number, env: NodeJS.ProcessEnv): void {
  try {
    const line = decisionLine(call, verdict, durationMs, env);
    appendToSpool(spoolFolder(env), line.timestamp, line);
  } catch {
    // Nowhere to report to: stdout and stderr belong to the agent.
  }
}

function decisionLine(call: RecordedCall, verdict: Verdict, durationMs: number, env: NodeJS.ProcessEnv): DecisionRecord {
  const project = env['CLAUDE_PROJECT_DIR'] ?? '';
  return {
    eventId: randomUUID(),
    timestamp: new Date().toISOString(),
    repository: repositoryName(project === '' ? [call.cwd] : [call.cwd, project], env),
    sessionId: scrubText(call.sessionId, 128),
    agent: scrubText(call.agent, 50),
    tool: scrubText(call.tool, 120) || 'unknown',
    ...(call.toolCallId === undefined ? {} : { toolCallId: scrubText(call.toolCallId, 128) }),
    decision: verdict.decision,
    ...(verdict.decision === 'allow' ? {} : blockFields(verdict)),
    durationMs: Math.round(durationMs * 1000) / 1000,
    source: 'hook',
  };
}

function blockFields(verdict: Extract<Verdict, { decision: 'block' }>): Partial<DecisionRecord> {
  return {
    reason: scrubText(verdict.reason, 300),
    ...(verdict.ruleName === undefined ? {} : { ruleName: scrubText(verdict.ruleName, 140) }),
    ruleCategory: verdict.ruleCategory,
  };
}
