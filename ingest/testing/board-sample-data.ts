import type { Seed } from './board-seed.js';
import { decisionOf, findingOf, scanOf } from './board-seed.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Texts that a board must show as text only. */
export const HOSTILE_TEXTS = [
  '<img src=x onerror="globalThis.wasRun=1">',
  '<script>globalThis.wasRun=1</script>',
  '\u202egnp.exe\u202c ${org} $__timeFilter(x)',
  'x'.repeat(10_000),
];

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
] as const;

const TOOLS = ['Bash', 'Read', 'Edit', 'Grep', 'mcp__browser__open'];

/**
 * Inserts some hours of data of four repositories that scan and guard their agents. The data is the same in every run,
 * except for its time.
 */
export async function writeSampleData(seed: Seed): Promise<void> {
  const now = Date.now();
  const at = (ms: number): string => new Date(now - ms).toISOString();
  const scans: [repo: string, minutesAgo: number, score: number, critical: number][] = [
    ['acme/web', 9_000, 62, 2],
    ['acme/web', 2_000, 58, 2],
    ['acme/web', 300, 55, 2],
    ['acme/web', 210, 38, 3],
    ['acme/web', 90, 71, 1],
    ['acme/web', 12, 76, 0],
    ['acme/api', 8_000, 88, 0],
    ['acme/api', 1_000, 91, 0],
    ['acme/api', 240, 93, 0],
    ['acme/api', 45, 84, 1],
    ['acme/infrastructure-as-code', 700, 44, 4],
    ['acme/infrastructure-as-code', 130, 49, 3],
    ['design-system', 400, 97, 0],
  ];
  const records = scans.map(([repo, minutes, score, critical]) =>
    scanOf(repo, at(minutes * MINUTE), {
      score,
      grade: score >= 90 ? 'A' : score >= 75 ? 'B' : score >= 60 ? 'C' : score >= 40 ? 'D' : 'F',
      findings: { critical, high: 2, medium: 3, low: 1, info: 0 },
    }),
  );
  await seed.scans(records);
  for (const scan of records) {
    const { repository, findings } = scan;
    await seed.findings(repository, [
      ...Array.from({ length: findings.critical }, (_, index) =>
        findingOf(scan, `secrets-aws-key-${String(index)}`, {
          severity: 'critical',
          category: 'secrets',
          title: 'AWS access key in the environment of an MCP server',
          file: '.mcp.json',
          line: 12 + index,
        }),
      ),
      findingOf(scan, 'permissions-bash-any', { title: 'Bash(*) is allowed without a question', line: 4 }),
      findingOf(scan, 'hooks-curl', {
        category: 'hooks',
        title: 'PostToolUse hook sends the transcript to an address outside',
        file: '.claude/hooks/after.sh',
        line: 9,
      }),
      findingOf(scan, 'mcp-unpinned', {
        severity: 'medium',
        category: 'mcp',
        title: 'MCP server is started from an unpinned package',
        file: '.mcp.json',
        line: 3,
      }),
      findingOf(scan, 'agents-tools', {
        severity: 'medium',
        category: 'agents',
        title: 'Sub-agent may use every tool',
        file: '.claude/agents/reviewer.md',
      }),
      findingOf(scan, 'skills-injection', {
        severity: 'low',
        category: 'injection',
        title: 'Skill tells the agent to ignore earlier instructions',
        file: '.claude/skills/deploy/SKILL.md',
        line: 41,
      }),
    ]);
  }
  const last = records.at(-1);
  if (last !== undefined) {
    await seed.findings(
      last.repository,
      HOSTILE_TEXTS.map((title, index) => findingOf(last, `hostile-${String(index)}`, { severity: 'info', title })),
    );
  }
  await seed.openFindings();
  const dice = createDice();
  const decisions = Array.from({ length: 900 }, () => {
    const minutes = dice(350);
    const repo = ['acme/web', 'acme/api', 'acme/infrastructure-as-code'][dice(3)] ?? '';
    const isBlocked = dice(100) < 8 + 7 * Math.sin(minutes / 55);
    const rule = RULES[dice(RULES.length)];
    const differing =
      isBlocked && rule !== undefined
        ? { ...rule, decision: 'block' as const }
        : { tool: TOOLS[dice(TOOLS.length)] ?? '', decision: dice(40) === 0 ? ('ask' as const) : ('allow' as const) };
    return decisionOf(repo, at(minutes * MINUTE + dice(60_000)), differing);
  });
  await seed.decisions([...decisions, decisionOf('', at(MINUTE))]);
  for (let hour = 0; hour < 160; hour += 1) {
    const start = new Date(Math.floor((now - hour * HOUR) / HOUR) * HOUR).toISOString();
    // Nobody works at night.
    if (new Date(start).getUTCHours() < 6) continue;
    await seed.rateHour('acme/web', start, {
      Bash: { allowed: 40 + (hour % 9) * 3, blocked: 3 + (hour % 5) },
      Read: { allowed: 60 + (hour % 4) * 5, blocked: hour % 7 === 0 ? 2 : 0 },
      mcp__browser__open: { allowed: 5, blocked: hour % 3 },
    });
  }
  for (const { generatedAt, repository, score } of records) {
    await seed.scoreHour(repository, `${generatedAt.slice(0, 13)}:00:00.000Z`, score);
  }
}

/** Creates a deterministic pseudo-random generator of integers from 0 to `sides` (exclusive). */
function createDice(): (sides: number) => number {
  let state = 1;
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % sides;
  };
}
