import { z } from 'zod';
import { decision, ruleCategory } from '../records/enums.js';
import { repositoryName, warnings } from './atoms.js';

/** Maximum entries of one request. */
const MAX_RUNTIME_ENTRIES = 10_000;
const MAX_DURATION_MS = 86_400_000;

/** One entry of AgentShield's runtime log, with additional fields that its hook knows. */
const runtimeEntry = z.object({
  timestamp: z.iso.datetime({ offset: true }),
  tool: z.string().min(1),
  decision,
  reason: z.string().nullish(),
  /** AgentShield writes whole milliseconds; any non-negative duration is accepted. */
  durationMs: z.number().min(0).max(MAX_DURATION_MS).nullish(),
  /** Event id, if the producer has one. Default: derived from the entry's content. */
  eventId: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,128}$/, 'up to 128 letters, digits and . _ : -')
    .nullish(),
  agent: z.string().nullish(),
  toolCallId: z.string().nullish(),
  ruleName: z.string().nullish(),
  ruleCategory: ruleCategory.nullish(),
  /** The rule as in AgentShield's `EvalResult`. */
  matchedRule: z.object({ tool: z.string(), pattern: z.string().nullish(), reason: z.string().nullish() }).nullish(),
});
export type RuntimeEntry = z.infer<typeof runtimeEntry>;

/**
 * Body of `POST /v1/ingest/runtime` (`ingest/CONTRACT.md` 4.2). Unknown fields are dropped before validation, and named in the answer.
 */
export const runtimeBody = z.object({
  /** Optional when the token is bound to a repository. */
  repository: repositoryName.nullish(),
  sessionId: z.string().nullish(),
  /** Agent of all entries without their own. */
  agent: z.string().nullish(),
  entries: z.array(runtimeEntry).max(MAX_RUNTIME_ENTRIES),
});
export type RuntimeBody = z.infer<typeof runtimeBody>;

/** Answer of `POST /v1/ingest/runtime`. */
export const runtimeAnswer = z.object({
  ok: z.literal(true),
  accepted: z.int(),
  blocked: z.int(),
  allowed: z.int(),
  rollupsUpdated: z.array(z.string()),
  warnings,
});
export type RuntimeAnswer = z.infer<typeof runtimeAnswer>;

const ISO_LENGTH = 24;
/** `2026-06-21T17:50:` */
const MINUTE_LENGTH = 17;
const isoTime = runtimeEntry.shape.timestamp;

/**
 * Returns true only for a body that {@link runtimeBody} accepts unchanged, without unknown fields. Nearly all bodies
 * are, and this takes a quarter of the schema's time. False is no verdict: the schema then reports the error.
 */
export function isPlainRuntimeBody(input: unknown): input is RuntimeBody {
  if (typeof input !== 'object' || input === null) return false;
  for (const name in input) if (!Object.hasOwn(runtimeBody.shape, name)) return false;
  const { entries, ...rest } = input as Record<string, unknown>;
  if (!Array.isArray(entries) || entries.length > MAX_RUNTIME_ENTRIES) return false;
  const head = runtimeBody.safeParse({ ...rest, entries: [] });
  if (
    !head.success ||
    !Object.entries(rest).every(
      ([name, value]) => value !== undefined && head.data[name as keyof RuntimeBody] === value,
    )
  )
    return false;
  let minute = '?';
  const isTime = (text: unknown): boolean => {
    if (typeof text !== 'string') return false;
    if (text.length === ISO_LENGTH && text.startsWith(minute)) return isSeconds(text);
    if (!isoTime.safeParse(text).success) return false;
    minute = text.slice(0, MINUTE_LENGTH);
    return true;
  };
  return entries.every((entry) => isPlainEntry(entry, isTime));
}

/** Accepts entries with the fields that AgentShield writes, and no others. */
function isPlainEntry(entry: unknown, isTime: (text: unknown) => boolean): boolean {
  if (typeof entry !== 'object' || entry === null) return false;
  let needed = 0;
  // Also handles arrays, whose keys match none of these names.
  for (const name in entry) {
    const value = (entry as Record<string, unknown>)[name];
    switch (name) {
      case 'timestamp':
        if (!isTime(value)) return false;
        needed += 1;
        break;
      case 'tool':
        if (typeof value !== 'string' || value === '') return false;
        needed += 1;
        break;
      case 'decision':
        if (value !== 'allow' && value !== 'block' && value !== 'ask') return false;
        needed += 1;
        break;
      case 'durationMs':
        if (typeof value !== 'number' || !(value >= 0 && value <= MAX_DURATION_MS)) return false;
        break;
      case 'reason':
        if (typeof value !== 'string') return false;
        break;
      default:
        return false;
    }
  }
  return needed === 3;
}

/** Returns whether the rest of a timestamp, after a known minute, is formatted as by `toISOString`. */
function isSeconds(text: string): boolean {
  const digit = (at: number): number => text.charCodeAt(at) - 0x30;
  const isDigit = (at: number): boolean => digit(at) >= 0 && digit(at) <= 9;
  return (
    digit(17) >= 0 &&
    digit(17) <= 5 &&
    isDigit(18) &&
    text[19] === '.' &&
    isDigit(20) &&
    isDigit(21) &&
    isDigit(22) &&
    text[23] === 'Z'
  );
}
