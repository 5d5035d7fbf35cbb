import { z } from 'zod';
import { count, grade, nextCursor, paging, prose } from './atoms.js';

/** Routes of AgentShield's fleet rules. The first match applies. */
export const ROUTES = [
  'invalid',
  'security-blocker',
  'policy-review',
  'baseline-regression',
  'supply-chain-review',
  'ready',
] as const;
export const route = z.enum(ROUTES);
export type Route = z.infer<typeof route>;
export const reviewRoute = z.enum([
  'invalid',
  'security-blocker',
  'policy-review',
  'baseline-regression',
  'supply-chain-review',
]);
export type ReviewRoute = z.infer<typeof reviewRoute>;

export const REVIEW_STATUSES = ['open', 'approved', 'dismissed'] as const;
export const reviewStatus = z.enum(REVIEW_STATUSES);
export type ReviewStatus = z.infer<typeof reviewStatus>;

/** AgentShield's `FleetEntry` of a repository's newest scan. `outputDir` is the id of the scan here, not a folder. */
export const fleetEntry = z.object({
  outputDir: z.string(),
  ok: z.boolean(),
  route,
  reason: z.string(),
  generatedAt: z.string(),
  targetPath: z.null(),
  repository: z.string(),
  provider: z.string().nullable(),
  score: z.int().nullable(),
  grade: grade.nullable(),
  totalFindings: count,
  critical: count,
  high: count,
  medium: count,
  low: count,
  info: count,
  policyStatus: z.string(),
  baselineStatus: z.string(),
  riskyPackages: count,
  autoFixable: count,
  manualReview: count,
  errors: z.array(z.string()),
});
export type FleetEntry = z.infer<typeof fleetEntry>;

/** AgentShield's `EvidencePackFleetReviewItem`, with the decision about it. */
export const reviewItem = z.object({
  /** Stable id, derived from repository, route and bundle digest. `approvalId` is AgentShield's id, an alias. */
  id: z.string(),
  route: reviewRoute,
  severity: z.enum(['high', 'medium']),
  priority: z.enum(['urgent', 'high']),
  approvalId: z.string(),
  outputDir: z.string(),
  owner: z.string(),
  repository: z.string(),
  targetPath: z.null(),
  reason: z.string(),
  evidencePaths: z.array(z.string()),
  beforeState: z.string(),
  afterState: z.string(),
  reversibleAction: z.string(),
  actions: z.array(z.string()),
  recommendation: z.string(),
  ticket: z.object({
    externalId: z.string(),
    title: z.string(),
    body: z.string(),
    labels: z.array(z.string()),
    priority: z.enum(['urgent', 'high']),
  }),
  status: reviewStatus,
  assignee: z.string().nullable(),
  commentCount: count,
  openedAt: z.string(),
  decidedAt: z.string().nullable(),
  decidedBy: z.string().nullable(),
});
export type ReviewItem = z.infer<typeof reviewItem>;

/** Answer of `GET /v1/repo/{repoId}/review-items` (`ingest/CONTRACT.md` 4.6): the items of the newest scan, at most one. */
export const reviewItemList = z.array(reviewItem);

/** A plain-text comment on a review item. */
export const reviewComment = z.object({
  id: z.string(),
  /** `member:<login>`, `token:<id>` or `machine`. */
  author: z.string(),
  text: z.string(),
  createdAt: z.string(),
});
export type ReviewComment = z.infer<typeof reviewComment>;
const commentText = prose(4_000);
export const reviewCommentRequest = z.object({ text: commentText });
export const reviewCommentQuery = z.object({ ...paging });
export const reviewCommentList = z.object({ comments: z.array(reviewComment), nextCursor });

/** Body of `PATCH /v1/review-items/{itemId}`. */
export const reviewItemChange = z
  .object({
    status: reviewStatus.optional(),
    /** Login of a member; null removes the assignment. */
    assignee: z.string().min(1).max(100).nullable().optional(),
    /** Reason; stored as a comment of the item. */
    comment: commentText.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'status, assignee or comment');

/** Stored state of a review item. Its texts are computed from the scan. */
export const reviewItemState = z.object({
  id: z.string(),
  repoId: z.string(),
  route: reviewRoute,
  bundleDigest: z.string(),
  approvalId: z.string(),
  status: reviewStatus,
  assignee: z.string().nullable(),
  commentCount: count,
  openedAt: z.string(),
  decidedAt: z.string().nullable(),
  decidedBy: z.string().nullable(),
  supersededAt: z.string().nullable(),
});
export type ReviewItemState = z.infer<typeof reviewItemState>;

const summary = z.object({
  totalPacks: count,
  verifiedPacks: count,
  invalidPacks: count,
  totalFindings: count,
  critical: count,
  high: count,
  medium: count,
  low: count,
  info: count,
  policyFailures: count,
  baselineRegressions: count,
  riskyPackages: count,
  autoFixable: count,
  manualReview: count,
});
export type FleetSummary = z.infer<typeof summary>;

/**
 * Answer of `GET /v1/org/{orgId}/fleet` (`ingest/CONTRACT.md` 4.4): AgentShield's `EvidencePackFleetInspectionResult`, computed by the
 * gateway.
 */
export const fleet = z.object({
  ok: z.boolean(),
  requiresAttention: z.boolean(),
  summary,
  operatorReadback: z.object({
    status: z.enum(['ready', 'blocked', 'invalid-evidence']),
    ready: z.boolean(),
    requiresApproval: z.boolean(),
    digest: z.string(),
    invalidPackCount: count,
    reviewItemCount: count,
    blockingItemCount: count,
    ownerCount: count,
    owners: z.array(z.string()),
    routesRequiringApproval: z.array(reviewRoute),
    approvalIds: z.array(z.string()),
    /** Policy packs that wait for approval. On the plan `enterprise` they prevent `ready`. */
    policyPromotionsRequiringApproval: z.array(z.string()),
    nextAction: z.string(),
  }),
  entries: z.array(fleetEntry),
  routes: z.array(fleetEntry.pick({ route: true, outputDir: true, repository: true, targetPath: true, reason: true })),
  reviewItems: z.array(reviewItem),
  errors: z.array(z.string()),
});
export type Fleet = z.infer<typeof fleet>;
