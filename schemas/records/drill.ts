import { z } from 'zod';
import { sha256Hex } from '../hash.js';
import {
  ATTR_DRILL_CLIENT,
  ATTR_DRILL_CLIENT_VERSION,
  ATTR_DRILL_RESULT,
  ATTR_DRILL_SEAT,
  ATTR_EVENT_ID,
  SPAN_DRILL,
} from '../semconv.js';
import { decisionSpanIds } from './decision.js';

/** Agents that a drill starts. */
export const DRILL_CLIENTS = ['claude-code', 'codex', 'gemini-cli'] as const;
export type DrillClient = (typeof DRILL_CLIENTS)[number];

/**
 * Results of a live drill: the call that a policy must deny was judged and stopped (`proved`), or what happened instead.
 * `configured` and the like are no results: nothing is proved without a run.
 */
export const DRILL_RESULTS = [
  'proved',
  // The call ran, and none of our hooks is in the client's settings.
  'no_hook',
  // One of our hooks is in the settings, and gave no verdict.
  'hook_failed',
  // Our hook denied the call, and it ran.
  'failed_open',
  // Our hook judged the call and let it run.
  'policy_allowed',
  // Denied and not run, but the model was not informed.
  'not_reported',
  // The client did not start, or did not come as far as the call.
  'client_failed',
  'timeout',
] as const;
export type DrillResult = (typeof DRILL_RESULTS)[number];

/** What a seat has proved: `proved` by its newest drill within 24 hours, `overdue` longer ago, `failed` by its newest drill not. */
export const DRILL_STATES = ['proved', 'failed', 'overdue'] as const;

/** One live drill, as it is sent. */
export const drillRecord = z.strictObject({
  /** Random id of the seat, 32 hexadecimal characters. */
  seat: z.string().regex(/^[0-9a-f]{32}$/),
  client: z.enum(DRILL_CLIENTS),
  version: z.string().max(50).optional(),
  /** Empty for a drill without a project. */
  repository: z.string().max(200),
  /** When it began, UTC, ISO 8601. */
  timestamp: z.iso.datetime(),
  durationMs: z.number().min(0).max(86_400_000),
  result: z.enum(DRILL_RESULTS),
});
export type DrillRecord = z.infer<typeof drillRecord>;

/** Converts a drill to its span. A repeat has the same ids: seat, client and time identify a drill. */
export function drillSpan({ seat, client, version, repository, timestamp, durationMs, result }: DrillRecord): {
  repository: string;
  name: string;
  traceId: string;
  spanId: string;
  startMs: number;
  durationMs: number;
  attributes: Readonly<Record<string, string>>;
} {
  const eventId = `drill_${sha256Hex([seat, client, repository, timestamp].join('\0')).slice(0, 32)}`;
  return {
    repository,
    name: SPAN_DRILL,
    ...decisionSpanIds(eventId),
    startMs: Date.parse(timestamp),
    durationMs,
    attributes: {
      [ATTR_EVENT_ID]: eventId,
      [ATTR_DRILL_SEAT]: seat,
      [ATTR_DRILL_CLIENT]: client,
      ...(version === undefined ? {} : { [ATTR_DRILL_CLIENT_VERSION]: version }),
      [ATTR_DRILL_RESULT]: result,
    },
  };
}
