import { ShieldwatchError } from '#schemas/errors.js';
import type { RuntimeBody, RuntimeEntry } from '#schemas/http/ingest-runtime.js';
import type { DecisionRecord } from '#schemas/records/decision.js';
import { sha256Hex } from '#schemas/hash.js';
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
  const scrub = createScrubber();
  return body.entries.map((entry, index) => {
    const time = checkTime(entry.timestamp, `entries[${String(index)}].timestamp`, now);
    const tool = scrub(entry.tool, 200) ?? '';
    const reason = scrub(entry.reason, 2_000);
    const timestamp = new Date(time).toISOString();
    const identity = [repository, sessionId, exactTime(entry.timestamp, timestamp), tool, entry.decision, reason ?? ''];
    return {
      eventId: eventIdOf(entry, index) ?? madeEventId(identity, ordinals),
      timestamp,
      repository,
      sessionId,
      agent: scrub(entry.agent ?? body.agent, 100) ?? '',
      tool,
      ...present('toolCallId', scrub(entry.toolCallId, 200)),
      decision: entry.decision,
      ...present('reason', reason),
      ...present('ruleName', scrub(ruleName(entry), 300)),
      ...present('ruleCategory', entry.ruleCategory ?? undefined),
      durationMs: entry.durationMs ?? 0,
      source: 'rest' as const,
    };
  });
}

/** One spelling for one moment, with whatever digits were sent beyond the millisecond. */
function exactTime(timestamp: string, iso: string): string {
  const fraction = /\.\d{3}(\d*?)0*(?:Z|[+-])/.exec(timestamp)?.[1] ?? '';
  return fraction === '' ? iso : iso.replace('Z', `${fraction}Z`);
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
  return sha256Hex(`${key}\0${String(ordinal)}`).slice(0, 32);
}

function ruleName(entry: RuntimeEntry): string | undefined {
  if (entry.ruleName !== undefined && entry.ruleName !== null) return entry.ruleName;
  return entry.matchedRule === undefined || entry.matchedRule === null ? undefined : `deny:${entry.matchedRule.tool}`;
}

/** Secrets go before the end does: a secret cut in half is not recognised any more. */
function scrubbed(text: string | null | undefined, maxLength: number): string | undefined {
  return text === undefined || text === null ? undefined : redactText(text.replace(/\p{Surrogate}/gu, '\ufffd')).slice(0, maxLength);
}

/** Texts kept while a request is read. */
const MAX_TEXTS = 1_000;

/** {@link scrubbed} that remembers: tools, reasons and agents repeat from entry to entry. */
function createScrubber(): typeof scrubbed {
  const seen = new Map<string, string>();
  return (text, maxLength) => {
    if (text === undefined || text === null) return undefined;
    const key = `${String(maxLength)}\0${text}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    const clean = scrubbed(text, maxLength) ?? '';
    if (seen.size >= MAX_TEXTS) seen.clear();
    seen.set(key, clean);
    return clean;
  };
}

function present<K extends string, T>(name: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, T>);
}
