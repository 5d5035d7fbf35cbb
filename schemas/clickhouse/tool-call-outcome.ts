/**
 * The outcome of a tool call: what is known of the call (its evidence), and the table that gives every combination of
 * evidence exactly one outcome. `rollups/jobs/tool_call_outcome.sql` decides by the SQL that is written from this table.
 */

/** What is known of a call, each with its possible values. */
export const EVIDENCE = {
  /** The strictest judgement of one of our guards. */
  judgement: ['none', 'allow', 'ask', 'block'],
  /** Whether it was made before the agent decided, or else before the call ran. */
  judged: ['in_time', 'late'],
  /**
   * How the hooks of the call ended by the agent's telemetry, which names no call: joined by session, turn, tool and
   * order. `blocked_alone`: by the only hook that ran, and nothing says whose it is; `blocked_by_ours`: by ours.
   */
  hook: ['none', 'succeeded', 'blocked', 'blocked_alone', 'blocked_by_ours', 'failed', 'cancelled'],
  /** What the agent says was decided. */
  decision: ['none', 'accept', 'reject'],
  /** Who decided, by the agent's word: `agent` is its own rules and modes. */
  decider: ['unstated', 'agent', 'hook', 'user'],
  /** What the agent's record of the result says: that the call ran, or that it was refused. */
  run: ['none', 'ran', 'refused'],
  /** Whether the session went on after the judgement: another turn, another request to the model. */
  moved_on: ['no', 'yes'],
  /**
   * Whether this agent leaves a record of a denied call; `obeyed`: it leaves none, and runs no call of which it understood a
   * hook's denial in time.
   */
  records_denials: ['no', 'yes', 'obeyed'],
  /** Whether the agent's own telemetry says anything about the session. */
  telemetry: ['silent', 'heard'],
  /** Whether the session has a hook before tool calls; `unstated`: it shows none, and its agent skips untrusted hooks silently. */
  hooks: ['none', 'unstated', 'registered'],
  /** The agent's permission mode. */
  mode: ['other', 'bypass', 'auto'],
} as const;

type Field = keyof typeof EVIDENCE;
/** One combination of evidence. */
export type Evidence = { readonly [F in Field]: (typeof EVIDENCE)[F][number] };
type Condition = { readonly [F in Field]?: readonly Evidence[F][] };

export const OUTCOMES = [
  'enforced',
  'presumed',
  'allowed',
  'bypassed',
  'failed_open',
  'overruled',
  'unjudged',
  'denied_elsewhere',
  'unknown',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

interface OutcomeRule {
  readonly outcome: Outcome;
  readonly when: Condition;
  /** Whether it rests on hook runs, which are joined by order. */
  readonly isByOrder?: true;
}

const RAN = { run: ['ran'] } as const;
const NO_RECORD = { run: ['none'], decision: ['none'] } as const;
const BLOCKED_IN_TIME = { judgement: ['block'], judged: ['in_time'] } as const;
const BLOCKED = ['blocked', 'blocked_alone', 'blocked_by_ours'] as const;
const NO_WORD_OF_HOOK = ['none', ...BLOCKED] as const;
const NOT_BLOCKED = ['none', 'succeeded', 'failed', 'cancelled'] as const;

/** The table. Of its conditions exactly one holds for every combination of evidence, which a test enumerates. */
export const OUTCOME_RULES: readonly OutcomeRule[] = [
  // It ran.
  { outcome: 'failed_open', when: { ...RAN, judgement: ['none'], hook: ['failed', 'cancelled'] }, isByOrder: true },
  { outcome: 'unjudged', when: { ...RAN, judgement: ['none'], hook: ['none', 'succeeded', ...BLOCKED] } },
  { outcome: 'failed_open', when: { ...RAN, judgement: ['allow', 'ask', 'block'], judged: ['late'] } },
  { outcome: 'allowed', when: { ...RAN, judgement: ['allow', 'ask'], judged: ['in_time'] } },
  {
    outcome: 'failed_open',
    when: { ...RAN, ...BLOCKED_IN_TIME, hook: ['failed', 'cancelled', 'succeeded'] },
    isByOrder: true,
  },
  {
    outcome: 'overruled',
    when: { ...RAN, ...BLOCKED_IN_TIME, hook: NO_WORD_OF_HOOK, decision: ['accept'], decider: ['hook', 'user'] },
  },
  {
    outcome: 'bypassed',
    when: { ...RAN, ...BLOCKED_IN_TIME, hook: NO_WORD_OF_HOOK, decision: ['accept'], decider: ['unstated', 'agent'] },
  },
  {
    outcome: 'bypassed',
    when: { ...RAN, ...BLOCKED_IN_TIME, hook: NO_WORD_OF_HOOK, decision: ['none', 'reject'] },
  },
  // Its result says that it was refused.
  { outcome: 'enforced', when: { run: ['refused'], judgement: ['block'] } },
  { outcome: 'overruled', when: { run: ['refused'], judgement: ['allow'] } },
  { outcome: 'denied_elsewhere', when: { run: ['refused'], judgement: ['none', 'ask'] } },
  // It has no result, and the agent's decision is known.
  { outcome: 'enforced', when: { run: ['none'], decision: ['reject'], judgement: ['block'] } },
  { outcome: 'overruled', when: { run: ['none'], decision: ['reject'], judgement: ['allow'] } },
  { outcome: 'denied_elsewhere', when: { run: ['none'], decision: ['reject'], judgement: ['none', 'ask'] } },
  { outcome: 'unknown', when: { run: ['none'], decision: ['accept'] } },
  // The agent says neither.
  { outcome: 'unknown', when: { ...NO_RECORD, judgement: ['none', 'allow', 'ask'] } },
  { outcome: 'enforced', when: { ...NO_RECORD, judgement: ['block'], hook: BLOCKED }, isByOrder: true },
  { outcome: 'presumed', when: { ...NO_RECORD, judgement: ['block'], hook: NOT_BLOCKED, moved_on: ['no'] } },
  {
    outcome: 'enforced',
    when: {
      ...NO_RECORD,
      judgement: ['block'],
      hook: NOT_BLOCKED,
      moved_on: ['yes'],
      records_denials: ['no', 'obeyed'],
    },
  },
  {
    outcome: 'unknown',
    when: { ...NO_RECORD, judgement: ['block'], hook: NOT_BLOCKED, moved_on: ['yes'], records_denials: ['yes'] },
  },
];

/** Why a call ended so: of the rules of its outcome the first that holds; none: no cause is known. */
const CAUSE_RULES: readonly {
  readonly outcomes: readonly Outcome[];
  readonly when: Condition;
  readonly cause: string;
}[] = [
  { outcomes: ['failed_open'], when: { hook: ['failed'] }, cause: 'hook_failed' },
  { outcomes: ['failed_open'], when: { hook: ['cancelled'] }, cause: 'timeout' },
  { outcomes: ['failed_open'], when: { judged: ['late'] }, cause: 'timeout' },
  { outcomes: ['failed_open'], when: {}, cause: 'ignored_answer' },
  { outcomes: ['unjudged'], when: { hook: ['succeeded', ...BLOCKED] }, cause: 'other_hook' },
  { outcomes: ['unjudged'], when: { hooks: ['none'] }, cause: 'no_hook' },
  { outcomes: ['unjudged'], when: { hooks: ['unstated'] }, cause: 'hook_not_trusted' },
  { outcomes: ['unjudged'], when: { hooks: ['registered'], hook: ['none'] }, cause: 'hook_not_run' },
  { outcomes: ['bypassed'], when: { records_denials: ['obeyed'] }, cause: 'denial_lost' },
  { outcomes: ['unjudged', 'bypassed'], when: { mode: ['bypass'] }, cause: 'bypass_mode' },
  { outcomes: ['unjudged', 'bypassed'], when: { mode: ['auto'] }, cause: 'auto_mode' },
  { outcomes: ['overruled'], when: { hook: BLOCKED, decision: ['accept'], decider: ['hook'] }, cause: 'mods' },
  {
    outcomes: ['overruled', 'denied_elsewhere'],
    when: { hook: ['blocked_by_ours'], decider: ['unstated', 'hook'] },
    cause: 'failed_closed',
  },
  {
    outcomes: ['overruled', 'denied_elsewhere'],
    when: { hook: ['blocked_alone'], decider: ['unstated', 'hook'] },
    cause: 'sole_hook',
  },
  { outcomes: ['overruled', 'denied_elsewhere'], when: { decider: ['hook'] }, cause: 'other_hook' },
  { outcomes: ['overruled', 'denied_elsewhere'], when: { decider: ['user'] }, cause: 'user' },
  { outcomes: ['overruled', 'denied_elsewhere'], when: { decider: ['agent'] }, cause: 'agent_rule' },
  { outcomes: ['unknown', 'presumed'], when: { telemetry: ['silent'] }, cause: 'telemetry_silent' },
];

/** Halves that an unknown outcome may lack, and by which evidence. */
const MISSING: readonly { readonly half: string; readonly when: Condition }[] = [
  { half: 'telemetry', when: { telemetry: ['silent'] } },
  { half: 'judgement', when: { judgement: ['none'] } },
  { half: 'decision', when: { telemetry: ['heard'], decision: ['none'] } },
  { half: 'result', when: { telemetry: ['heard'], run: ['none'] } },
];

/** What is stored of a call beside its stages. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly cause: string;
  readonly missing: readonly string[];
  /** Whether the outcome rests on evidence that was joined by order. */
  readonly isByOrder: boolean;
  readonly hasRun: boolean;
  readonly isJudgedInTime: boolean;
}

export function holds(when: Condition, evidence: Evidence): boolean {
  return (Object.keys(when) as Field[]).every((field) =>
    (when[field] as readonly string[] | undefined)?.includes(evidence[field]),
  );
}

/** Decides one call by the table, as the job does in SQL. */
export function outcomeOf(evidence: Evidence): Verdict {
  const rule = OUTCOME_RULES.find(({ when }) => holds(when, evidence));
  if (rule === undefined) throw new Error('the table of outcomes has no rule for this evidence');
  const { outcome } = rule;
  return {
    outcome,
    cause: CAUSE_RULES.find((of) => of.outcomes.includes(outcome) && holds(of.when, evidence))?.cause ?? '',
    missing: outcome === 'unknown' ? MISSING.filter(({ when }) => holds(when, evidence)).map(({ half }) => half) : [],
    isByOrder: rule.isByOrder ?? false,
    hasRun: evidence.run === 'ran',
    isJudgedInTime: evidence.run === 'ran' && outcome !== 'failed_open' && evidence.judgement !== 'none',
  };
}

const quoted = (texts: readonly string[]): string => texts.map((text) => `'${text}'`).join(', ');

/** Writes a condition over the columns `of_<field>`. */
function conditionSql(when: Condition): string {
  const parts = (Object.keys(when) as Field[]).map((field) => `of_${field} IN (${quoted(when[field] ?? [])})`);
  return parts.length === 0 ? 'true' : parts.join(' AND ');
}

/** Writes the expressions for the values of {@link outcomeOf}; `cause` and what follows read the column `outcome`. */
export const OUTCOME_SQL = {
  outcome: `multiIf(
            ${OUTCOME_RULES.map(({ outcome, when }) => `${conditionSql(when)}, '${outcome}'`).join(',\n            ')},
            'unknown')`,
  is_by_order: `(${OUTCOME_RULES.filter(({ isByOrder }) => isByOrder)
    .map(({ when }) => `(${conditionSql(when)})`)
    .join(' OR ')})`,
  cause: `multiIf(
            ${CAUSE_RULES.map(({ outcomes, when, cause }) => `outcome IN (${quoted(outcomes)}) AND ${conditionSql(when)}, '${cause}'`).join(',\n            ')},
            '')`,
  missing: `if(outcome != 'unknown', [], arrayFilter(half -> half != '', [${MISSING.map(({ half, when }) => `if(${conditionSql(when)}, '${half}', '')`).join(', ')}]))`,
  has_run: `of_run = 'ran'`,
  is_judged_in_time: `(of_run = 'ran' AND outcome != 'failed_open' AND of_judgement != 'none')`,
} as const;

/** Words of `decision_source` by which agents name who decided, in lower case. A test holds live captures to it. */
export const DECIDERS = {
  hook: ['hook'],
  user: ['user', 'user_permanent', 'user_temporary', 'user_reject', 'user_abort'],
} as const;

/** Agents that leave a record of a call that was denied. */
export const RECORDS_DENIALS = ['claude-code', 'gemini-cli'] as const;

/**
 * Agents that leave none, and in which neither a person nor a mode nor another hook lifts a hook's denial: one that ran all the
 * same was denied too late, or in words that the agent did not take for a denial.
 */
export const OBEYS_DENIALS = ['codex'] as const;

/** Name of our hook in Gemini CLI's settings, and in `decision_source` of its hook runs. */
export const OUR_HOOK_NAME = 'shieldwatch';
