import { z } from 'zod';
import { count, moment, nextCursor, paging, recordedName, repositoryName, text } from './atoms.js';
import { redactText } from '../redaction.js';
import { role } from './roles.js';
import { scope } from './scopes.js';

/** An organisation and what its plan allows. */
export const org = z.object({
  id: z.string(),
  name: z.string(),
  plan: z.enum(['team', 'enterprise']),
  githubOrgLogin: z.string().nullable(),
  ssoEnabled: z.boolean(),
  createdAt: z.string(),
  /** Repositories in use and allowed; null: as many as you like. */
  repos: z.object({ used: count, limit: count.nullable() }),
  /** Days that raw telemetry is kept, and the most that the plan allows. */
  retentionDays: z.object({ used: count, limit: count }),
  /** Whether prompts, answers, tool arguments and results are kept; they are dropped on the way in otherwise. */
  keepContent: z.boolean(),
  /** Whether e-mail addresses and login names in telemetry are kept; pseudonyms stand in their place otherwise. */
  keepIdentities: z.boolean(),
});
export type Org = z.infer<typeof org>;

/** A name on GitHub as GitHub takes it, in small letters, since GitHub tells none apart by case. */
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
    /** The organisation on GitHub that it stands for; null: none. */
    githubOrgLogin: githubLogin.nullable().optional(),
    /** Whether its members sign in by SSO. On record only: tokens work as before. Needs the plan `enterprise`. */
    ssoEnabled: z.boolean().optional(),
  })
  .refine(
    (change) => Object.keys(change).length > 0,
    'name, retentionDays, keepContent, keepIdentities, githubOrgLogin or ssoEnabled',
  );
export type OrgChange = z.output<typeof orgChange>;

/** A token as it is listed: never the token itself. */
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
  /** To the minute; null: never. */
  lastUsedAt: z.string().nullable(),
});
export type Token = z.infer<typeof token>;
export const tokenList = z.object({ tokens: z.array(token), nextCursor });

export const tokenRequest = z.object({
  name: text(100),
  scopes: z.array(scope).min(1).max(10),
  repository: repositoryName.optional(),
  /** Login of the member it stands for. */
  member: text(100).optional(),
  expiresInDays: z.int().min(1).max(3_650).optional(),
});

/** Shown this once; only its SHA-256 is kept. `expiresAt` is no later than that of the token that minted it. `webhookPath` of a token for a webhook address. */
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
/** A GitHub login, an e-mail address or the like. */
const login = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/, 'letters, digits and . _ @ + -')
  .refine((name) => redactText(name) === name, 'a login, which is no secret');
export const memberRequest = z.object({ login, role });
export const memberChange = z.object({ role });

/** The contract's two; a column of Postgres checks the same. */
export const DEFAULT_PROVIDERS = ['github-actions', 'local'] as const;
const githubRepoId = z.string().regex(/^[1-9][0-9]{0,18}$/, 'a number of up to 19 digits');

export const repo = z.object({
  repoId: z.string(),
  repository: z.string(),
  /** Times of the first and the last fact; null: none yet. */
  firstSeenAt: z.string().nullable(),
  lastSeenAt: z.string().nullable(),
  /** GitHub's number of it; null: not known. Of a scan from GitHub Actions, unless an administrator gave it. */
  githubRepoId: z.string().nullable(),
  /** Where its scans come from, unless they say otherwise; null: it has no row yet. */
  defaultProvider: z.enum(DEFAULT_PROVIDERS).nullable(),
});
export type Repo = z.infer<typeof repo>;
export const repoList = z.object({
  repos: z.array(repo),
  nextCursor,
  /** Names that telemetry brought beyond those the plan keeps rows of: they are listed, but nothing is counted or decided of them. */
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

/** A finding that the newest scan shows and the baseline did not, or the other way round. */
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

/** The newest scan against the baseline (`ingest/CONTRACT.md` 5, `baseline_comparison`). Counts are null where findings do not compare, and `notCompared` says why. */
const baselineComparison = z.object({
  scanId: z.string().nullable(),
  generatedAt: z.string().nullable(),
  notCompared: z.string().nullable(),
  isRegression: z.boolean().nullable(),
  newFindingsCount: count.nullable(),
  resolvedFindingsCount: count.nullable(),
  unchangedCount: count.nullable(),
  /** Null too where the two report other severities: their scores do not compare. */
  scoreDelta: z.int().nullable(),
  newCriticalCount: count.nullable(),
  newHighCount: count.nullable(),
  /** The most severe first, 500 at most. */
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

/** The organisation's name, so that none is deleted by a slip. */
export const orgDeletion = z.object({ name: text(100) });

/** What is to be removed; with several conditions only what meets all of them. */
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
  /** The whole organisation is deleted. */
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

/** `from` as it was recorded, in whatever spelling; `into` is the name that stands. */
export const repoMergeRequest = z.object({ from: recordedName, into: repositoryName });
export const repoMerge = z.object({
  id: z.string(),
  from: z.string(),
  into: z.string(),
  requestedBy: z.string(),
  requestedAt: z.string(),
  /** `done`: all that was stored at the request is moved; what still comes under the old name follows within minutes. */
  status: z.enum(['running', 'done']),
  rowsMoved: z.int(),
  finishedAt: z.string().nullable(),
});
export type RepoMerge = z.infer<typeof repoMerge>;
export const repoMergeList = z.object({ merges: z.array(repoMerge) });

/** One entry of the audit trail. `record` is what was hashed, byte for byte. */
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
  /** What could not be told; empty where all was checked. */
  unchecked: z.array(z.string()).optional(),
});
/** An entry that was noted outside: how many entries there were, and the hash of the last. */
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
  /** Begin after this entry. */
  after: z.coerce.number().int().min(0).default(0),
  /** At most so many; all there are unless given. */
  limit: z.coerce.number().int().min(1).optional(),
});

/** An answer that says no more than that it was done. */
export const done = z.object({ ok: z.literal(true) });
