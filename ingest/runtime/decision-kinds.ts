import type { RuntimeBody, RuntimeEntry } from '#schemas/http/ingest-runtime.js';
import { decisionAttributes, type DecisionRecord } from '#schemas/records/decision.js';
import { hashable } from '#schemas/hashable.js';
import { scrubText } from '#schemas/scrub.js';
import { ATTR_DECISION_DURATION, ATTR_DECISION_TIMESTAMP, ATTR_EVENT_ID } from '#schemas/semconv.js';
import { createIdentities, TIME_DIGITS, type Identity } from './event-ids.js';
import { encodeTemplate, type Attributes, type SpanTemplate } from './span-bytes.js';

/** The values that entries of a batch share, apart from time, id, duration and call. A batch has few kinds. */
export class DecisionKind {
  /** Identity of entries whose time has millisecond precision. */
  readonly identity: Identity;
  readonly #identityOf: (rest: string) => Identity;
  readonly #attributes: Attributes;
  readonly #templates = new Map<number, SpanTemplate>();

  constructor(attributes: Attributes, identityOf: (rest: string) => Identity) {
    this.#attributes = attributes;
    this.#identityOf = identityOf;
    this.identity = identityOf('');
  }

  /** Returns the identity of entries whose time has more digits, which are not part of the id's time. */
  identityAt(exactTime: string): Identity {
    return this.#identityOf(`,${JSON.stringify(exactTime)}`);
  }

  /**
   * Returns the span template of such an entry. `sentIdBytes` is 0 when no id was sent; then the id of {@link identity}
   * is used, without its time.
   */
  template(sentIdBytes: number, durationMs: number, toolCallIdBytes: number): SpanTemplate {
    const duration = varintBytes(durationMs);
    const key = (sentIdBytes * 8 + duration) * 1_024 + toolCallIdBytes + 1;
    let template = this.#templates.get(key);
    if (template === undefined) {
      const { event, trace, span } = this.identity.base;
      const eventId = sentIdBytes === 0 ? `${event}${' '.repeat(TIME_DIGITS)}` : ' '.repeat(sentIdBytes);
      template = encodeTemplate(
        { event: eventId, trace, span },
        { duration, toolCallId: toolCallIdBytes },
        this.#attributes,
      );
      this.#templates.set(key, template);
    }
    return template;
  }
}

/** Returns 0 when the duration is not a whole number. */
function varintBytes(value: number): number {
  if (!Number.isSafeInteger(value)) return 0;
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Values that distinguish two kinds, as sent. */
interface Sent {
  readonly decision: string;
  readonly reason: RuntimeEntry['reason'];
  readonly agent: RuntimeEntry['agent'];
  readonly ruleName: string | undefined;
  readonly ruleCategory: RuntimeEntry['ruleCategory'];
  readonly kind: DecisionKind;
}

/** Maximum kinds per tool, and tools, cached while a batch is read. */
const MAX_KINDS = 32;
const MAX_TOOLS = 1_000;
/** Attributes that differ between decisions. */
const OWN = new Set([ATTR_EVENT_ID, ATTR_DECISION_TIMESTAMP, ATTR_DECISION_DURATION]);

/** Creates a function that returns an entry's kind. The text of a new kind is redacted. */
export function createKinds(
  body: RuntimeBody,
  repository: string,
  orgId: string,
): (entry: RuntimeEntry) => DecisionKind {
  const sessionId = scrubbed(body.sessionId, 200) ?? '';
  const identityOf = createIdentities(orgId);
  const byTool = new Map<string, Sent[]>();

  function make(entry: RuntimeEntry, rule: string | undefined): DecisionKind {
    const tool = scrubbed(entry.tool, 200) ?? '';
    const reason = scrubbed(entry.reason, 2_000);
    const ruleName = scrubbed(rule, 300);
    const record: DecisionRecord = {
      eventId: '',
      timestamp: '',
      repository,
      sessionId,
      agent: scrubbed(entry.agent ?? body.agent, 100) ?? '',
      tool,
      decision: entry.decision,
      ...(reason === undefined ? {} : { reason }),
      ...(ruleName === undefined ? {} : { ruleName }),
      ...(entry.ruleCategory === undefined || entry.ruleCategory === null ? {} : { ruleCategory: entry.ruleCategory }),
      durationMs: 0,
      source: 'rest',
    };
    const what = JSON.stringify([repository, sessionId, tool, entry.decision, reason ?? ''].map(hashable)).slice(0, -1);
    const attributes = Object.entries(decisionAttributes(record)).filter(([name]) => !OWN.has(name));
    return new DecisionKind(attributes, (rest) => identityOf(`${what}${rest}]`));
  }

  return (entry) => {
    const ruleName = ruleNameOf(entry);
    let known = byTool.get(entry.tool);
    if (known === undefined) {
      if (byTool.size >= MAX_TOOLS) byTool.clear();
      known = [];
      byTool.set(entry.tool, known);
    }
    for (const sent of known) {
      if (
        sent.decision === entry.decision &&
        sent.reason === entry.reason &&
        sent.agent === entry.agent &&
        sent.ruleName === ruleName &&
        sent.ruleCategory === entry.ruleCategory
      )
        return sent.kind;
    }
    const kind = make(entry, ruleName);
    if (known.length >= MAX_KINDS) known.length = 0;
    known.push({
      decision: entry.decision,
      reason: entry.reason,
      agent: entry.agent,
      ruleName,
      ruleCategory: entry.ruleCategory,
      kind,
    });
    return kind;
  };
}

function ruleNameOf(entry: RuntimeEntry): string | undefined {
  if (entry.ruleName !== undefined && entry.ruleName !== null) return entry.ruleName;
  return entry.matchedRule === undefined || entry.matchedRule === null ? undefined : `deny:${entry.matchedRule.tool}`;
}

/** Returns the text as the hook would have recorded it, by {@link scrubText}; undefined where none was sent. */
export function scrubbed(text: string | null | undefined, maxLength: number): string | undefined {
  return text === undefined || text === null ? undefined : scrubText(text, maxLength);
}
