import { createHash } from 'node:crypto';
import { ShieldwatchError } from '#schemas/errors.js';
import type { RuntimeBody, RuntimeEntry } from '#schemas/http/ingest-runtime.js';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { redactText } from '#schemas/redaction.js';
import { checkTime } from '../body/check-time.js';

/**
 * The decisions of a request, scrubbed, each with its identity.
 *
 * @throws ShieldwatchError 400 when an entry is dated where no fact can be.
 */
export function toDecisions(body: RuntimeBody, repository: string): DecisionRecord[] {
  const now = Date.now();
  const sessionId = scrubbed(body.sessionId, 200) ?? '';
  const ordinals = new Map<string, number>();
  return body.entries.map((entry, index) => {
    const time = checkTime(entry.timestamp, `entries[${String(index)}].timestamp`, now);
    const tool = scrubbed(entry.tool, 200) ?? '';
    const reason = scrubbed(entry.reason, 2_000);
    const identity = [repository, sessionId, exactTime(entry.timestamp, time), tool, entry.decision, reason ?? ''];
    return {
      eventId: eventIdOf(entry, index) ?? madeEventId(identity, ordinals),
      timestamp: new Date(time).toISOString(),
      repository,
      sessionId,
      agent: scrubbed(entry.agent ?? body.agent, 100) ?? '',
      tool,
      ...present('toolCallId', scrubbed(entry.toolCallId, 200)),
      decision: entry.decision,
      ...present('reason', reason),
      ...present('ruleName', scrubbed(ruleName(entry), 300)),
      ...present('ruleCategory', entry.ruleCategory ?? undefined),
      durationMs: entry.durationMs ?? 0,
      source: 'rest' as const,
    };
  });
}

/** One spelling for one moment, with whatever digits were sent beyond the millisecond. */
function exactTime(timestamp: string, time: number): string {
  const fraction = /\.\d{3}(\d*?)0*(?:Z|[+-])/.exec(timestamp)?.[1] ?? '';
  return new Date(time).toISOString().replace('Z', `${fraction}Z`);
}

function eventIdOf(entry: RuntimeEntry, index: number): string | undefined {
  const { eventId } = entry;
  if (eventId === undefined || eventId === null) return undefined;
  // Masking it would give two events one identity, so it is refused instead.
  if (redactText(eventId) !== eventId) {
    const field = `entries[${String(index)}].eventId`;
    throw new ShieldwatchError('body_invalid', `${field} looks like a secret`, { field, expected: 'an id that is no secret' });
  }
  return eventId;
}

/** Hashed after scrubbing, since a short secret could be guessed from its hash. */
function madeEventId(identity: readonly string[], ordinals: Map<string, number>): string {
  const key = JSON.stringify(identity);
  const ordinal = (ordinals.get(key) ?? 0) + 1;
  ordinals.set(key, ordinal);
  return createHash('sha256').update(`${key}\0${String(ordinal)}`).digest('hex').slice(0, 32);
}

function ruleName(entry: RuntimeEntry): string | undefined {
  if (entry.ruleName !== undefined && entry.ruleName !== null) return entry.ruleName;
  return entry.matchedRule === undefined || entry.matchedRule === null ? undefined : `deny:${entry.matchedRule.tool}`;
}

/** Secrets go before the end does: a secret cut in half is not recognised any more. */
function scrubbed(text: string | null | undefined, maxLength: number): string | undefined {
  return text === undefined || text === null ? undefined : redactText(text.replace(/\p{Surrogate}/gu, '\ufffd')).slice(0, maxLength);
}

function present<K extends string, T>(name: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, T>);
}
