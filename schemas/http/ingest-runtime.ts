import { z } from 'zod';
import { decision, ruleCategory } from '../records/enums.js';
import { repositoryName, warnings } from './atoms.js';

/** Entries one request may hold. */
const MAX_RUNTIME_ENTRIES = 10_000;

/** One entry of AgentShield's runtime log, with what its hook knows beyond the log. */
const runtimeEntry = z.object({
  timestamp: z.iso.datetime({ offset: true }),
  tool: z.string().min(1),
  decision,
  reason: z.string().nullish(),
  /** AgentShield writes whole milliseconds; any duration that is not negative is taken. */
  durationMs: z.number().min(0).max(86_400_000).nullish(),
  /** Identity, if the producer has one; made from the entry's content otherwise. */
  eventId: z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/, 'up to 128 letters, digits and . _ : -').nullish(),
  agent: z.string().nullish(),
  toolCallId: z.string().nullish(),
  ruleName: z.string().nullish(),
  ruleCategory: ruleCategory.nullish(),
  /** The rule as AgentShield's `EvalResult` has it. */
  matchedRule: z.object({ tool: z.string(), pattern: z.string().nullish(), reason: z.string().nullish() }).nullish(),
});
export type RuntimeEntry = z.infer<typeof runtimeEntry>;

/** Body of `POST /v1/ingest/runtime` (SPEC 4.2). Unknown fields are dropped before, and named in the answer. */
export const runtimeBody = z.object({
  /** May be left out when the token is bound to a repository. */
  repository: repositoryName.nullish(),
  sessionId: z.string().nullish(),
  /** Agent of all entries that do not name one. */
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
