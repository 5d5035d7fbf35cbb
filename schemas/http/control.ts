import { z } from 'zod';
import { count, moment, nextCursor, paging, recordedName, repositoryName, text } from './atoms.js';
import { redactText } from '../redaction.js';
import { role } from './roles.js';
import { scope } from './scopes.js';

/** An organisation and the limits of its plan. */
export const org = z.object({
  id: z.string(),
  name: z.string(),
  plan: z.enum(['team', 'enterprise']),
  githubOrgLogin: z.string().nullable(),
  ssoEnabled: z.boolean(),
  createdAt: z.string(),
  /** Repositories in use and allowed; null for unlimited. */
  repos: z.object({ used: count, limit: count.nullable() }),
  /** Days for which raw telemetry is kept, and the plan's maximum. */
  retentionDays: z.object({ used: count, limit: count }),
  /** Whether prompts, answers, tool arguments and results are kept. If not, they are dropped on arrival. */
  keepContent: z.boolean(),
  /** Whether e-mail addresses and login names in telemetry are kept. If not, pseudonyms replace them. */
  keepIdentities: z.boolean(),
});
export type Org = z.infer<typeof org>;

/** A GitHub login in lower case, because GitHub ignores case. */
const githubLogin = z
  .string()
  .regex(/^[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}$/, 'up to 39 letters, digits and single hyphens')
  .toLowerCase();

export const orgChange = z
  .object({
    name: text(100).optional(),
    retentionDays: z.int().min(1).max(3_650).optional(),
    keepContent: z.boolean().optional(),
    keepIdentities: z.boolean().optional(),
    /** The corresponding GitHub organisation; null for none. */
    githubOrgLogin: githubLogin.nullable().optional(),
    /** Whether its members sign in by SSO. Informational: tokens work as before. Needs the plan `enterprise`. */
    ssoEnabled: z.boolean().optional(),
  })
  .refine(
    (change) => Object.keys(change).length > 0,
    'name, retentionDays, keepContent, keepIdentities, githubOrgLogin or ssoEnabled',
  );
export type OrgChange = z.output<typeof orgChange>;

/** A token without its secret. */
export const token = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  repository: z.string().nullable(),
  member: z.string().nullable(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  revokedAt: z.string().nullable(),
  rotatedFrom: z.string().nullable(),
  /** Time of last use to the minute; null for never. */
  lastUsedAt: z.string().nullable(),
});
export type Token = z.infer<typeof token>;
export const tokenList = z.object({ tokens: z.array(token), nextCursor });

export const tokenRequest = z.object({
  name: text(100),
  scopes: z.array(scope).min(1).max(10),
  repository: repositoryName.optional(),
  /** Login of the member that the token belongs to. */
  member: text(100).optional(),
  expiresInDays: z.int().min(1).max(3_650).optional(),
});

/**
 * Shown only once; the store keeps only its SHA-256. `expiresAt` is no later than that of the minting token. Webhook
 * tokens have a `webhookPath`.
 */
export const mintedToken = z.object({
  id: z.string(),
  token: z.string(),
  expiresAt: z.string().nullable(),
  webhookPath: z.string().optional(),
});
export type MintedToken = z.infer<typeof mintedToken>;

/** Hours for which both tokens work. */
export const rotation = z.object({ overlapHours: z.int().min(0).max(720).default(24) });

export const member = z.object({ id: z.string(), login: z.string(), role, createdAt: z.string() });
export type Member = z.infer<typeof member>;
export const memberList = z.object({ members: z.array(member) });
/** A GitHub login, an e-mail address or similar. */
const login = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/, 'letters, digits and . _ @ + -')
  .refine((name) => redactText(name) === name, 'a login, which is no secret');
export const memberRequest = z.object({ login, role });
export const memberChange = z.object({ role });

/** The two values of the contract; a Postgres constraint checks the same. */
export const DEFAULT_PROVIDERS = ['github-actions', 'local'] as const;
const githubRepoId = z.string().regex(/^[1-9][0-9]{0,18}$/, 'a number of up to 19 digits');

export const repo = z.object({
  repoId: z.string(),
  repository: z.string(),
  /** Times of the first and the last fact; null when there is none. */
  firstSeenAt: z.string().nullable(),
  lastSeenAt: z.string().nullable(),
  /**
   * GitHub's id of the repository; null if unknown. Set by the first scan from GitHub Actions or by an administrator.
   */
  githubRepoId: z.string().nullable(),
  /** Default provider of its scans; null if the repository has no row yet. */
  defaultProvider: z.enum(DEFAULT_PROVIDERS).nullable(),
});
export type Repo = z.infer<typeof repo>;
export const repoList = z.object({
  repos: z.array(repo),
  nextCursor,
  /**
   * Number of repositories known from telemetry beyond the plan's limit. They are listed, but nothing can be decided
   * about them.
   */
  beyondPlan: count,
});
const repoLink = {
  githubRepoId: githubRepoId.nullable().optional(),
  defaultProvider: z.enum(DEFAULT_PROVIDERS).optional(),
};
export const repoRequest = z.object({ repository: repositoryName, ...repoLink });
/** Body of `PATCH /v1/repo/{repoId}`. */
export const repoChange = z
  .object(repoLink)
  .refine((change) => Object.keys(change).length > 0, 'githubRepoId or defaultProvider');
export type RepoChange = z.output<typeof repoChange>;

/** A finding that only the newest scan or only the baseline reports. */
const comparedFinding = z.object({
  findingKey: z.string(),
  occurrence: z.int(),
  id: z.string(),
  severity: z.string(),
  category: z.string(),
  title: z.string(),
  file: z.string(),
});
export type ComparedFinding = z.infer<typeof comparedFinding>;

/**
 * Comparison of the newest scan with the baseline (`ingest/CONTRACT.md` 5, `baseline_comparison`). Counts are null when the findings
 * cannot be compared, and `notCompared` gives the reason.
 */
const baselineComparison = z.object({
  scanId: z.string().nullable(),
  generatedAt: z.string().nullable(),
  notCompared: z.string().nullable(),
  isRegression: z.boolean().nullable(),
  newFindingsCount: count.nullable(),
  resolvedFindingsCount: count.nullable(),
  unchangedCount: count.nullable(),
  /** Null also when the scans report different severities, because their scores cannot be compared. */
  scoreDelta: z.int().nullable(),
  newCriticalCount: count.nullable(),
  newHighCount: count.nullable(),
  /** Ordered by severity, at most 500. */
  newFindings: z.array(comparedFinding),
  resolvedFindings: z.array(comparedFinding),
});
export type BaselineComparison = z.infer<typeof baselineComparison>;

export const baselineRequest = z.object({ scanId: text(100).optional() });
export const baseline = z.object({
  repoId: z.string(),
  repository: z.string(),
  sourceScanId: z.string(),
  baselineTimestamp: z.string(),
  numericScore: z.int().nullable(),
  findingCount: count,
  setBy: z.string(),
  setAt: z.string(),
  comparison: baselineComparison,
});
export type Baseline = z.infer<typeof baseline>;

/** The organisation's name, as a confirmation. */
export const orgDeletion = z.object({ name: text(100) });

/** Conditions of a purge. Rows that meet all of them are removed. */
export const purgeRequest = z
  .object({
    repository: recordedName.optional(),
    tokenId: text(50).optional(),
    from: moment.optional(),
    to: moment.optional(),
  })
  .refine((purge) => Object.keys(purge).length > 0, 'repository, tokenId, from or to');
export const purge = z.object({
  id: z.string(),
  /** Whether the whole organisation is deleted. */
  organisation: z.boolean(),
  repository: z.string().nullable(),
  tokenId: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  requestedBy: z.string(),
  requestedAt: z.string(),
  status: z.enum(['waiting', 'running', 'done']),
  progress: z.object({ tables: count, of: count, rowsRemoved: count }),
  finishedAt: z.string().nullable(),
});
export type Purge = z.infer<typeof purge>;
export const purgeList = z.object({ purges: z.array(purge) });

/** `from` is accepted in any spelling; `into` is the surviving name. */
export const repoMergeRequest = z.object({ from: recordedName, into: repositoryName });
export const repoMerge = z.object({
  id: z.string(),
  from: z.string(),
  into: z.string(),
  requestedBy: z.string(),
  requestedAt: z.string(),
  /**
   * `done` when everything stored before the request is moved. Later reports under the old name follow within minutes.
   */
  status: z.enum(['running', 'done']),
  rowsMoved: z.int(),
  finishedAt: z.string().nullable(),
});
export type RepoMerge = z.infer<typeof repoMerge>;
export const repoMergeList = z.object({ merges: z.array(repoMerge) });

/** One entry of the audit trail. `record` contains exactly the bytes that were hashed. */
export const auditEntry = z.object({
  seq: z.int(),
  record: z.string(),
  previousHash: z.string(),
  hash: z.string(),
  signature: z.string(),
});
export const auditQuery = z.object({ ...paging });
export const auditList = z.object({ entries: z.array(auditEntry), nextCursor });
export const auditVerdict = z.object({
  ok: z.boolean(),
  entries: count,
  head: z.string().optional(),
  seq: z.int().optional(),
  problem: z.string().optional(),
  /** What could not be verified; empty when everything was. */
  unchecked: z.array(z.string()).optional(),
});
/** An entry noted outside of the store: the number of entries at that time, and the hash of the last. */
export const auditVerifyQuery = z
  .object({
    count: z.coerce.number().int().min(0).optional(),
    head: z
      .string()
      .regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits')
      .optional(),
  })
  .refine(({ count: entries, head }) => (entries === undefined) === (head === undefined), 'count and head, or neither');
export const auditExportQuery = z.object({
  /** Return entries after this sequence number. */
  after: z.coerce.number().int().min(0).default(0),
  /** Maximum entries. Default: all. */
  limit: z.coerce.number().int().min(1).optional(),
});

/** An answer that only confirms success. */
export const done = z.object({ ok: z.literal(true) });
