import { selectRows, type ClickHouseClient } from '#schemas/clickhouse/client.js';
import {
  DECIDERS,
  OBEYS_DENIALS,
  OUR_HOOK_NAME,
  outcomeOf,
  RECORDS_DENIALS,
  type Evidence,
} from '#schemas/clickhouse/tool-call-outcome.js';

/** A deduplicated fact as the views of facts show it; `at` in ms since the epoch. */
interface Reported {
  fact: 'runtime_event' | 'agent_event';
  org: string;
  session: string;
  repo: string;
  id: string;
  at: number;
  agent: string;
  name: string;
  kind: string;
  tool: string;
  call: string;
  decision: string;
  source: string;
  mode: string;
  success: string;
  error: string;
  duration_us: number;
  hook: string;
  hooks: { blocking: number; succeeded: number; failed: number; cancelled: number };
  rule: string;
}

/** A call, as far as the ledger and the naive reading are compared. */
export interface Call {
  org: string;
  repo: string;
  source: string;
  claimed: string;
  session: string;
  call: string;
  agent: string;
  tool: string;
  at: number;
  judged: number | null;
  decided: number | null;
  ran: number | null;
  result: number | null;
  judgement: string;
  rule: string;
  decision: string;
  outcome: string;
  cause: string;
  missing: string[];
  inferred: boolean;
  judgements: string[];
  events: string[];
}

/** Reads every fact of the store. */
async function allFacts(client: ClickHouseClient): Promise<Reported[]> {
  const session = `multiIf(session_id != '' AND position(session_id, '[REDACTED') = 0, session_id, trace_id != '', trace_id, event_id)`;
  const common = `toString(org_id) AS org, ${session} AS session, repo, event_id AS id, toUnixTimestamp64Milli(occurred_at) AS at, toString(agent) AS agent,
    toString(tool) AS tool, if(position(tool_call_id, '[REDACTED') = 0, tool_call_id, '') AS call, toString(decision) AS decision`;
  return selectRows<Reported>(
    client,
    `SELECT 'runtime_event' AS fact, ${common}, '' AS name, 'judgement' AS kind, '' AS source, '' AS mode, '' AS success, '' AS error, duration_us, '' AS hook,
       CAST((0, 0, 0, 0), 'Tuple(blocking UInt32, succeeded UInt32, failed UInt32, cancelled UInt32)') AS hooks, toString(rule_id) AS rule
     FROM runtime_event
     UNION ALL
     SELECT 'agent_event', ${common}, toString(event_name), toString(kind), toString(decision_source), toString(permission_mode), toString(success), toString(error_type), duration_ms * 1000,
       toString(hook_event), CAST((hooks_blocking, hooks_succeeded, hooks_failed, hooks_cancelled), 'Tuple(blocking UInt32, succeeded UInt32, failed UInt32, cancelled UInt32)'), ''
     FROM agent_event
     WHERE (kind != '' OR masked > 0 OR event_name IN ('hook_registered', 'api_request')) AND (session_id != '' OR trace_id != '' OR kind IN ('tool_call', 'tool_decision', 'tool_result'))`,
  );
}

const text = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const byTime = (a: Reported, b: Reported): number => a.at - b.at || text(a.id, b.id) || text(a.repo, b.repo);
const started = ({ kind, agent, at, duration_us: duration }: Reported): number =>
  kind === 'tool_result' && agent !== 'gemini-cli' ? at - duration / 1_000 : at;
const leastId = (parts: readonly Reported[]): string => parts.map(({ id }) => id).sort(text)[0] ?? '';
const isResult = ({ kind }: Reported): boolean => kind === 'tool_result' || kind === 'tool_call';
const isGuardHook = ({ kind, hook }: Reported): boolean =>
  kind === 'hook_run' && (hook === 'PreToolUse' || hook === 'BeforeTool');
const isRefusal = ({ decision, success, error }: Reported): boolean =>
  success !== 'true' && (decision === 'block' || error === 'stop_execution' || error === 'tool_not_registered');
const STRICTNESS: Readonly<Record<string, number>> = { block: 3, ask: 2, allow: 1 };

function groups<T>(values: readonly T[], key: (value: T) => string): Map<string, T[]> {
  const made = new Map<string, T[]>();
  for (const value of values) {
    const group = made.get(key(value));
    if (group === undefined) made.set(key(value), [value]);
    else group.push(value);
  }
  return made;
}

/** Reads every fact and forms every call, without knowing what changed: what the ledger must equal. */
export async function naiveCalls(client: ClickHouseClient): Promise<Call[]> {
  return [...groups(await allFacts(client), ({ org, session }) => `${org}\0${session}`).values()].flatMap(callsOf);
}

function callsOf(session: Reported[]): Call[] {
  const sorted = [...session].sort(byTime);
  const turns = sorted.filter(({ kind }) => kind === 'turn').map(({ at }) => at);
  const turnOf = (at: number): number => turns.filter((turn) => turn <= at).length;
  const hookRepo = sorted.find(({ kind }) => kind === 'judgement')?.repo ?? '';
  const modelCalls = sorted.filter(({ kind }) => kind === 'model_call').map(({ at }) => at);
  const strong = sorted.filter(
    ({ kind, agent, name }) => kind === 'turn' || (agent === 'codex' && name === 'api_request'),
  );

  // Hook runs that are joined with calls, and batches of Gemini CLI's parallel calls.
  const guardHooks = sorted.filter(isGuardHook);
  const hasOwnRuns = guardHooks.some(({ source }) => source === OUR_HOOK_NAME);
  const hookRuns = guardHooks.filter(({ source }) => !hasOwnRuns || source === '' || source === OUR_HOOK_NAME);
  const resultTimes = sorted.filter(isResult).map(({ at }) => at);
  const asked = [...sorted.filter(({ kind }) => kind === 'judgement'), ...hookRuns];
  const resultsAt = (time: number): number => resultTimes.filter((at) => at <= time).length;
  const batchOf = (reported: Reported): number =>
    reported.agent !== 'gemini-cli'
      ? 0
      : reported.kind === 'judgement' || isGuardHook(reported)
        ? resultsAt(reported.at)
        : Math.max(0, ...asked.filter(({ at }) => at <= reported.at).map(({ at }) => resultsAt(at)));
  const rankOf = (reported: Reported): number =>
    reported.agent !== 'gemini-cli'
      ? 0
      : reported.kind === 'judgement'
        ? 4 - Math.max(1, STRICTNESS[reported.decision] ?? 0)
        : isRefusal(reported) && isResult(reported)
          ? 1
          : 2;

  // The call of each event.
  const events = sorted.filter(
    (reported) => reported.kind === 'judgement' || reported.kind === 'tool_decision' || isResult(reported),
  );
  const judgedIds = new Set(
    events.filter(({ kind, call }) => kind === 'judgement' && call !== '').map(({ call }) => call),
  );
  const ranked = (of: Reported[]): Map<string, Reported[]> =>
    groups(
      [...of].sort(
        (a, b) => rankOf(a) - rankOf(b) || started(a) - started(b) || text(a.id, b.id) || text(a.repo, b.repo),
      ),
      (reported) => `${reported.tool}\0${turnOf(reported.at)}\0${batchOf(reported)}`,
    );
  const judgements = ranked(events.filter(({ kind, call }) => kind === 'judgement' && call === ''));
  const decisions = ranked(events.filter(({ kind, call }) => kind === 'tool_decision' && call === ''));
  const results = ranked(events.filter((reported) => isResult(reported) && !judgedIds.has(reported.call)));
  const callOf = new Map<Reported, string>(
    events.filter(({ call }) => call !== '').map((reported) => [reported, reported.call]),
  );
  for (const side of [judgements, decisions, results])
    for (const [place, list] of side)
      for (const [nth, reported] of list.entries()) {
        const named = results.get(place)?.[nth]?.call ?? '';
        if (!callOf.has(reported)) callOf.set(reported, named === '' ? `\0${place}\0${nth}` : named);
      }

  const calls = [...groups(events, (reported) => callOf.get(reported) ?? '')].map(([call, parts]) => {
    const guards = parts.filter(({ kind }) => kind === 'judgement');
    const reported = parts.filter(({ kind }) => kind !== 'judgement');
    const judge = [...guards].sort(
      (a, b) => (STRICTNESS[b.decision] ?? 0) - (STRICTNESS[a.decision] ?? 0) || byTime(a, b),
    )[0];
    const decided = reported.filter(({ kind }) => kind === 'tool_decision').at(-1);
    const word = reported.filter(({ decision }) => decision === 'allow' || decision === 'block').at(-1);
    const result = reported.filter(isResult).at(-1);
    const hasRun = reported.some((one) => isResult(one) && !isRefusal(one));
    const reportedTool = reported.find(({ tool }) => tool !== '')?.tool ?? '';
    return {
      call,
      parts,
      guards,
      reported,
      judge,
      decided,
      word,
      result,
      hasRun,
      reportedTool,
      turn: Math.min(...parts.map(({ at }) => turnOf(at))),
      batch: Math.min(...parts.map(batchOf)),
      rank:
        (reported[0]?.agent ?? judge?.agent) !== 'gemini-cli'
          ? 0
          : result !== undefined && !hasRun
            ? 1
            : judge === undefined
              ? 3
              : judge.decision === 'block'
                ? 2
                : 4,
      order: decided?.at ?? judge?.at ?? (result === undefined ? (parts[0]?.at ?? 0) : started(result)),
    };
  });

  // Hook runs by order.
  const isToolless = guardHooks.some(({ tool }) => tool === '');
  const hasOwnSigns = sorted.some(({ kind, hook }) => kind === 'judgement' || hook === 'PreSkillShellCommand');
  const endOf = ({ hooks, source }: Reported): Evidence['hook'] => {
    if (hooks.blocking === 0) return hooks.failed > 0 ? 'failed' : hooks.cancelled > 0 ? 'cancelled' : 'succeeded';
    if (source === OUR_HOOK_NAME) return 'blocked_by_ours';
    if (source !== '' || hooks.blocking + hooks.succeeded + hooks.failed + hooks.cancelled > 1) return 'blocked';
    return hasOwnSigns ? 'blocked_by_ours' : 'blocked_alone';
  };
  const HOOK_RANKS: Readonly<Record<string, number>> = { failed: 2, cancelled: 2, succeeded: 3 };
  const hookRank = (run: Reported): number => (run.agent === 'gemini-cli' ? (HOOK_RANKS[endOf(run)] ?? 1) : 0);
  const hookTool = (tool: string): string => (isToolless ? '' : tool);
  const runsBy = groups(
    [...hookRuns].sort((a, b) => hookRank(a) - hookRank(b) || a.at - b.at || text(a.id, b.id)),
    (run) => `${isToolless ? '' : run.tool}\0${turnOf(run.at)}\0${batchOf(run)}`,
  );
  const callsBy = groups(
    [...calls].sort(
      (a, b) =>
        a.rank - b.rank || a.order - b.order || text(leastId(a.parts), leastId(b.parts)) || text(a.call, b.call),
    ),
    ({ reportedTool, judge, turn, batch }) =>
      `${hookTool(reportedTool === '' ? (judge?.tool ?? '') : reportedTool)}\0${turn}\0${batch}`,
  );
  const hookOf = new Map<unknown, Evidence['hook']>();
  for (const [place, list] of callsBy)
    for (const [nth, call] of list.entries()) {
      const run = runsBy.get(place)?.[nth];
      if (run !== undefined) hookOf.set(call, endOf(run));
    }
  const hasHooks = sorted.some(
    ({ kind, hook }) => kind === 'judgement' || hook === 'PreToolUse' || hook === 'BeforeTool',
  );
  const isHeard = sorted.some(({ fact }) => fact === 'agent_event');

  return calls.map((call): Call => {
    const { judge, decided, word, result, reported } = call;
    const before = decided?.at ?? (call.hasRun && result !== undefined ? started(result) : undefined);
    const agent = reported[0]?.agent ?? judge?.agent ?? '';
    const isRejectedByCodex =
      agent === 'codex' &&
      decided === undefined &&
      result?.success === 'false' &&
      !reported.some(({ kind }) => kind === 'tool_call') &&
      !call.reportedTool.startsWith('mcp__');
    const mode = reported.filter((one) => one.mode !== '').at(-1)?.mode ?? '';
    const source = (word?.source ?? '').toLowerCase();
    const judgedAt = judge?.at ?? Infinity;
    const evidence: Evidence = {
      judgement: (judge?.decision ?? 'none') as Evidence['judgement'],
      judged: judge !== undefined && before !== undefined && judge.at > before ? 'late' : 'in_time',
      hook: hookOf.get(call) ?? 'none',
      decision: word === undefined ? 'none' : word.decision === 'allow' ? 'accept' : 'reject',
      decider: (DECIDERS.hook as readonly string[]).includes(source)
        ? 'hook'
        : (DECIDERS.user as readonly string[]).includes(source)
          ? 'user'
          : source === ''
            ? 'unstated'
            : 'agent',
      run: call.hasRun && !isRejectedByCodex ? 'ran' : result === undefined ? 'none' : 'refused',
      moved_on:
        strong.some(({ at }) => at > judgedAt) || modelCalls.filter((at) => at > judgedAt).length >= 2 ? 'yes' : 'no',
      records_denials: (RECORDS_DENIALS as readonly string[]).includes(agent)
        ? 'yes'
        : (OBEYS_DENIALS as readonly string[]).includes(agent)
          ? 'obeyed'
          : 'no',
      telemetry: isHeard ? 'heard' : 'silent',
      hooks: hasHooks ? 'registered' : agent === 'codex' ? 'unstated' : 'none',
      mode: mode === 'bypassPermissions' ? 'bypass' : mode === 'auto' ? 'auto' : 'other',
    };
    const verdict = outcomeOf(evidence);
    const claim = reported.reduce((greatest, { repo }) => (repo > greatest ? repo : greatest), '');
    const repo = judge?.repo ?? (hookRepo === '' ? claim : hookRepo);
    return {
      org: session[0]?.org ?? '',
      repo,
      source: judge !== undefined ? 'hook' : hookRepo !== '' ? 'session' : claim === '' ? '' : 'telemetry',
      claimed: claim === repo ? '' : claim,
      session: session[0]?.session ?? '',
      call: call.call.startsWith('\0') ? 'inferred' : call.call,
      agent,
      tool: judge?.tool ?? call.reportedTool,
      at: call.parts[0]?.at ?? 0,
      judged: judge?.at ?? null,
      decided: decided?.at ?? null,
      ran: result === undefined ? null : started(result),
      result:
        result === undefined ? null : result.kind === 'tool_call' ? result.at + result.duration_us / 1_000 : result.at,
      judgement: judge?.decision ?? '',
      rule: judge?.rule ?? '',
      decision: evidence.decision === 'none' ? '' : evidence.decision,
      outcome: verdict.outcome,
      cause: verdict.cause,
      missing: [...verdict.missing],
      inferred: verdict.isByOrder || call.parts.some((part) => part.call === ''),
      judgements: [...new Set(call.guards.map(({ id }) => id))].sort(text),
      events: [...new Set(reported.map(({ id }) => id))].sort(text),
    };
  });
}

/** Returns the rows of the ledger in the same form: those that the view shows, or those of one formula. */
export async function ledgerCalls(client: ClickHouseClient, formula?: number): Promise<Call[]> {
  const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`;
  return selectRows<Call>(
    client,
    `SELECT toString(org_id) AS org, repo, toString(repo_source) AS source, repo_claimed AS claimed, session_id AS session,
       if(startsWith(tool_call_id, 'inferred-'), 'inferred', tool_call_id) AS call, toString(agent) AS agent, toString(tool) AS tool, ${ms('occurred_at')} AS at,
       ${ms('judged_at')} AS judged, ${ms('decided_at')} AS decided, ${ms('ran_at')} AS ran, ${ms('result_at')} AS result, toString(judgement) AS judgement,
       toString(rule_id) AS rule, toString(agent_decision) AS decision, toString(outcome) AS outcome, toString(cause) AS cause, missing, is_inferred AS inferred,
       judgement_ids AS judgements, agent_event_ids AS events
     FROM ${formula === undefined ? 'tool_call_outcome' : `(SELECT * FROM tool_call_outcome_v1 FINAL WHERE formula = ${formula} AND NOT is_head)`}`,
  );
}

const keyOf = (call: Call): string =>
  [call.org, call.session, call.call, ...(call.call === 'inferred' ? [...call.judgements, ...call.events] : [])].join(
    ' ',
  );

/** Returns calls that the ledger and the naive reading tell differently: at most `most`, and how many there are. */
export function differingCalls(
  ledger: readonly Call[],
  naive: readonly Call[],
  most = 5,
): { count: number; some: unknown[] } {
  const expected = new Map(naive.map((call) => [keyOf(call), call]));
  const some: unknown[] = [];
  let count = 0;
  const differ = (what: unknown): void => {
    count += 1;
    if (some.length < most) some.push(what);
  };
  for (const call of ledger) {
    const wanted = expected.get(keyOf(call));
    expected.delete(keyOf(call));
    const fields =
      wanted === undefined
        ? ['not expected']
        : (Object.keys(wanted) as (keyof Call)[]).filter(
            (field) => JSON.stringify(call[field]) !== JSON.stringify(wanted[field]),
          );
    if (fields.length > 0) differ({ fields, call, wanted });
  }
  for (const wanted of expected.values()) differ({ fields: ['missing'], wanted });
  return { count, some };
}
