import { decisionOf, findingOf, scanOf, Seed } from '#ingest/testing/board-seed.js';
import { insertToolCalls, type ToolCallSeed } from '#ingest/testing/tool-call-rows.js';
import { createRollupWorker } from '#rollups/worker.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { DrillClient, DrillRecord, DrillResult } from '#schemas/records/drill.js';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Start of an hour, three hours back: what the hand-worked story tells lies around it. */
export const T = Math.floor(Date.now() / HOUR) * HOUR - 3 * HOUR;
export const at = (offset: number): string => new Date(T + offset).toISOString();

const counts = (
  critical: number,
  high = 0,
  medium = 0,
): { critical: number; high: number; medium: number; low: number; info: number } => ({
  critical,
  high,
  medium,
  low: 0,
  info: 0,
});

const drillOf = (seat: string, client: DrillClient, offset: number, result: DrillResult): DrillRecord => ({
  seat: seat.repeat(32),
  client,
  version: '1.2.3',
  repository: 'acme/web',
  timestamp: at(offset),
  durationMs: 1_000,
  result,
});

/** Works off everything that was seeded, each pass final. */
export async function foldSeries(client: ClickHouseClient): Promise<void> {
  await createRollupWorker({ clickhouse: client, settleMs: 0 }).tick();
}

/**
 * Two organisations whose numbers can be worked by hand, as telemetry lands.
 *
 * org_a: acme/web scanned 10 days ago (80, one low finding), at T (55: two critical secrets and a high one came), at
 * T + 10 min (70: one secret went), at T + 20 min an empty scan. acme/api scanned at T (95), its policy failed and its
 * baseline regressed. Guard: 30 Bash decisions of acme/web at T, 6 of them blocked (3 by an injection rule); 5 Read
 * decisions of acme/api, all allowed; acme/quiet decided once, 20 days ago, and was never scanned. The high finding is
 * accepted for 30 days more, the low one was until T. Drills of acme/web: one proved at T - 1 h, one overdue, one that failed open; a
 * seat that last drilled 40 days ago. The baseline of acme/web is its first scan. org_b: one repository of the same name with 99 critical findings.
 */
export async function seedByHand(client: ClickHouseClient): Promise<void> {
  const a = new Seed(client, 'org_a');
  const old = scanOf('acme/web', at(-10 * DAY), { score: 80, grade: 'B', findings: { ...counts(0), low: 1 } });
  const first = scanOf('acme/web', at(0), {
    score: 55,
    grade: 'D',
    findings: { ...counts(2, 1), low: 1 },
    breakdown: { secrets: 10, permissions: 60, hooks: 100, mcp: 100, agents: 100 },
  });
  const second = scanOf('acme/web', at(10 * MINUTE), {
    score: 70,
    grade: 'C',
    findings: { ...counts(1, 1), low: 1 },
    breakdown: { secrets: 50, permissions: 60, hooks: 100, mcp: 100, agents: 100 },
  });
  const api = scanOf('acme/api', at(0), {
    score: 95,
    findings: counts(0),
    provider: 'github-actions',
    ci: { sha: '0123456789abcdef', runId: '4711', workflow: 'security' },
    policy: {
      status: 'failed',
      name: 'house rules',
      pack: 'team',
      violations: 3,
      minScore: 97,
      exceptions: { total: 2, active: 1, expiring_soon: 1, expired: 0 },
    },
    baseline: {
      status: 'regressed',
      scoreDelta: -3,
      findings: { new: 1, resolved: 0, unchanged: 4, new_critical: 0, new_high: 0 },
    },
  });
  await a.scans([old, first, second, scanOf('acme/web', at(20 * MINUTE), { filesScanned: 0 }), api]);
  const secret = { severity: 'critical', category: 'secrets' } as const;
  await a.findings('acme/web', [
    findingOf(old, 'k-low', { severity: 'low' }),
    findingOf(first, 'k-low', { severity: 'low' }),
    findingOf(first, 'k-gone', { ...secret, title: 'AWS key in a hook' }),
    findingOf(first, 'k-stays', { ...secret, title: 'Token in .mcp.json' }),
    findingOf(first, 'k-high', { title: 'Bash(*) allowed' }),
    findingOf(second, 'k-low', { severity: 'low' }),
    findingOf(second, 'k-stays', { ...secret, title: 'Token in .mcp.json' }),
    findingOf(second, 'k-high', { title: 'Bash(*) allowed' }),
  ]);
  const blocked = {
    decision: 'block',
    ruleName: 'deny[0]:Bash',
    ruleCategory: 'egress',
    reason: 'curl is not allowed',
    durationMs: 10,
  } as const;
  await a.decisions([
    ...Array.from({ length: 24 }, (_, index) => decisionOf('acme/web', at(index * 1_000), { durationMs: 2 })),
    ...Array.from({ length: 3 }, (_, index) => decisionOf('acme/web', at(30_000 + index), blocked)),
    ...Array.from({ length: 3 }, (_, index) =>
      decisionOf('acme/web', at(40_000 + index), {
        ...blocked,
        ruleName: 'inject[1]',
        ruleCategory: 'injection',
        reason: 'ignore previous instructions',
      }),
    ),
    ...Array.from({ length: 5 }, (_, index) =>
      decisionOf('acme/api', at(index * 1_000), { tool: 'Read', agent: 'codex', sessionId: 'session-2' }),
    ),
    decisionOf('acme/quiet', at(-20 * DAY)),
    decisionOf('', at(0)),
  ]);
  await a.drills([
    drillOf('a', 'claude-code', -HOUR, 'proved'),
    drillOf('b', 'codex', -30 * HOUR, 'proved'),
    drillOf('c', 'gemini-cli', -HOUR, 'failed_open'),
    { ...drillOf('d', 'codex', -40 * DAY, 'proved'), repository: '' },
  ]);
  await a.drifts([
    { repository: 'acme/web', at: at(5 * MINUTE), previous: 80, current: 55, newFindings: 3, hasCritical: true },
  ]);
  await a.logs([
    {
      at: at(0),
      body: 'claude_code.tool_decision',
      version: '2.1.0',
      attributes: { 'event.name': 'tool_decision', 'session.id': 'session-1', tool_name: 'Bash', decision: 'accept' },
    },
    {
      at: at(0),
      body: 'claude_code.tool_decision',
      version: '2.1.0',
      attributes: { 'event.name': 'tool_decision', 'session.id': 'session-9', tool_name: 'Bash', decision: 'accept' },
    },
    {
      at: at(1_000),
      body: 'claude_code.hook_execution_complete',
      version: '2.1.0',
      attributes: {
        'event.name': 'hook_execution_complete',
        'session.id': 'session-1',
        hook_event: 'PreToolUse',
        hook_name: 'PreToolUse:Bash',
        num_non_blocking_error: 1,
        num_cancelled: 1,
      },
    },
    {
      at: at(1_000),
      body: 'claude_code.plan_drawn',
      version: '2.1.0',
      attributes: { 'event.name': 'plan_drawn', 'session.id': 'session-1' },
    },
    {
      at: at(2_000),
      repository: 'acme/web',
      body: 'something else',
      attributes: {
        'shieldwatch.redaction.masked.github-token': 3,
        'shieldwatch.redaction.masked.jwt': 1,
        'shieldwatch.redaction.dropped.attributes': 7,
      },
    },
  ]);
  await a.collectorMetric('otelcol_exporter_send_failed_spans', [
    { at: at(0), value: 10 },
    { at: at(MINUTE), value: 10 },
    { at: at(2 * MINUTE), value: 25 },
    { at: at(3 * MINUTE), value: 5 },
  ]);
  await a.collectorMetric(
    'otelcol_receiver_refused_spans',
    [
      { at: at(0), value: 2 },
      { at: at(MINUTE), value: 0 },
      { at: at(2 * MINUTE), value: 4 },
    ],
    'delta',
  );
  const queue = { exporter: 'clickhouse', data_type: 'traces' };
  await a.collectorMetric(
    'otelcol_exporter_queue_size',
    [
      { at: at(0), value: 30 },
      { at: at(MINUTE), value: 70 },
    ],
    'gauge',
    queue,
  );
  await a.collectorMetric(
    'otelcol_exporter_queue_capacity',
    [
      { at: at(0), value: 200 },
      { at: at(MINUTE), value: 200 },
    ],
    'gauge',
    queue,
  );
  await a.collectorMetric(
    'otelcol_processor_secretredaction_masked',
    [
      { at: at(0), value: 3 },
      { at: at(MINUTE), value: 2 },
    ],
    'delta',
    { kind: 'github-token' },
  );
  await a.collectorMetric('otelcol_processor_secretredaction_dropped_attributes', [{ at: at(0), value: 8 }], 'delta', {
    reason: 'not_allowed',
  });
  await a.control([
    {
      at: at(0),
      repository: 'acme/web',
      kind: 'finding_triage',
      subject: 'k-high',
      state: 'accepted',
      detail: { until: new Date(Date.now() + 30 * DAY).toISOString() },
    },
    {
      at: at(-DAY),
      repository: 'acme/web',
      kind: 'finding_triage',
      subject: 'k-low',
      state: 'accepted',
      detail: { until: at(0) },
    },
    { at: at(0), repository: 'acme/web', kind: 'finding_triage', subject: 'k-stays', state: 'muted' },
    { at: at(MINUTE), repository: 'acme/web', kind: 'finding_triage', subject: 'k-stays', state: 'open' },
    { at: at(0), repository: 'acme/web', kind: 'finding_triage', subject: 'k-gone', state: 'muted' },
    {
      at: at(5 * MINUTE),
      repository: 'acme/web',
      kind: 'review_item',
      subject: 'ri_1',
      state: 'approved',
      detail: { route: 'policy-review' },
    },
    {
      at: at(0),
      repository: 'acme/web',
      kind: 'baseline',
      subject: 'repo_web',
      state: 'set',
      detail: { eventId: old.eventId },
    },
  ]);

  const b = new Seed(client, 'org_b');
  const theirs = scanOf('acme/web', at(0), {
    score: 1,
    grade: 'F',
    findings: counts(99),
    policy: { status: 'failed', name: 'theirs', violations: 9 },
  });
  await b.scans([theirs]);
  await b.findings('acme/web', [findingOf(theirs, 'k-theirs', { ...secret, title: 'SECRET OF ORG B' })]);
  await b.decisions([
    ...Array.from({ length: 50 }, () => decisionOf('acme/web', at(0), { decision: 'block', ruleName: 'THEIR RULE' })),
    decisionOf('other/theirs', at(0), { agent: 'THEIR AGENT', tool: 'THEIR TOOL' }),
  ]);
  await b.drifts([{ repository: 'acme/web', at: at(0), previous: 90, current: 1, hasCritical: true }]);
  await b.logs([
    {
      at: at(0),
      repository: 'other/theirs',
      body: 'x',
      attributes: { 'shieldwatch.redaction.masked.their-kind': 1_000 },
    },
  ]);
  await b.collectorMetric('otelcol_exporter_send_failed_spans', [
    { at: at(0), value: 0 },
    { at: at(MINUTE), value: 9_999 },
  ]);
  await b.control([
    { at: at(0), repository: 'acme/web', kind: 'finding_triage', subject: 'k-theirs', state: 'accepted' },
    { at: at(0), repository: 'acme/web', kind: 'baseline', subject: 'THEIRS', state: 'set' },
  ]);
  await foldSeries(client);
  await insertToolCalls(client, [...outcomesByHand(), ...outcomesByHand('org_b')]);
}

/**
 * Seven calls of an agent that has no others, in one session whose telemetry claims another repository: five ran, three of
 * them judged in time.
 */
function outcomesByHand(org = 'org_a'): ToolCallSeed[] {
  const call = (index: number, outcome: string, more: Record<string, unknown> = {}): ToolCallSeed => ({
    org_id: org,
    session_id: 'session-ledger',
    tool_call_id: `call-${String(index)}`,
    occurred_at: at(index * 1_000),
    agent: 'ledger-agent',
    tool: org === 'org_a' ? 'Bash' : 'THEIR TOOL',
    repo_source: 'hook',
    repo_claimed: org === 'org_a' ? 'acme/api' : 'THEIR CLAIM',
    outcome,
    ...more,
  });
  const denied = {
    judgement: 'block',
    judged_by: ['hook'],
    judged_at: at(4_000),
    rule_name: 'deny[0]:Bash',
    rule_category: 'egress',
    reason: 'curl is not allowed',
  };
  const ran = { has_run: true, ran_at: at(4_010) };
  return [
    call(1, 'enforced', { ...denied, agent_decision: 'reject', agent_decision_source: 'hook' }),
    call(2, 'allowed', { ...ran, is_judged_in_time: true, judgement: 'allow' }),
    call(3, 'allowed', { ...ran, is_judged_in_time: true, judgement: 'allow' }),
    call(4, 'bypassed', { ...ran, ...denied, is_judged_in_time: true }),
    call(5, 'failed_open', { ...ran, ...denied, judged_at: at(5_510), cause: 'timeout', is_inferred: true }),
    call(6, 'unjudged', { ...ran, cause: 'no_hook', tool: org === 'org_a' ? 'Read' : 'THEIR TOOL' }),
    call(7, 'denied_elsewhere', { cause: 'other_hook', agent_decision: 'reject', agent_decision_source: 'hook' }),
  ];
}

/** org_c: one session of Claude Code with all that a timeline shows, and one of Codex that reports no model call. */
export async function seedSession(client: ClickHouseClient): Promise<void> {
  const seed = new Seed(client, 'org_c');
  await seed.decisions([
    decisionOf('acme/api', at(2_000), {
      decision: 'block',
      ruleName: 'deny[0]:Bash',
      ruleCategory: 'egress',
      reason: 'curl is not allowed',
      agent: 'claude-code',
      sessionId: 'session-costly',
      toolCallId: 'costly-1',
    }),
    decisionOf('acme/web', at(0), { agent: 'codex', sessionId: 'session-silent' }),
  ]);
  await seed.drifts([{ repository: 'acme/api', at: at(3_000), previous: 95, current: 90 }]);
  const costly = (offset: number, sequence: number, name: string, more: Record<string, string | number> = {}) => ({
    at: at(offset),
    body: `claude_code.${name}`,
    version: '2.1.0',
    attributes: { 'event.name': name, 'event.sequence': sequence, 'session.id': 'session-costly', ...more },
  });
  await seed.logs([
    costly(0, 0, 'mcp_server_connection', { status: 'connected' }),
    // 1 and 2 never arrived; 4 came before 3.
    costly(1_000, 4, 'api_request', {
      model: 'large',
      input_tokens: 200,
      output_tokens: 20,
      cost_usd: 0.5,
      'shieldwatch.redaction.masked.jwt': 2,
    }),
    costly(1_000, 3, 'api_request', { model: 'small', input_tokens: 100, output_tokens: 10, cost_usd: 0.25 }),
    costly(2_010, 5, 'tool_decision', {
      tool_name: 'Bash',
      tool_use_id: 'costly-1',
      decision: 'reject',
      source: 'hook',
    }),
    costly(30_000, 6, 'subagent_completed'),
    costly(60_000, 7, 'api_error', { error_type: 'overloaded_error' }),
  ]);
  await foldSeries(client);
}

/** org_m: MCP servers that are in use, not judged, not listed and dormant, and a finding about one. */
export async function seedMcpServers(client: ClickHouseClient): Promise<void> {
  const tool = (name: string): string => `mcp__${name}__run`;
  const seed = new Seed(client, 'org_m');
  const log = (offset: number, session: string, body: string, attributes: Record<string, string>) => ({
    at: at(offset),
    body,
    attributes: { 'event.name': body, 'conversation.id': session, 'session.id': session, ...attributes },
  });
  await seed.decisions([
    decisionOf('acme/web', at(-20 * DAY), { tool: tool('tickets'), sessionId: 'm1', toolCallId: 'm1-1' }),
    decisionOf('acme/api', at(0), { tool: tool('tickets'), sessionId: 'm2', toolCallId: 'm2-1' }),
    decisionOf('acme/api', at(1_000), { tool: tool('unlisted__by'), sessionId: 'm2', toolCallId: 'm2-2' }),
    decisionOf('acme/api', at(2_000), { tool: 'Bash', sessionId: 'm2', toolCallId: 'm2-3' }),
  ]);
  await seed.logs([
    log(0, 'm3', 'codex.conversation_starts', { mcp_servers: 'tickets, past-guard,idle' }),
    log(500, 'm3', 'codex.tool_result', {
      tool_namespace: 'mcp__past-guard',
      tool_name: 'run',
      call_id: 'm3-1',
      success: 'true',
    }),
    log(600, 'm3', 'claude_code.mcp_server_connection', { server_name: 'tickets', status: 'connected' }),
    log(700, 'm4', 'claude_code.tool_result', { tool_name: 'mcp_tool', tool_use_id: 'm4-1', success: 'true' }),
  ]);
  const scan = scanOf('acme/api', at(0), { findings: counts(0, 1) });
  await seed.scans([scan]);
  await seed.findings('acme/api', [
    findingOf(scan, 'mcp-1', { severity: 'high', category: 'mcp', title: 'unpinned server', file: '.mcp.json' }),
  ]);
  await foldSeries(client);
}
