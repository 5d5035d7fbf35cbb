import { z } from 'zod';
import { nextCursor, paging, text } from './atoms.js';

/** AgentShield's item: what it verified, and what it leaves to people. Its texts contain paths and are dropped. */
const item = z.object({
  id: text(100),
  status: z.enum(['verified', 'action_required']),
  severity: z.enum(['info', 'medium']),
  title: text(200),
});
const unused = z.unknown().optional();

/** Output of `agentshield policy promote --dry-run --json`. Paths of the machine are dropped. */
export const policyPromotionRequest = z.object({
  pack: text(50),
  policyName: text(200),
  owners: z.array(text(200)).max(100),
  sha256: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'sha256: and 64 hex digits'),
  verified: z.literal(true),
  reviewItems: z.array(item.extend({ detail: unused, evidencePaths: unused, recommendation: unused })).max(50),
  manifestPath: unused,
  sourceFile: unused,
  outputPath: unused,
  promoted: unused,
  dryRun: unused,
});

export const promotionStatus = z.enum(['open', 'approved', 'rejected']);

export const policyPromotion = z.object({
  id: z.string(),
  pack: z.string(),
  policyName: z.string(),
  sha256: z.string(),
  owners: z.array(z.string()),
  reviewItems: z.array(item),
  status: promotionStatus,
  note: z.string().nullable(),
  requestedBy: z.string(),
  requestedAt: z.string(),
  decidedBy: z.string().nullable(),
  decidedAt: z.string().nullable(),
});
export type PolicyPromotion = z.infer<typeof policyPromotion>;
export const policyPromotionList = z.object({ policyPromotions: z.array(policyPromotion), nextCursor });
export const policyPromotionQuery = z.object({ status: promotionStatus.optional(), ...paging });
export const policyPromotionChange = z.object({ status: promotionStatus, note: text(1_000).nullable().optional() });
