/** A row of `runtime_event_v1` or `agent_event_v1`, as random sessions make them. */
export interface LedgerFact {
  readonly table: 'runtime_event_v1' | 'agent_event_v1';
  readonly row: Record<string, string | number>;
}

/** Returns a generator of numbers in [0, 1) that depends on the seed alone. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const HOUR_MS = 3_600_000;

/** How an agent tells of its calls. */
const AGENTS = [
  { agent: 'claude-code', hasId: true, hasHookRuns: true },
  { agent: 'codex', hasId: true, hasHookRuns: false },
  { agent: 'gemini-cli', hasId: false, hasHookRuns: true },
  { agent: 'pydantic-ai', hasId: true, hasHookRuns: false },
] as const;

/** How the hooks of a run end. */
const HOOK_ENDS: readonly Record<string, number>[] = [
  { hooks_succeeded: 1 },
  { hooks_succeeded: 1 },
  { hooks_blocking: 1 },
  { hooks_blocking: 1, hooks_succeeded: 1 },
  { hooks_failed: 1 },
  { hooks_cancelled: 1 },
];

/**
 * Makes the facts of one random session of `calls` tool calls, in the order in which they happened: turns, model calls, hook
 * runs, judgements, decisions and results, of which any may be missing, repeated, late by days, or contradict another.
 *
 * @param from time of the first event, ms since the epoch.
 */
export function sessionFacts(
  orgId: string,
  name: string,
  calls: number,
  from: number,
  random: () => number,
): LedgerFact[] {
  const chance = (share: number): boolean => random() < share;
  const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const { agent, hasId, hasHookRuns } = oneOf(AGENTS);
  const session_id = chance(0.03) ? '' : name;
  const isSilent = chance(0.08);
  const isUnguarded = chance(0.1);
  const hookNames = oneOf([['shieldwatch'], ['hook'], ['shieldwatch', 'hook']]);
  const claim = chance(0.2) ? oneOf(['acme/a', 'acme/z']) : '';
  const facts: LedgerFact[] = [];
  if (agent === 'claude-code' && chance(0.1))
    facts.push({
      table: 'agent_event_v1',
      row: {
        org_id: orgId,
        repo: claim,
        event_id: `${name}-registered`,
        occurred_at: from,
        agent,
        session_id,
        trace_id: name,
        kind: '',
        event_name: 'hook_registered',
        hook_event: 'PreSkillShellCommand',
      },
    });
  let at = from;
  let number = 0;
  const id = (): string => `${name}-${number++}`;
  const reported = (occurred_at: number, row: Record<string, string | number>): void => {
    if (isSilent || chance(0.06)) return;
    const made = { org_id: orgId, repo: claim, event_id: id(), occurred_at, agent, session_id, trace_id: name, ...row };
    facts.push({ table: 'agent_event_v1', row: made });
    if (chance(0.05))
      facts.push({ table: 'agent_event_v1', row: { ...made, success: 'false', error_type: 'repeated' } });
  };
  const step = (ms: number): number => (at += Math.ceil(random() * ms));
  for (let call = 0; call < calls; call += 1) {
    if (chance(0.25)) reported(step(60_000), { kind: 'turn', event_name: 'user_prompt' });
    if (chance(0.6))
      reported(step(5_000), {
        kind: 'model_call',
        event_name: 'response',
        model: oneOf(['m1', 'm1', 'm 2', '']),
        input_tokens: 10,
        output_tokens: Math.floor(random() * 5),
        cost_usd: 0.01,
        success: oneOf(['', '', '', 'false']),
        masked: chance(0.1) ? 2 : 0,
      });
    if (chance(0.05)) reported(step(500), { kind: 'error', event_name: 'api_error' });
    if (chance(0.05)) reported(step(500), { kind: 'subagent', event_name: 'subagent_completed' });
    if (chance(0.05)) reported(step(500), { kind: '', event_name: 'assistant_response', masked: 1 });
    if (chance(0.05)) reported(step(500), { kind: '', event_name: 'assistant_response' });
    if (agent === 'codex' && chance(0.3)) reported(step(900), { kind: '', event_name: 'api_request' });
    if (chance(0.02)) at += Math.floor(random() * 40) * HOUR_MS;
    const tool = oneOf(agent === 'codex' ? ['Bash', 'mcp__tickets__close'] : ['Bash', 'Write']);
    const callId = chance(0.03) ? '[REDACTED]' : `call-${chance(0.02) ? 0 : call}`;
    const isDenied = chance(0.35);
    const runsAnyway = isDenied && chance(0.2);
    const judgedAt = step(300) + (chance(0.05) ? 20_000 : 0);
    for (let guard = 0; guard < (isUnguarded || chance(0.1) ? 0 : chance(0.1) ? 2 : 1); guard += 1) {
      const row = {
        org_id: orgId,
        repo: oneOf(['acme/a', 'acme/a', 'acme/a', 'acme/b']),
        event_id: id(),
        occurred_at: judgedAt + guard,
        session_id,
        agent,
        tool,
        tool_call_id: agent === 'gemini-cli' ? '' : callId,
        decision: isDenied ? oneOf(['block', 'block', 'ask']) : oneOf(['allow', 'allow', 'allow', 'ask']),
        reason: 'r',
        rule_id: isDenied ? oneOf(['r1', 'r2']) : '',
        rule_category: isDenied ? 'other' : '',
        duration_us: Math.floor(random() * 5_000),
        source: oneOf(['hook', 'wrap']),
        trace_id: name,
      };
      facts.push({ table: 'runtime_event_v1', row });
      if (chance(0.05))
        facts.push({ table: 'runtime_event_v1', row: { ...row, decision: 'block', reason: 'stricter' } });
    }
    if (hasHookRuns && !chance(0.1)) {
      reported(step(100), {
        kind: 'hook_run',
        event_name: 'hook_execution_complete',
        hook_event: agent === 'gemini-cli' ? 'BeforeTool' : 'PreToolUse',
        tool: agent === 'gemini-cli' ? '' : tool,
        decision_source: agent === 'gemini-cli' ? oneOf(hookNames) : '',
        ...oneOf(HOOK_ENDS),
      });
    }
    const ids = { tool, tool_call_id: hasId ? callId : '' };
    const isRun = !isDenied || runsAnyway;
    if (agent === 'pydantic-ai') {
      if (isRun) reported(step(50), { ...ids, kind: 'tool_call', success: 'true', duration_ms: 20 });
      continue;
    }
    if (agent !== 'gemini-cli' && (isRun || agent === 'claude-code'))
      reported(step(50), {
        ...ids,
        kind: 'tool_decision',
        decision: isRun ? 'allow' : 'block',
        decision_source: oneOf(['hook', 'config', 'user_permanent', '']),
        permission_mode: oneOf(['default', 'bypassPermissions', 'auto', '']),
      });
    if (agent === 'codex' && isRun && chance(0.2))
      reported(step(50), { ...ids, kind: 'tool_call', success: 'true', duration_ms: 20 });
    if (isRun)
      reported(step(3_000), {
        ...ids,
        kind: 'tool_result',
        success: oneOf(['true', 'false']),
        duration_ms: Math.floor(random() * 50),
      });
    else if (agent === 'gemini-cli')
      reported(step(50), {
        ...ids,
        kind: 'tool_result',
        success: 'false',
        ...oneOf<Record<string, string>>([
          { decision: 'block', error_type: 'policy_violation' },
          { error_type: 'stop_execution' },
          { error_type: 'tool_not_registered' },
        ]),
      });
  }
  return facts;
}

/** Shuffles in place: late, early, in any order. */
export function shuffle<T>(values: T[], random: () => number): T[] {
  for (let last = values.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [values[last], values[other]] = [values[other] as T, values[last] as T];
  }
  return values;
}
