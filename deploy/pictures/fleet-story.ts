import type { DrillClient, DrillResult } from '#schemas/records/drill.js';
import { decisionOf, findingOf, scanOf, Seed } from '#ingest/testing/board-seed.js';
import { insertToolCalls, type ToolCallSeed } from '#ingest/testing/tool-call-rows.js';
import { Random } from '#deploy/bench/random.js';
import type { ClickHouseClient } from '#schemas/clickhouse/client.js';
import type { FindingRecord } from '#schemas/records/finding.js';
import type { ScanRecord } from '#schemas/records/scan.js';
import { createRollupWorker } from '#rollups/worker.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Catalogue = Partial<FindingRecord> & { key: string };

/** What may be wrong with a repository, worst first. */
const CATALOGUE: readonly Catalogue[] = [
  {
    key: 's-aws',
    severity: 'critical',
    category: 'secrets',
    title: 'AWS access key in the environment of an MCP server',
    file: '.mcp.json',
    line: 12,
  },
  {
    key: 's-token',
    severity: 'critical',
    category: 'secrets',
    title: 'GitHub token in a hook',
    file: '.claude/hooks/after.sh',
    line: 4,
  },
  { key: 'p-bash', severity: 'high', category: 'permissions', title: 'Bash(*) is allowed without a question', line: 4 },
  {
    key: 'h-curl',
    severity: 'high',
    category: 'hooks',
    title: 'PostToolUse hook sends the transcript to an address outside',
    file: '.claude/hooks/after.sh',
    line: 9,
  },
  {
    key: 'm-pin',
    severity: 'medium',
    category: 'mcp',
    title: 'MCP server is started from an unpinned package',
    file: '.mcp.json',
    line: 3,
    runtimeConfidence: 'project-local-optional',
  },
  {
    key: 'a-tools',
    severity: 'medium',
    category: 'agents',
    title: 'Sub-agent may use every tool',
    file: '.claude/agents/reviewer.md',
    runtimeConfidence: 'template-example',
  },
  {
    key: 'i-skill',
    severity: 'low',
    category: 'injection',
    title: 'Skill tells the agent to ignore earlier instructions',
    file: '.claude/skills/deploy/SKILL.md',
    line: 41,
  },
];

/** Days ago on which a repository was scanned, with the keys it then showed. */
const HISTORY: Readonly<Record<string, [daysAgo: number, keys: string[]][]>> = {
  'acme/web': [
    [28, ['s-aws', 'p-bash', 'm-pin', 'a-tools', 'i-skill']],
    [21, ['p-bash', 'm-pin', 'a-tools', 'i-skill']],
    [14, ['p-bash', 'a-tools']],
    [6, ['p-bash', 's-aws', 'a-tools']],
    [2, ['p-bash', 'a-tools']],
    [0.1, ['a-tools']],
  ],
  'acme/api': [
    [27, ['h-curl', 'm-pin']],
    [18, ['h-curl']],
    [9, []],
    [3, ['s-token', 'h-curl', 'm-pin']],
    [0.2, ['s-token', 'h-curl', 'm-pin', 'i-skill']],
  ],
  'acme/infrastructure-as-code': [
    [26, ['s-aws', 's-token', 'p-bash', 'h-curl', 'm-pin', 'a-tools', 'i-skill']],
    [12, ['s-aws', 'p-bash', 'h-curl', 'm-pin', 'a-tools']],
    [0.3, ['s-aws', 'p-bash', 'h-curl', 'm-pin']],
  ],
  'acme/design-system': [
    [25, ['m-pin', 'i-skill']],
    [11, ['m-pin']],
    [0.4, []],
  ],
  'acme/mobile': [
    [24, ['p-bash', 'i-skill']],
    [10, ['p-bash', 'a-tools']],
    [0.5, ['p-bash', 'a-tools', 'i-skill']],
  ],
  'acme/data-platform': [
    [23, ['m-pin', 'a-tools']],
    [9, ['m-pin']],
  ],
};

const COST = { critical: 22, high: 12, medium: 6, low: 2, info: 0 } as const;
const RULES = [
  { tool: 'Bash', ruleName: 'deny[0]:Bash', ruleCategory: 'egress', reason: 'curl to a host that is not allowed' },
  { tool: 'Bash', ruleName: 'deny[1]:Bash', ruleCategory: 'destructive', reason: 'rm -rf outside of the workspace' },
  { tool: 'Read', ruleName: 'deny[2]:Read', ruleCategory: 'sensitive-file', reason: 'reads a private key' },
  {
    tool: 'mcp__browser__open',
    ruleName: 'deny[3]:mcp__browser__*',
    ruleCategory: 'mcp',
    reason: 'browser tools are off',
  },
  {
    tool: 'WebFetch',
    ruleName: 'inject[0]:WebFetch',
    ruleCategory: 'injection',
    reason: 'page tells the agent to ignore previous instructions',
  },
] as const;
const TOOLS = ['Bash', 'Bash', 'Read', 'Read', 'Edit', 'Grep', 'WebFetch', 'mcp__browser__open'] as const;
const AGENTS = ['claude-code', 'claude-code', 'codex', 'gemini-cli'] as const;

/** A month of a fleet that is worked on: six repositories, their scans, findings, drifts and guards, and their series. Always the same, but for the time it is now. */
export async function tellFleet(client: ClickHouseClient, orgId: string): Promise<void> {
  const seed = new Seed(client, orgId);
  const random = new Random(7);
  const now = Date.now();
  const ago = (ms: number): string => new Date(now - ms).toISOString();

  const drilled: [seat: string, client: DrillClient, repository: string, hoursAgo: number, result: DrillResult][] = [
    ['4f2a', 'claude-code', 'acme/web', 2, 'proved'],
    ['4f2a', 'codex', '', 2, 'proved'],
    ['91c0', 'claude-code', 'acme/web', 50, 'proved'],
    ['d7e3', 'gemini-cli', '', 5, 'failed_open'],
  ];
  await seed.drills(
    drilled.map(([seat, client, repository, hoursAgo, result]) => ({
      seat: seat.repeat(8),
      client,
      version: '2.1.332',
      repository,
      timestamp: ago(hoursAgo * 3_600_000),
      durationMs: 4_000,
      result,
    })),
  );

  const baseline = { repository: 'acme/web', daysAgo: 14, eventId: '' };
  for (const [repository, visits] of Object.entries(HISTORY)) {
    let before: ScanRecord | undefined;
    for (const [days, keys] of visits) {
      const shown = CATALOGUE.filter(({ key }) => keys.includes(key));
      const findings = { critical: 0, high: 0, medium: 0, low: 0, info: 0 };
      for (const { severity = 'high' } of shown) findings[severity] += 1;
      const score = Math.max(5, 100 - shown.reduce((sum, { severity = 'high' }) => sum + COST[severity], 0));
      const part = (category: string): number =>
        Math.max(0, 100 - 25 * shown.filter((each) => each.category === category).length);
      const isFailed = score < 70;
      const scan = scanOf(repository, ago(days * DAY), {
        score,
        grade: score >= 90 ? 'A' : score >= 75 ? 'B' : score >= 60 ? 'C' : score >= 40 ? 'D' : 'F',
        breakdown: {
          secrets: part('secrets'),
          permissions: part('permissions'),
          hooks: part('hooks'),
          mcp: part('mcp'),
          agents: part('agents'),
        },
        findings,
        provider: 'github-actions',
        ci: { sha: random.hex(40), runId: String(random.integer(1_000_000, 9_000_000)), workflow: 'agent-security' },
        policy: {
          status: isFailed ? 'failed' : 'passed',
          name: 'house rules',
          pack: 'team',
          violations: isFailed ? shown.length : 0,
          minScore: 70,
          exceptions: {
            total: 3,
            active: 2,
            expiring_soon: repository === 'acme/web' ? 1 : 0,
            expired: repository === 'acme/mobile' ? 1 : 0,
          },
        },
        baseline:
          before === undefined
            ? { status: 'not-run' }
            : {
                status: score < before.score ? 'regressed' : 'passed',
                scoreDelta: score - before.score,
                findings: {
                  new: Math.max(0, shown.length - 2),
                  resolved: 1,
                  unchanged: 2,
                  new_critical: 0,
                  new_high: 0,
                },
              },
      });
      if (repository === baseline.repository && days === baseline.daysAgo) baseline.eventId = scan.eventId;
      await seed.scans([scan]);
      if (shown.length > 0)
        await seed.findings(
          repository,
          shown.map(({ key, ...rest }) => findingOf(scan, key, rest)),
        );
      if (before !== undefined && before.score !== score) {
        await seed.drifts([
          {
            repository,
            at: scan.generatedAt,
            previous: before.score,
            current: score,
            newFindings: score < before.score ? 2 : 0,
            resolvedFindings: score > before.score ? 2 : 0,
            hasCritical: findings.critical > before.findings.critical,
          },
        ]);
      }
      before = scan;
    }
  }

  const repositories = Object.keys(HISTORY).slice(0, 5);
  const decision = (at: number, blockedShare: number): ReturnType<typeof decisionOf> => {
    const common = {
      agent: random.pick(AGENTS),
      durationMs: random.skewed(4),
      sessionId: `session-${String(random.integer(1, 60))}`,
    };
    // Only the last day knows the injection rule.
    const rule = random.pick(at > now - DAY ? RULES : RULES.slice(0, 4));
    return decisionOf(
      random.pick(repositories),
      new Date(at).toISOString(),
      random.chance(blockedShare)
        ? { ...common, ...rule, decision: 'block' }
        : { ...common, tool: random.pick(TOOLS), decision: random.chance(0.03) ? 'ask' : 'allow' },
    );
  };
  const records = [];
  for (let hour = 0; hour < 30 * 24; hour += 1) {
    const start = now - hour * HOUR;
    // By hours before now, not by the clock: what the boards show must not depend on the time of the run.
    const isNight = hour % 24 >= 10 && hour % 24 < 16;
    const count = isNight ? random.integer(0, 3) : random.integer(20, 60);
    const share = hour < 3 ? 0.3 : 0.06 + 0.05 * Math.sin(hour / 20);
    for (let n = 0; n < count; n += 1) records.push(decision(start - random.integer(0, 59) * MINUTE, share));
  }
  for (let from = 0; from < records.length; from += 10_000) await seed.decisions(records.slice(from, from + 10_000));
  await seed.decisions([decisionOf('acme/data-platform', ago(4 * DAY)), decisionOf('', ago(MINUTE))]);

  await seed.logs(
    Array.from({ length: 120 }, (_, index) => ({
      at: ago(index * 2 * HOUR),
      body: 'claude_code.tool_decision',
      version: index % 9 === 0 ? '2.0.9' : '2.1.4',
      attributes: {
        'event.name': 'tool_decision',
        'session.id': `session-${String(random.integer(1, 70))}`,
        tool_name: 'Bash',
        decision: 'accept',
      },
    })),
  );
  await seed.logs(
    [1, 5, 30].map((hours) => ({
      at: ago(hours * HOUR),
      body: 'claude_code.hook_execution_complete',
      version: '2.1.4',
      attributes: {
        'event.name': 'hook_execution_complete',
        'session.id': `session-${String(hours)}`,
        hook_event: 'PreToolUse',
        hook_name: 'PreToolUse:Bash',
        num_non_blocking_error: 1,
      },
    })),
  );
  await tellSessions(seed, random, ago, repositories);
  // An event of a newer agent, which no dialect knows.
  await seed.logs(
    [3, 20].map((hours) => ({
      at: ago(hours * HOUR),
      body: 'claude_code.event_of_tomorrow',
      version: '2.1.4',
      attributes: { 'event.name': 'event_of_tomorrow', 'session.id': `session-${String(hours)}` },
    })),
  );
  await seed.logs(
    Array.from({ length: 40 }, (_, index) => ({
      at: ago(index * 17 * HOUR + HOUR),
      repository: random.pick(repositories),
      body: 'x',
      attributes: {
        [`shieldwatch.redaction.masked.${random.pick(['github-token', 'assigned-secret', 'jwt', 'aws-access-key'])}`]:
          random.integer(1, 6),
      },
    })),
  );
  // A collector whose store was slow for two hours, 100 minutes ago at the latest.
  const steps = Array.from({ length: 144 }, (_, index) => ({
    at: ago((144 - index) * 10 * MINUTE),
    isSlow: index > 98 && index < 112,
  }));
  const counts = (value: (isSlow: boolean) => number): { at: string; value: number }[] =>
    steps.map(({ at, isSlow }) => ({ at, value: value(isSlow) }));
  await seed.collectorMetric(
    'otelcol_exporter_send_failed_spans',
    counts(() => 0),
    'delta',
  );
  await seed.collectorMetric(
    'otelcol_receiver_refused_spans',
    counts((isSlow) => (isSlow ? random.integer(100, 250) : 0)),
    'delta',
    { receiver: 'otlp', transport: 'http' },
  );
  await seed.collectorMetric(
    'otelcol_processor_secretredaction_masked',
    counts(() => (random.chance(0.1) ? random.integer(1, 6) : 0)),
    'delta',
    { kind: 'github-token' },
  );
  await seed.collectorMetric(
    'otelcol_processor_secretredaction_masked',
    counts(() => (random.chance(0.05) ? random.integer(1, 3) : 0)),
    'delta',
    { kind: 'assigned-secret' },
  );
  await seed.collectorMetric(
    'otelcol_processor_secretredaction_dropped_attributes',
    counts(() => random.integer(0, 9)),
    'delta',
    { reason: 'not_allowed' },
  );
  for (const [data_type, usual] of [
    ['traces', 0.02],
    ['logs', 0.01],
    ['metrics', 0.005],
  ] as const) {
    const attributes = { exporter: 'clickhouse', data_type };
    await seed.collectorMetric(
      'otelcol_exporter_queue_size',
      counts((isSlow) => 1e9 * (isSlow && data_type === 'traces' ? 0.6 + random.integer(0, 30) / 100 : usual)),
      'gauge',
      attributes,
    );
    await seed.collectorMetric(
      'otelcol_exporter_queue_capacity',
      counts(() => 1e9),
      'gauge',
      attributes,
    );
  }
  const decided = (
    days: number,
    repository: string,
    subject: string,
    state: string,
    until?: number,
  ): Parameters<Seed['control']>[0][number] => ({
    at: ago(days * DAY),
    repository,
    kind: 'finding_triage',
    subject,
    state,
    detail: until === undefined ? {} : { until: ago(-until * DAY) },
  });
  await seed.control([
    decided(8, 'acme/infrastructure-as-code', 'm-pin', 'accepted', -2),
    decided(8, 'acme/infrastructure-as-code', 'h-curl', 'accepted', 22),
    decided(5, 'acme/mobile', 'i-skill', 'muted'),
    {
      at: ago(6 * HOUR),
      repository: baseline.repository,
      kind: 'baseline',
      subject: 'baseline',
      state: 'set',
      detail: { eventId: baseline.eventId },
    },
  ]);
  await createRollupWorker({ clickhouse: client, settleMs: 0 }).tick();
  await insertToolCalls(client, toolCallsOf(orgId, random, ago));
}

/** Sessions of Claude Code as it reports them: model calls with tokens and cost, and the newest with all else that a timeline shows. */
async function tellSessions(
  seed: Seed,
  random: Random,
  ago: (ms: number) => string,
  repositories: readonly string[],
): Promise<void> {
  const event = (
    session: string,
    ms: number,
    sequence: number,
    name: string,
    more: Record<string, string | number>,
  ) => ({
    at: ago(ms),
    body: `claude_code.${name}`,
    version: '2.1.4',
    attributes: { 'event.name': name, 'event.sequence': sequence, 'session.id': session, ...more },
  });
  const modelCall = (session: string, ms: number, sequence: number, model: string) =>
    event(session, ms, sequence, 'api_request', {
      model,
      input_tokens: random.integer(2_000, 40_000),
      output_tokens: random.integer(100, 3_000),
      cost_usd: random.integer(1, 40) / 100,
      duration_ms: random.integer(900, 9_000),
    });
  for (let run = 2; run <= 40; run += 1) {
    const session = `run-${String(run)}`;
    const end = random.integer(1, 160) * HOUR;
    const model = random.pick(['claude-opus-4-8', 'claude-sonnet-5', 'claude-haiku-5']);
    await seed.decisions([
      decisionOf(random.pick(repositories), ago(end + 9 * MINUTE), { agent: 'claude-code', sessionId: session }),
    ]);
    await seed.logs([
      ...Array.from({ length: random.integer(4, 20) }, (_, index) =>
        modelCall(session, end + (20 - index) * MINUTE, index, model),
      ),
      ...(run % 5 === 0 ? [event(session, end, 20, 'api_error', { error: 'overloaded' })] : []),
    ]);
  }
  const servers = ['tickets', 'database', 'browser'];
  await seed.decisions(
    Array.from({ length: 90 }, (_, index) =>
      decisionOf(random.pick(repositories), ago(index * 7 * HOUR + HOUR), {
        agent: 'codex',
        tool: `mcp__${random.pick(index < 60 ? servers : servers.slice(0, 2))}__run`,
        sessionId: `mcp-${String(index)}`,
        toolCallId: `mcp-${String(index)}`,
      }),
    ),
  );
  const ofCodex = (ms: number, name: string, more: Record<string, string>) => ({
    at: ago(ms),
    body: `codex.${name}`,
    version: '0.171.0',
    attributes: { 'event.name': `codex.${name}`, 'conversation.id': 'mcp-1', ...more },
  });
  await seed.logs([
    ofCodex(50 * HOUR, 'conversation_starts', { mcp_servers: 'tickets, database, calendar, past-the-guard' }),
    ofCodex(49 * HOUR, 'tool_result', {
      tool_namespace: 'mcp__past-the-guard',
      tool_name: 'run',
      call_id: 'past-1',
      success: 'true',
    }),
  ]);
  // The newest: its last event is now, so that its timeline is the one that the board shows first.
  const session = 'run-1';
  const call = (ms: number, sequence: number, name: string, id: string, more: Record<string, string>) =>
    event(session, ms, sequence, name, { tool_name: 'Bash', tool_use_id: id, ...more });
  const at = (ms: number) => ({ agent: 'claude-code', sessionId: session, durationMs: 4, at: ago(ms) });
  const judged = [
    { ...at(7 * MINUTE), toolCallId: 'call-1', decision: 'allow' },
    {
      ...at(5 * MINUTE),
      toolCallId: 'call-2',
      decision: 'block',
      ruleName: 'deny[0]:Bash',
      ruleCategory: 'egress',
      reason: 'curl to a host that is not allowed',
    },
  ] as const;
  await seed.decisions(judged.map(({ at: time, ...more }) => decisionOf('acme/web', time, more)));
  await seed.logs([
    event(session, 9 * MINUTE, 0, 'mcp_server_connection', { status: 'connected', transport_type: 'stdio' }),
    event(session, 8 * MINUTE, 1, 'user_prompt', {}),
    modelCall(session, 7 * MINUTE + 5_000, 2, 'claude-opus-4-8'),
    call(7 * MINUTE - 100, 3, 'tool_decision', 'call-1', { decision: 'accept', source: 'config' }),
    call(6 * MINUTE, 4, 'tool_result', 'call-1', {
      success: 'true',
      duration_ms: '900',
      'shieldwatch.redaction.masked.github-token': '1',
    }),
    modelCall(session, 5 * MINUTE + 5_000, 9, 'claude-opus-4-8'),
    call(5 * MINUTE - 100, 10, 'tool_decision', 'call-2', { decision: 'reject', source: 'hook' }),
    event(session, 2 * MINUTE, 11, 'subagent_completed', { agent_type: 'Explore', duration_ms: '60000' }),
    event(session, MINUTE, 12, 'api_error', { error_type: 'overloaded_error' }),
    modelCall(session, 0, 13, 'claude-haiku-5'),
  ]);
  await seed.drifts([
    {
      repository: 'acme/web',
      at: ago(4 * MINUTE),
      previous: 62,
      current: 55,
      newFindings: 1,
      resolvedFindings: 0,
      hasCritical: false,
    },
  ]);
}

/** A week of tool calls as agents report them: nearly all judged, some past the guard. */
function toolCallsOf(orgId: string, random: Random, ago: (ms: number) => string): ToolCallSeed[] {
  const denied = {
    judgement: 'block',
    judged_by: ['hook'],
    rule_name: 'deny[0]:Bash',
    rule_category: 'egress',
    reason: 'curl to a host that is not allowed',
  };
  const ran = { has_run: true, success: 'true' };
  return Array.from({ length: 400 }, (_, index): ToolCallSeed => {
    const ms = random.integer(1, 7 * 24 * 60) * 60_000;
    const rejected = { agent_decision: 'reject', agent_decision_source: 'hook' };
    const dice = random.integer(0, 99);
    const what =
      dice < 74
        ? { outcome: 'allowed', judgement: 'allow', is_judged_in_time: true, ...ran }
        : dice < 84
          ? { outcome: 'enforced', ...denied, ...rejected }
          : dice < 87
            ? { outcome: 'presumed', ...denied }
            : dice < 89
              ? { outcome: 'failed_open', cause: 'timeout', ...denied, ...ran }
              : dice < 90
                ? { outcome: 'bypassed', ...denied, ...ran, is_judged_in_time: true }
                : dice < 96
                  ? { outcome: 'unjudged', cause: dice < 93 ? 'no_hook' : 'hook_not_trusted', ...ran }
                  : { outcome: 'denied_elsewhere', cause: 'other_hook', ...rejected };
    const session = random.integer(1, 40);
    return {
      org_id: orgId,
      repo: ['acme/web', 'acme/api', 'acme/mobile'][session % 3] ?? '',
      repo_source: session % 5 === 0 ? 'session' : 'hook',
      repo_claimed: session === 7 ? 'acme/other' : '',
      session_id: `ledger-${String(session)}`,
      tool_call_id: `toolu_${String(index).padStart(4, '0')}`,
      occurred_at: ago(ms),
      judged_at: 'judgement' in what ? ago(ms - 3) : null,
      ran_at: 'has_run' in what ? ago(ms - 4) : null,
      agent: ['claude-code', 'codex', 'gemini-cli'][session % 3] ?? '',
      tool: ['Bash', 'Read', 'Edit'][index % 3] ?? '',
      ...what,
    };
  });
}
