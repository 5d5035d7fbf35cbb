import type { DecisionRecord } from '#schemas/records/decision.js';
import { isNamedSecret, NAMED_SECRET, redact, secretNameStrength } from '#schemas/redaction.js';
import {
  ATTR_DECISION,
  ATTR_DECISION_DURATION,
  ATTR_DECISION_REASON,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_TOOL_CALL_ID,
  ATTR_REDACTION_MASKED_COUNT,
  ATTR_SECURITY_RULE_CATEGORY,
  ATTR_SECURITY_RULE_NAME,
  ATTR_SECURITY_RULE_UUID,
} from '#schemas/semconv.js';
import type { Decisions } from './decisions.js';

type AttributeMap = Record<string, unknown>;

/**
 * The members of an SDK span that are used; both generations of the JavaScript SDK have them. The objects are exported
 * afterwards, and are changed in place.
 */
export interface ProcessedSpan {
  name: string;
  readonly attributes: AttributeMap;
  readonly status: { code: number; message?: string };
  readonly events: readonly { name: string; attributes?: AttributeMap }[];
  readonly links: readonly { attributes?: AttributeMap }[];
}

/** The members of the SDK's `SpanProcessor` that are used. */
export interface GenAiSpanProcessor {
  onStart(): void;
  onEnding(span: ProcessedSpan): void;
  onEnd(span: ProcessedSpan): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
  /** Secrets masked so far, by kind. */
  readonly masked: Readonly<Record<string, number>>;
}

/**
 * Returns a span processor for an agent that already emits GenAI spans, to be placed before the exporting one. Scrubs
 * every text of a span, including message and tool contents, and counts masked values on the span; adds the decision
 * about its call to an `execute_tool` span.
 */
export function createSpanProcessor(decisions: Decisions): GenAiSpanProcessor {
  const done = new WeakSet();
  const masked: Record<string, number> = {};
  const process = (span: ProcessedSpan): void => {
    // Attributes may still be added after `onEnding`; scrubbing already scrubbed text changes nothing.
    const count = scrubSpan(span, masked);
    const before = span.attributes[ATTR_REDACTION_MASKED_COUNT];
    if (count > 0) span.attributes[ATTR_REDACTION_MASKED_COUNT] = count + (typeof before === 'number' ? before : 0);
    if (!done.has(span)) addDecision(span, decisions);
    done.add(span);
  };
  return {
    onStart: () => undefined,
    onEnding: process,
    onEnd: process,
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
    masked,
  };
}

function addDecision({ attributes, name }: ProcessedSpan, decisions: Decisions): void {
  const isToolCall = attributes[ATTR_GEN_AI_OPERATION_NAME] === 'execute_tool' || name.startsWith('execute_tool ');
  const callId = attributes[ATTR_GEN_AI_TOOL_CALL_ID];
  const record = isToolCall && typeof callId === 'string' ? decisions.get(callId) : undefined;
  if (record !== undefined) Object.assign(attributes, decisionOf(record));
}

function decisionOf({ decision, durationMs, reason, ruleName, ruleId, ruleCategory }: DecisionRecord): AttributeMap {
  return {
    [ATTR_DECISION]: decision,
    [ATTR_DECISION_DURATION]: durationMs,
    ...(reason === undefined ? {} : { [ATTR_DECISION_REASON]: reason }),
    ...(ruleName === undefined ? {} : { [ATTR_SECURITY_RULE_NAME]: ruleName }),
    ...(ruleId === undefined ? {} : { [ATTR_SECURITY_RULE_UUID]: ruleId }),
    ...(ruleCategory === undefined ? {} : { [ATTR_SECURITY_RULE_CATEGORY]: ruleCategory }),
  };
}

function scrubSpan(span: ProcessedSpan, masked: Record<string, number>): number {
  let count = 0;
  const scrub = (text: string, key?: string): string => {
    const strength = key === undefined ? undefined : secretNameStrength(key);
    const isSecret = strength !== undefined && isNamedSecret(text, strength);
    const { text: clean, counts } = isSecret
      ? { text: `[REDACTED:${NAMED_SECRET}]`, counts: { [NAMED_SECRET]: 1 } }
      : redact(text);
    for (const [kind, number] of Object.entries(counts)) {
      masked[kind] = (masked[kind] ?? 0) + number;
      count += number;
    }
    return clean;
  };
  span.name = scrub(span.name);
  if (span.status.message !== undefined) span.status.message = scrub(span.status.message);
  for (const attributes of [
    span.attributes,
    ...span.events.map((event) => event.attributes),
    ...span.links.map((link) => link.attributes),
  ]) {
    if (attributes !== undefined) scrubAttributes(attributes, scrub);
  }
  for (const event of span.events) event.name = scrub(event.name);
  return count;
}

/** Scrubs the attributes in place: keys, and values that are secret by their key. */
function scrubAttributes(attributes: AttributeMap, scrub: (text: string, key?: string) => string): void {
  for (const [key, value] of Object.entries(attributes)) {
    const name = scrub(key);
    if (name !== key) Reflect.deleteProperty(attributes, key);
    if (typeof value === 'string') attributes[name] = scrub(value, key);
    else if (Array.isArray(value)) attributes[name] = scrubList(value, scrub, key);
    else attributes[name] = value;
  }
}

/**
 * Returns a list with scrubbed texts; or only its JSON, if a secret appears only across elements: an option and its
 * value.
 */
function scrubList(list: readonly unknown[], scrub: (text: string, key?: string) => string, key: string): unknown {
  const clean = list.map((item) => (typeof item === 'string' ? scrub(item, key) : item));
  const json = JSON.stringify(clean);
  const whole = scrub(json);
  return whole === json ? clean : [whole];
}
