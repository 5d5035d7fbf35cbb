import { z } from 'zod';
import { count, findingCategory, historyFrom, moment, nextCursor, paging, severity, text } from './atoms.js';

export const TRIAGE_STATES = ['open', 'accepted', 'muted'] as const;
/** `accepted` ends at `until`; `muted` does not end; `open` takes either back. */
export const triageState = z.enum(TRIAGE_STATES);
export type TriageState = z.infer<typeof triageState>;

/** Query of `GET /v1/findings`. */
export const findingsQuery = z.object({
  /** Id or full name. */
  repository: z.string().max(600).optional(),
  severity: severity.optional(),
  category: findingCategory.optional(),
  /** `open`: shown by the newest scan of its repository that reports its severity and lists its findings. */
  status: z.enum(['open', 'resolved', 'all']).default('open'),
  /** `new`: those that the newest scan shows and the repository's baseline did not. Needs a repository that has one. */
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

/** The life of one finding, across scans. */
export const finding = z.object({
  findingKey: z.string(),
  repository: z.string(),
  /** As the newest scan that shows it says. */
  id: z.string(),
  severity: z.string(),
  category: z.string(),
  title: z.string(),
  file: z.string(),
  line: z.int(),
  runtimeConfidence: z.string().nullable(),
  /** How many there are of it in that scan. */
  occurrences: count,
  firstSeenAt: z.string(),
  lastSeenAt: z.string(),
  /** The first scan after `lastSeenAt` that reports its severity, lists its findings and does not show it; null: it is open. */
  resolvedAt: z.string().nullable(),
  scans: count,
  /** Null where no single repository was asked about, it has no baseline, or the two do not compare. */
  isNewSinceBaseline: z.boolean().nullable(),
  triage: triage.nullable(),
});
export type Finding = z.infer<typeof finding>;

/** What was resolved before `historyFrom` is not listed. */
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
    message: 'a moment after which the finding is open again',
    path: ['until'],
  });

export const triageAnswer = triage.extend({ findingKey: z.string(), repository: z.string() });
