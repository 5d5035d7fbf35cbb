import type { RuleCategory } from '#schemas/records/enums.js';
import { shieldwatchFolder, spoolFolder } from '../spool/location.js';
import { matchingRule } from './evaluate.js';
import { findGuardHarm } from './guard/guard.js';
import { mayTouchGuard } from './mentions.js';
import { parsePolicy, PolicyError, type Policy, type RateLimit } from './policy.js';
import { isPolicyOf, readPolicies, readStockPolicy, type PolicyFile } from './policy-file.js';
import { coversTool, type PolicyMode } from './policy-mode.js';
import { countCall } from './rate-limit.js';
import { categoryOf } from './rule-category.js';
import { ruleId } from './rule-id.js';
import { keepPolicies, readSession } from './session.js';
import { PROBE_SESSION } from '../hook-start.js';
import type { ToolCall } from './tool-call.js';
import { subjectOf, type Subject } from './subject.js';

/** Result of the policy's rate limit for the tool. */
type RateLimitStatus = 'enforced' | 'not-enforced';

type PolicyChange = 'changed' | 'removed';

/** The hook's decision and its reason. */
export type Verdict = {
  readonly rateLimit?: RateLimitStatus;
  /**
   * Set if a policy file differs from the one that the session started with: both were applied, the stricter one
   * counted.
   */
  readonly policyChange?: PolicyChange;
} & (
  | { readonly decision: 'allow' }
  | {
      readonly decision: 'block';
      readonly reason: string;
      /** Absent if no policy rule was the reason. */
      readonly ruleName?: string;
      readonly ruleId?: string;
      readonly ruleCategory: RuleCategory;
    }
);

/** Settings of a judgement. */
export interface Judging {
  readonly mode: PolicyMode;
  readonly env: NodeJS.ProcessEnv;
  /** The session's project; `''` when unknown. */
  readonly projectDir: string;
  /** Folder in which the agent started the hook, which no call can change; undefined if unknown. */
  readonly startDir?: string;
  /**
   * The guard's own files and folders, in addition to its home and spool: the hook's folder, Node. Only a person may
   * write there.
   */
  readonly own?: readonly string[];
}

/**
 * Judges a call by the policies in force. Without a policy: allowed. For a policy that cannot be applied see {@link
 * PolicyMode}.
 */
export function judge(call: ToolCall, judging: Judging): Verdict {
  try {
    return apply(call, judging);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    if (judging.mode === 'compat') return { decision: 'allow' };
    return cannotJudge(`runtime policy invalid: ${error.message}`);
  }
}

/** Returns the verdict for a call that cannot be judged: it is blocked. */
export function cannotJudge(reason: string): Verdict {
  return { decision: 'block', reason, ruleCategory: 'other' };
}

function apply(call: ToolCall, judging: Judging): Verdict {
  const { mode } = judging;
  const subject = subjectOf(call, mode);
  const harm = mode === 'compat' ? undefined : harmToGuard(call, subject, judging);
  if (harm !== undefined)
    return {
      decision: 'block',
      reason: `the guard protects itself: ${harm}`,
      ruleName: 'built-in:self-protection',
      ruleCategory: 'other',
    };
  const { policies, change } =
    mode === 'compat'
      ? { policies: parsed(readStockPolicy(call.cwd)), change: undefined }
      : policiesInForce(call, judging);
  const verdict = judgeBy(policies, call, subject, judging);
  return change === undefined ? verdict : { ...verdict, policyChange: change };
}

interface InForce {
  readonly path: string;
  readonly policy: Policy;
}

const parsed = (files: readonly PolicyFile[]): InForce[] =>
  files.map(({ path, text }) => ({ path, policy: parsePolicy(text) }));

/**
 * Returns the policies of the agent's start folder, of the session's project and first folder, and of the call's own
 * folder; and the policies that applied to the session earlier and whose files have changed, until a person accepts
 * that.
 */
function policiesInForce(
  call: ToolCall,
  { env, projectDir, startDir = '' }: Judging,
): { policies: InForce[]; change: PolicyChange | undefined } {
  const home = shieldwatchFolder(env);
  const sessionId = call.sessionId === PROBE_SESSION ? '' : call.sessionId;
  const session = readSession(home, sessionId);
  const folders = [projectDir, startDir, session?.first ?? '', call.cwd].filter((folder) => folder !== '');
  const texts = readPolicies(folders, env['HOME'] ?? '');
  const policies = parsed([...texts].map(([path, text]) => ({ path, text })));
  keepPolicies(home, sessionId, call.cwd, session, texts);
  const kept = Object.entries(session?.policies ?? {}).filter(
    ([path, text]) => texts.get(path) !== text && isPolicyOf(path, folders),
  );
  if (kept.length === 0) return { policies, change: undefined };
  const change = kept.every(([path]) => texts.has(path)) ? 'changed' : 'removed';
  return { policies: [...policies, ...parsed(kept.map(([path, text]) => ({ path, text })))], change };
}

function judgeBy(policies: readonly InForce[], call: ToolCall, subject: Subject, { mode, env }: Judging): Verdict {
  const { names } = subject;
  const rule = matchingRule(
    policies.flatMap(({ policy }) => policy.deny),
    subject,
    mode,
  );
  // AgentShield's own words for a rule without a reason.
  if (rule !== undefined) {
    const reason = rule.reason ?? 'denied by policy';
    return { decision: 'block', reason, ruleName: rule.name, ruleId: ruleId(rule), ruleCategory: categoryOf(rule) };
  }
  const limited = policies.flatMap(({ path, policy }) => withLimit(path, policy, names, mode));
  if (limited.length === 0) return { decision: 'allow' };
  if (mode === 'compat') return { decision: 'allow', rateLimit: 'not-enforced' };
  return holdToLimits(limited, call, `${spoolFolder(env)}/rate`);
}

/** Applies the built-in rules, before every policy: {@link findGuardHarm}. */
function harmToGuard(
  call: ToolCall,
  subject: Subject,
  { env, projectDir, startDir = '', own = [] }: Judging,
): string | undefined {
  const all = [shieldwatchFolder(env), spoolFolder(env), ...own];
  if (!mayTouchGuard(call, subject, all)) return undefined;
  const projects = [projectDir, startDir, call.cwd].filter((folder) => folder !== '');
  return findGuardHarm(call, { cwd: call.cwd, projects, env, own: all });
}

interface Limited {
  readonly path: string;
  readonly limit: RateLimit;
}

function withLimit(path: string, { rateLimit }: Policy, names: readonly string[], mode: PolicyMode): Limited[] {
  if (rateLimit === undefined) return [];
  return rateLimit.tools.some((tool) => names.some((name) => coversTool(tool, name, mode)))
    ? [{ path, limit: rateLimit }]
    : [];
}

/** Returns one limit per policy: the lower one of a file and its copy. */
function strictest(limited: readonly Limited[]): Limited[] {
  const byPath = new Map<string, Limited>();
  for (const it of limited) {
    const other = byPath.get(it.path);
    if (other === undefined || it.limit.maxPerMinute < other.limit.maxPerMinute) byPath.set(it.path, it);
  }
  return [...byPath.values()];
}

/** A limit that cannot be counted is reported as not enforced: a full disk must not stop the agent. */
function holdToLimits(limited: readonly Limited[], call: ToolCall, folder: string): Verdict {
  const now = Date.now();
  const answers = strictest(limited).map(({ path, limit }) => ({
    limit,
    answer: countCall(limit, { folder, policyPath: path, sessionId: call.sessionId }, call, now),
  }));
  const exceeded = answers.find(({ answer }) => answer === 'exceeded');
  if (exceeded !== undefined) {
    const { maxPerMinute, tools } = exceeded.limit;
    const reason = `rate limit: more than ${String(maxPerMinute)} calls a minute of ${tools.join(', ')}`;
    return { decision: 'block', reason, ruleName: 'rateLimit', ruleCategory: 'other', rateLimit: 'enforced' };
  }
  return {
    decision: 'allow',
    rateLimit: answers.every(({ answer }) => answer === 'within') ? 'enforced' : 'not-enforced',
  };
}
