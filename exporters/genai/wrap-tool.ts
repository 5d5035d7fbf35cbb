import { SpanKind, SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import {
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_GEN_AI_TOOL_NAME,
  SCOPE_NAME,
} from '#schemas/semconv.js';
import { scrubText } from '#schemas/scrub.js';
import { stricterMode, type PolicyMode } from '../hook/policy-mode.js';
import { decisionRecord } from '../hook/record.js';
import { cannotJudge, judge, type Verdict } from '../hook/verdict.js';
import { appendToSpool } from '../spool/append.js';
import { newEventId } from '../spool/event-id.js';
import { spoolLimits } from '../spool/limits.js';
import { spoolFolder } from '../spool/location.js';
import type { Decisions } from './decisions.js';
import { environment } from '../environment.js';

/** Thrown for a call that the runtime policy denies: the tool did not run. */
export class ToolBlockedError extends Error {
  override readonly name = 'ToolBlockedError';
}

export interface WrapOptions {
  /** Name of the tool, as in policies and spans. */
  readonly name: string;
  /** Name of the agent. */
  readonly agent?: string;
  /** Conversation of the call; rate limits count per conversation. */
  readonly sessionId?: string;
  /** Returns the model's id of a call from its arguments; generated if left out. */
  readonly callId?: (...args: never[]) => string;
  /** Folder whose policy applies. Default: the process's working directory. */
  readonly cwd?: string;
  readonly policyMode?: PolicyMode;
}

/**
 * Wraps a tool of an agent that emits no telemetry: judges each call by AgentShield's runtime policy and traces it as
 * `execute_tool {name}`. A denied call rejects with {@link ToolBlockedError} and the tool does not run. Arguments and
 * results are not recorded.
 */
export function wrapTool<A extends unknown[], R>(
  fn: (...args: A) => R | Promise<R>,
  options: WrapOptions,
  decisions: Decisions,
): (...args: A) => Promise<R> {
  return async (...args) => {
    const callId = (options.callId as ((...args: A) => string) | undefined)?.(...args) ?? newEventId();
    const attributes = {
      [ATTR_GEN_AI_OPERATION_NAME]: 'execute_tool',
      [ATTR_GEN_AI_TOOL_NAME]: options.name,
      [ATTR_GEN_AI_TOOL_CALL_ID]: callId,
      ...(options.agent === undefined ? {} : { [ATTR_GEN_AI_AGENT_NAME]: options.agent }),
      ...(options.sessionId === undefined ? {} : { [ATTR_GEN_AI_CONVERSATION_ID]: options.sessionId }),
    };
    const tracer = trace.getTracer(SCOPE_NAME);
    return tracer.startActiveSpan(
      `execute_tool ${options.name}`,
      { kind: SpanKind.INTERNAL, attributes },
      async (span) => {
        try {
          const verdict = judgeAndRecord(args, callId, options, decisions);
          if (verdict.decision === 'block') throw new ToolBlockedError(scrubText(verdict.reason, 300));
          return await fn(...args);
        } catch (error) {
          fail(span, error);
          throw error;
        } finally {
          span.end();
        }
      },
    );
  };
}

function judgeAndRecord(args: unknown[], callId: string, options: WrapOptions, decisions: Decisions): Verdict {
  const startedAt = performance.now();
  const env = environment;
  const call = {
    event: 'PreToolUse',
    tool: options.name,
    cwd: options.cwd ?? process.cwd(),
    sessionId: options.sessionId ?? '',
    toolCallId: callId,
    agent: options.agent ?? '',
  };
  const verdict = judgeSafely(() => {
    const input = JSON.stringify(args.length === 1 ? args[0] : args) as string | undefined;
    return judge(
      { ...call, input: input ?? '' },
      { mode: stricterMode(options.policyMode ?? 'strict', env), env, projectDir: '' },
    );
  });
  const record = decisionRecord(call, verdict, performance.now() - startedAt, { env, projectDir: '' });
  decisions.add(record);
  try {
    appendToSpool(spoolFolder(env), record, spoolLimits(env));
  } catch {
    // Telemetry fails open; the verdict is unchanged.
  }
  return verdict;
}

/** Blocks a call that cannot be judged, e.g. with arguments that are not JSON. */
function judgeSafely(judgeCall: () => Verdict): Verdict {
  try {
    return judgeCall();
  } catch {
    return cannotJudge('the guard failed');
  }
}

function fail(span: Span, error: unknown): void {
  span.setAttribute(ATTR_ERROR_TYPE, error instanceof Error ? error.name : 'unknown');
  span.setStatus({ code: SpanStatusCode.ERROR, message: scrubText(error instanceof Error ? error.message : '', 300) });
}
