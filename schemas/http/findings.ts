import { z } from 'zod';
import { count, findingCategory, historyFrom, moment, nextCursor, paging, severity, text } from './atoms.js';

export const TRIAGE_STATES = ['open', 'accepted', 'muted'] as const;
/** `accepted` ends at `until`; `muted` has no end; `open` revokes either. */
export const triageState = z.enum(TRIAGE_STATES);
export type TriageState = z.infer<typeof triageState>;

/** Query of `GET /v1/findings`. */
export const findingsQuery = z.object({
  /** Id or full name. */
  repository: z.string().max(600).optional(),
  severity: severity.optional(),
  category: findingCategory.optional(),
  /** `open`: reported by its repository's newest scan that covers its severity and lists its findings. */
  status: z.enum(['open', 'resolved', 'all']).default('open'),
  /** `new`: findings that the newest scan reports and the baseline did not. Needs a repository with a baseline. */
  sinceBaseline: z.literal('new').optional(),
  ...paging,
});

const triage = z.object({
  state: triageState,
  reason: z.string(),
  until: z.string().nullable(),
  setBy: z.string(),
  setAt: z.string(),
});

/** A finding across scans. */
export const finding = z.object({
  findingKey: z.string(),
  repository: z.string(),
  /** As in the newest scan that reports it. */
  id: z.string(),
  severity: z.string(),
  category: z.string(),
  title: z.string(),
  file: z.string(),
  line: z.int(),
  runtimeConfidence: z.string().nullable(),
  /** Number of occurrences in that scan. */
  occurrences: count,
  firstSeenAt: z.string(),
  lastSeenAt: z.string(),
  /**
   * Time of the first scan after `lastSeenAt` that covers its severity, lists its findings and does not report it; null
   * while it is open.
   */
  resolvedAt: z.string().nullable(),
  scans: count,
  /** Null unless a single repository was requested, it has a baseline, and the two can be compared. */
  isNewSinceBaseline: z.boolean().nullable(),
  triage: triage.nullable(),
});
export type Finding = z.infer<typeof finding>;

/** Findings resolved before `historyFrom` are not listed. */
export const findingList = z.object({ findings: z.array(finding), nextCursor, historyFrom });

/** Body of `PUT /v1/repo/{repoId}/findings/triage`. */
export const triageChange = z
  .object({
    findingKey: text(2_000),
    state: triageState,
    reason: text(2_000),
    until: moment.nullable().optional(),
  })
  .refine((change) => change.state !== 'accepted' || (change.until !== undefined && change.until !== null), {
    message: 'the time after which the finding is open again',
    path: ['until'],
  });

export const triageAnswer = triage.extend({ findingKey: z.string(), repository: z.string() });
