import { z } from 'zod';
import { findingCategory, fingerprint, repositoryName, score, severity, timestamp, warnings } from './atoms.js';

/** Maximum findings of one drift. */
const MAX_FINDINGS = 5_000;

/** A finding of a drift. AgentShield's webhook sends the first four fields, its DriftResult all of them. */
const driftFinding = z.object({
  id: z.string().min(1),
  severity,
  title: z.string(),
  file: z.string(),
  category: findingCategory.nullish(),
  description: z.string().nullish(),
  line: z.int().min(0).nullish(),
  fingerprint: fingerprint.nullish(),
  runtimeConfidence: z.string().nullish(),
});

const findings = z.array(driftFinding).max(MAX_FINDINGS);
const delta = z.int().min(-100).max(100);

/** Body of `POST /v1/ingest/drift` (`ingest/CONTRACT.md` 4.3): AgentShield's `DriftResult` with its repository. */
export const driftBody = z
  .object({
    /** Optional when the token is bound to a repository. */
    repository: repositoryName.nullish(),
    timestamp,
    newFindings: findings,
    resolvedFindings: findings,
    scoreDelta: delta,
    previousScore: score,
    currentScore: score,
    isRegression: z.boolean(),
    hasCritical: z.boolean(),
  })
  .refine((drift) => drift.currentScore - drift.previousScore === drift.scoreDelta, {
    message: 'currentScore less previousScore',
    path: ['scoreDelta'],
  });
export type DriftBody = z.infer<typeof driftBody>;

/** What the stock `agentshield watch` posts to a webhook. It cannot name its repository or send a header. */
export const driftWebhookBody = z.object({
  event: z.literal('agentshield.drift'),
  timestamp,
  isRegression: z.boolean(),
  hasCritical: z.boolean(),
  score: z
    .object({ previous: score, current: score, delta })
    .refine(({ previous, current, delta }) => current - previous === delta, {
      message: 'current less previous',
      path: ['delta'],
    }),
  newFindings: findings,
  resolvedFindings: findings,
});

/** Answer of both routes. */
export const driftAnswer = z.object({
  ok: z.literal(true),
  driftEventId: z.string(),
  /** Always false: the gateway sends no alerts. */
  alertRouted: z.boolean(),
  rollupsUpdated: z.array(z.string()),
  warnings,
});
export type DriftAnswer = z.infer<typeof driftAnswer>;
