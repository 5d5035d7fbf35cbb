import { cp, mkdtemp, readdir, readFile, rm, mkdir, copyFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { findAgentshield } from '#exporters/scan/agentshield-package.js';
import { CommandError } from '#schemas/errors.js';
import { repositoryId } from '#schemas/records/repository.js';
import { packageRoot } from '#schemas/root.js';
import { hookCalls, type HookInput } from './calls.js';
import { CLEAN_EDITS, RISKY_EDITS, type Edit } from './edits.js';
import { runProgramFile, runShieldwatch } from './run-cli.js';

/** Addresses and tokens for sending and reading. */
export interface DemoTarget {
  url: string;
  orgId: string;
  ingestToken: string;
  readToken: string;
}

export interface DemoOptions {
  target: DemoTarget;
  /** Number of hook calls. */
  calls: number;
  /** Writes one line of progress. */
  progress: (line: string) => void;
}

/** One scan: AgentShield's own result, obtained without our exporter. */
export interface DemoScan {
  repository: string;
  what: string;
  score: number;
  grade: string;
  findings: number;
}

export interface DemoDecisions {
  repository: string;
  tool: string;
  allowed: number;
  blocked: number;
}

export interface DemoReport {
  scans: DemoScan[];
  /** Counts from the spool, before it is sent. */
  decisions: DemoDecisions[];
  /** Differences between the API's numbers and the ones above; empty if all agree. */
  differences: string[];
  seconds: number;
}

const SAMPLES = [
  { repository: 'demo/clean', folder: 'clean', edits: CLEAN_EDITS },
  { repository: 'demo/risky', folder: 'risky', edits: RISKY_EDITS },
] as const satisfies readonly { repository: string; folder: string; edits: readonly Edit[] }[];

/** Milliseconds to wait for the series. */
const DEADLINE_MS = 60_000;

const agentshieldReport = z.object({
  score: z.object({ numericScore: z.number(), grade: z.string() }),
  summary: z.object({ totalFindings: z.number() }),
});

const posture = z.object({
  scoreTrend: z.array(
    z.object({
      last: z.number().nullable(),
      min: z.number().nullable(),
      max: z.number().nullable(),
      scans: z.number(),
    }),
  ),
  latestScan: z.object({ report: z.object({ findings: z.object({ total: z.number() }) }) }).nullable(),
  runtime: z.object({
    blockedCommandRate: z.array(z.object({ tool: z.string(), allowed: z.number(), blocked: z.number() })),
  }),
});
type Posture = z.infer<typeof posture>;

const spoolLine = z.object({ repository: z.string(), tool: z.string(), decision: z.enum(['allow', 'block', 'ask']) });

/**
 * Runs the product's main path on real input and reads the result back: AgentShield scans two sample repositories while
 * they are edited, agent sessions go through the real hook, the spool is sent, and the API's numbers are compared with
 * AgentShield's and the spool's. The sample repositories are copied to a temporary folder, which is removed afterwards.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const started = Date.now();
  const workspace = await mkdtemp(join(tmpdir(), 'shieldwatch-demo-'));
  try {
    const folders = await copySamples(workspace);
    const before = await readAll(options.target);
    const spoolDir = join(workspace, 'spool');
    const scans: DemoScan[] = [];
    const calls = hookCalls(options.calls, folders);
    const player = createPlayer(options, spoolDir);
    const steps = SAMPLES.flatMap((sample) => sample.edits.map((edit) => ({ ...sample, edit })));
    for (const [step, { repository, folder, edit }] of steps.entries()) {
      const dir = join(workspace, folder);
      await edit.apply(dir);
      scans.push(await scan(options, { repository, dir, workspace, what: edit.what }));
      // Agents continue to work between the edits.
      await player.play(calls.slice((step * calls.length) / steps.length, ((step + 1) * calls.length) / steps.length));
    }
    const decisions = await countSpool(spoolDir);
    options.progress('shipping the spool');
    const ship = await runShieldwatch(['ship'], {
      cwd: workspace,
      env: environment(options.target, { SHIELDWATCH_SPOOL_DIR: spoolDir }),
    });
    if (ship.code !== 0) throw new CommandError(`shipping failed: ${ship.stderr.trim()}`);
    options.progress('waiting for the series');
    const differences = await awaitSeries(options.target, before, scans, decisions);
    return { scans, decisions, differences, seconds: (Date.now() - started) / 1000 };
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

function environment(target: DemoTarget, more: Record<string, string> = {}): Record<string, string> {
  return { SHIELDWATCH_URL: target.url, SHIELDWATCH_TOKEN: target.ingestToken, ...more };
}

async function copySamples(workspace: string): Promise<string[]> {
  const demo = join(packageRoot(), 'deploy/demo');
  return Promise.all(
    SAMPLES.map(async ({ folder }) => {
      const target = join(workspace, folder);
      await cp(join(demo, 'repos', folder), target, { recursive: true });
      await mkdir(join(target, '.agentshield'));
      await copyFile(join(demo, 'runtime-policy.json'), join(target, '.agentshield/runtime-policy.json'));
      return target;
    }),
  );
}

/** Scans through our exporter, and runs AgentShield directly as well. */
async function scan(
  { target, progress }: DemoOptions,
  { repository, dir, workspace, what }: { repository: string; dir: string; workspace: string; what: string },
): Promise<DemoScan> {
  const exported = await runShieldwatch(['scan', dir, '--repository', repository], {
    cwd: workspace,
    env: environment(target),
  });
  // 2 is AgentShield's exit code for critical findings, passed through.
  if (exported.code !== 0 && exported.code !== 2)
    throw new CommandError(`scanning ${repository} failed: ${exported.stderr.trim()}`);
  const result = { repository, what, ...(await askAgentShield(dir, workspace)) };
  progress(`scanned ${repository} (${what}): ${result.grade} ${result.score}, ${result.findings} findings`);
  return result;
}

/** Runs AgentShield directly, without our exporter. */
async function askAgentShield(
  dir: string,
  workspace: string,
): Promise<{ score: number; grade: string; findings: number }> {
  const { cli } = findAgentshield();
  const file = join(workspace, 'agentshield-report.json');
  await runProgramFile([cli, 'scan', '-p', dir, '--format', 'json', '--output', file], { cwd: workspace, env: {} });
  const report = agentshieldReport.parse(JSON.parse(await readFile(file, 'utf8')));
  await rm(file);
  return { score: report.score.numericScore, grade: report.score.grade, findings: report.summary.totalFindings };
}

/** Sends calls through the real hook, a few at a time, and counts all of them. */
function createPlayer(
  { calls: all, progress }: DemoOptions,
  spoolDir: string,
): { play(calls: readonly HookInput[]): Promise<void> } {
  const repositories = new Map<string, string>(SAMPLES.map(({ folder, repository }) => [folder, repository]));
  let done = 0;
  let blocked = 0;
  return {
    async play(calls) {
      let next = 0;
      const agent = async (): Promise<void> => {
        for (let call = calls[next++]; call !== undefined; call = calls[next++]) {
          const repository = repositories.get(basename(call.cwd)) ?? '';
          const { code } = await runShieldwatch(['hook'], {
            cwd: call.cwd,
            env: {
              SHIELDWATCH_SPOOL_DIR: spoolDir,
              SHIELDWATCH_REPOSITORY: repository,
              CLAUDE_PROJECT_DIR: call.cwd,
              CLAUDECODE: '1',
            },
            stdin: JSON.stringify(call),
          });
          done += 1;
          if (code === 2) blocked += 1;
        }
      };
      await Promise.all(Array.from({ length: Math.min(8, availableParallelism() * 2) }, agent));
      progress(`played ${done} of ${all} tool calls through the hook, ${blocked} blocked`);
    },
  };
}

async function countSpool(spoolDir: string): Promise<DemoDecisions[]> {
  const groups = new Map<string, DemoDecisions>();
  for (const file of await readdir(spoolDir)) {
    if (!file.endsWith('.ndjson')) continue;
    for (const line of (await readFile(join(spoolDir, file), 'utf8')).split('\n')) {
      if (line === '') continue;
      const { repository, tool, decision } = spoolLine.parse(JSON.parse(line));
      const key = `${repository} ${tool}`;
      const group = groups.get(key) ?? { repository, tool, allowed: 0, blocked: 0 };
      if (decision === 'allow') group.allowed += 1;
      else group.blocked += 1;
      groups.set(key, group);
    }
  }
  return [...groups.values()].sort((a, b) => (a.repository + a.tool < b.repository + b.tool ? -1 : 1));
}

/** Returns the API's numbers for one repository; empty while it is unknown. */
async function readPosture(target: DemoTarget, repository: string): Promise<Posture> {
  const from = new Date(Date.now() - 2 * 86_400_000).toISOString();
  const to = new Date(Date.now() + 3_600_000).toISOString();
  const id = repositoryId(target.orgId, repository);
  const response = await fetch(`${target.url}/v1/repo/${id}/posture?from=${from}&to=${to}&bucket=hour`, {
    headers: { authorization: `Bearer ${target.readToken}` },
  });
  if (response.status === 404) return { scoreTrend: [], latestScan: null, runtime: { blockedCommandRate: [] } };
  if (!response.ok) throw new CommandError(`the API answered ${response.status} for ${repository}`);
  return posture.parse(await response.json());
}

async function readAll(target: DemoTarget): Promise<Map<string, Posture>> {
  return new Map(
    await Promise.all(
      SAMPLES.map(async ({ repository }) => [repository, await readPosture(target, repository)] as const),
    ),
  );
}

function decisionsOf(view: Posture, tool: string): { allowed: number; blocked: number } {
  const rows = view.runtime.blockedCommandRate.filter((row) => row.tool === tool);
  return {
    allowed: rows.reduce((sum, row) => sum + row.allowed, 0),
    blocked: rows.reduce((sum, row) => sum + row.blocked, 0),
  };
}

const scansOf = (view: Posture): number => view.scoreTrend.reduce((sum, row) => sum + row.scans, 0);

/** Polls until everything agrees or the deadline passes; returns the remaining differences. */
async function awaitSeries(
  target: DemoTarget,
  before: ReadonlyMap<string, Posture>,
  scans: readonly DemoScan[],
  decisions: readonly DemoDecisions[],
): Promise<string[]> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const differences = compare(before, await readAll(target), scans, decisions);
    if (differences.length === 0 || Date.now() > deadline) return differences;
    await pause(250);
  }
}

function compare(
  before: ReadonlyMap<string, Posture>,
  after: ReadonlyMap<string, Posture>,
  scans: readonly DemoScan[],
  decisions: readonly DemoDecisions[],
): string[] {
  const differences: string[] = [];
  const expect = (what: string, actual: number | null | undefined, expected: number): void => {
    if (actual !== expected) differences.push(`${what}: the API says ${actual}, expected ${expected}`);
  };
  for (const [repository, view] of after) {
    const earlier = before.get(repository);
    if (earlier === undefined) continue;
    const own = scans.filter((scan) => scan.repository === repository);
    const last = own.at(-1);
    expect(`${repository} scans`, scansOf(view) - scansOf(earlier), own.length);
    expect(`${repository} last score`, view.scoreTrend.at(-1)?.last, last?.score ?? NaN);
    expect(`${repository} findings of the last scan`, view.latestScan?.report.findings.total, last?.findings ?? NaN);
    if (scansOf(earlier) === 0) {
      const scores = own.map((scan) => scan.score);
      expect(
        `${repository} lowest score`,
        Math.min(...view.scoreTrend.map((row) => row.min ?? Infinity)),
        Math.min(...scores),
      );
      expect(
        `${repository} highest score`,
        Math.max(...view.scoreTrend.map((row) => row.max ?? -Infinity)),
        Math.max(...scores),
      );
    }
    for (const row of decisions.filter((decision) => decision.repository === repository)) {
      const now = decisionsOf(view, row.tool);
      const then = decisionsOf(earlier, row.tool);
      expect(`${repository} ${row.tool} allowed`, now.allowed - then.allowed, row.allowed);
      expect(`${repository} ${row.tool} blocked`, now.blocked - then.blocked, row.blocked);
    }
  }
  return differences;
}
