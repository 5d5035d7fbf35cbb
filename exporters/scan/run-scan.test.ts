import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packageRoot } from '#schemas/root.js';
import {
  ATTR_EVENT_ID,
  ATTR_FINDING_KEY,
  ATTR_FINDING_OCCURRENCE,
  ATTR_SCAN_FINDINGS_TOTAL,
  ATTR_SCAN_ID,
  EVENT_FINDING,
  METRIC_FINDINGS,
  METRIC_SCORE,
  SPAN_SCAN,
} from '#schemas/semconv.js';
import { OtlpServer } from '../testing/otlp-server.js';
import { findAgentshield } from './agentshield-package.js';
import { runScan, type ScanOptions, type ScanOutcome } from './run-scan.js';

const REPOS = join(packageRoot(), 'deploy', 'demo', 'repos');

let server: OtlpServer;
let root: string;

beforeEach(async () => {
  server = await OtlpServer.start();
  root = mkdtempSync(join(tmpdir(), 'shieldwatch-repos-'));
  // A private temporary folder: other scans run on this machine too.
  mkdirSync(join(root, 'tmp'));
  vi.stubEnv('TMPDIR', join(root, 'tmp'));
  cpSync(REPOS, root, { recursive: true });
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

function scan(folder: string, options: Partial<ScanOptions> = {}): Promise<ScanOutcome> {
  return runScan({
    dir: join(root, folder),
    url: server.url,
    token: 'eccp_test',
    repository: `acme/${folder}`,
    ...options,
  });
}

/** AgentShield's own result, without our wrapper. */
function stockReport(folder: string): { score: object; summary: Record<string, number>; findings: unknown[] } {
  const file = join(root, 'report.json');
  try {
    execFileSync(
      process.execPath,
      [findAgentshield().cli, 'scan', '-p', join(root, folder), '--format', 'json', '--output', file],
      { stdio: 'ignore' },
    );
  } catch {
    // Exit code 2: critical findings.
  }
  return JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof stockReport>;
}

const keys = (outcome: ScanOutcome): string[] =>
  outcome.findings.map(({ key, occurrence }) => `${key}#${String(occurrence)}`).sort();

describe('the other checks of a scan', () => {
  it('are exported as AgentShield inspects its own pack', async () => {
    const cli = (...args: string[]): string => {
      try {
        return execFileSync(process.execPath, [findAgentshield().cli, ...args], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
      } catch (error) {
        // Exit codes 2 and 4 are its verdicts.
        return (error as { stdout: string }).stdout;
      }
    };
    const at = (name: string): string => join(root, name);
    cli('policy', 'init', '--output', at('policy.json'));
    cli('scan', '-p', at('risky'), '--save-baseline', at('baseline.json'));
    writeFileSync(at('risky/CLAUDE.md'), 'Use TypeScript.\n');
    const extra = ['--policy', at('policy.json'), '--baseline', at('baseline.json'), '--supply-chain'];
    cli('scan', '-p', at('risky'), '--evidence-pack', at('pack'), ...extra);
    const inspected = JSON.parse(cli('evidence-pack', 'inspect', at('pack'), '--json')) as {
      artifactCount: number;
      verifiedArtifactCount: number;
      policy: { status: string; policyName: string; policyPack: string; violations: number };
      baseline: {
        status: string;
        newFindings: number;
        resolvedFindings: number;
        unchangedCount: number;
        scoreDelta: number;
      };
      supplyChain: { totalPackages: number; riskyPackages: number; criticalCount: number; highCount: number };
    };

    const { scan: exported } = await scan('risky', { agentshieldArgs: extra });
    const { policy, baseline, supplyChain } = inspected;
    expect(exported.policy).toMatchObject({
      status: policy.status,
      name: policy.policyName,
      pack: policy.policyPack,
      violations: policy.violations,
    });
    expect(exported.policy?.violations).toBeGreaterThan(0);
    expect(exported.baseline).toMatchObject({
      status: baseline.status,
      scoreDelta: baseline.scoreDelta,
      findings: { new: baseline.newFindings, resolved: baseline.resolvedFindings, unchanged: baseline.unchangedCount },
    });
    expect(exported.supplyChain).toEqual({
      total: supplyChain.totalPackages,
      risky: supplyChain.riskyPackages,
      critical: supplyChain.criticalCount,
      high: supplyChain.highCount,
    });
    const pack = exported.evidencePack;
    expect([pack?.expectedDigest, pack?.redacted]).toEqual([exported.bundleDigest, true]);
    expect([pack?.artifacts, pack?.artifactsVerified, pack?.integrity]).toEqual([
      inspected.artifactCount,
      inspected.verifiedArtifactCount,
      'ok',
    ]);
    expect(server.spans[0]?.values).toMatchObject({
      'agentshield.policy.status': policy.status,
      'agentshield.baseline.findings.new': baseline.newFindings,
      'agentshield.supply_chain.packages.risky': supplyChain.riskyPackages,
    });
  });
});

describe('scan of a risky repository', () => {
  it('exports what AgentShield reports: one span, a log record for each finding in its trace, gauges', async () => {
    const outcome = await scan('risky');
    const stock = stockReport('risky');
    const { findings, score, grade, breakdown, filesScanned } = outcome.scan;
    expect({ numericScore: score, grade, breakdown }).toEqual(stock.score);
    expect({ ...findings, filesScanned }).toEqual(
      Object.fromEntries(
        ['critical', 'high', 'medium', 'low', 'info', 'filesScanned'].map((key) => [key, stock.summary[key]]),
      ),
    );
    expect([outcome.exitCode, outcome.sent, outcome.warnings]).toEqual([2, true, []]);

    const [span, ...others] = server.spans;
    expect(others).toEqual([]);
    expect(span).toMatchObject({
      name: SPAN_SCAN,
      events: [],
      resource: { 'vcs.owner.name': 'acme', 'vcs.repository.name': 'risky' },
      values: { [ATTR_EVENT_ID]: outcome.scan.bundleDigest, [ATTR_SCAN_FINDINGS_TOTAL]: stock.findings.length },
    });
    const records = server.logRecords;
    expect(records).toHaveLength(stock.findings.length);
    expect(new Set(records.map(({ eventName }) => eventName))).toEqual(new Set([EVENT_FINDING]));
    expect(new Set(records.map(({ traceId, spanId }) => traceId + spanId))).toEqual(
      new Set([`${String(span?.traceId)}${String(span?.spanId)}`]),
    );
    expect(new Set(records.map(({ values }) => values[ATTR_SCAN_ID]))).toEqual(new Set([outcome.scan.eventId]));
    expect(new Set(records.map(({ values }) => values[ATTR_EVENT_ID])).size).toBe(records.length);
    expect(server.points).toContain(`${METRIC_SCORE}{category=overall} = ${String(score)}`);
    expect(server.points).toContain(`${METRIC_FINDINGS}{severity=critical} = ${String(findings.critical)}`);
    // The span follows the findings and marks them complete.
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/logs', '/v1/traces', '/v1/metrics']);
  });

  it('numbers equal findings and counts each', async () => {
    await scan('risky');
    const pairs = server.logRecords.map(
      ({ values }) => `${String(values[ATTR_FINDING_KEY])}#${String(values[ATTR_FINDING_OCCURRENCE])}`,
    );
    expect(new Set(pairs).size).toBe(pairs.length);
    expect(new Set(server.logRecords.map(({ values }) => values[ATTR_FINDING_KEY])).size).toBe(pairs.length - 1);
  });

  it('finds the same findings after a line was added above them', async () => {
    const before = await scan('risky', { token: undefined });
    const file = join(root, 'risky', 'CLAUDE.md');
    writeFileSync(file, `<!-- one more line -->\n${readFileSync(file, 'utf8')}`);
    const after = await scan('risky', { token: undefined });
    expect(keys(after)).toEqual(keys(before));
    expect(after.findings.map(({ fingerprint }) => fingerprint)).not.toEqual(
      before.findings.map(({ fingerprint }) => fingerprint),
    );
  });

  it('makes the same finding keys for every user', async () => {
    const plain = await scan('risky', { token: undefined });
    // These users would be cut out of severities, categories and file names.
    for (const user of ['high', 'mcp', 'root', 'agents']) {
      vi.stubEnv('USER', user);
      vi.stubEnv('USERNAME', user);
      vi.stubEnv('HOME', `/home/${user}`);
      const outcome = await scan('risky', { token: undefined });
      expect(outcome.scan.findings).toEqual(plain.scan.findings);
      expect(keys(outcome)).toEqual(keys(plain));
    }
  });
});

describe('secrets', () => {
  it('a secret in a scanned file is neither sent in any form nor left in a file', async () => {
    const canaries = [
      'sk-ant-api03-canaryAAAAcanaryAAAAcanary',
      'canaryPW99',
      'ghp_canarycanarycanary0123456789abcd',
      'canaryHunter2x',
      'canaryEscaped1',
      'canaryEscaped2',
    ];
    const [anthropic = '', password = '', github = '', database = '', html = '', json = ''] = canaries;
    appendFileSync(
      join(root, 'risky', 'CLAUDE.md'),
      `\nANTHROPIC_API_KEY=${anthropic}\npassword = "${database}"\npassword=&quot;${html}&quot;\n{\\"api_key\\": \\"${json}\\"}\n`,
    );
    writeFileSync(
      join(root, 'risky', '.mcp.json'),
      JSON.stringify({
        mcpServers: {
          db: {
            command: 'npx',
            args: ['-y', 'server-postgres', `postgres://admin:${database}@db.test/app`],
            env: { GITHUB_TOKEN: github },
          },
        },
      }),
    );
    mkdirSync(join(root, 'risky', '.claude'), { recursive: true });
    writeFileSync(
      join(root, 'risky', '.claude', 'settings.json'),
      JSON.stringify({ permissions: { allow: [`Bash(curl -u admin:${password} https://h.test/*)`, 'Bash(*)'] } }),
    );
    const before = temporaryFolders();
    const outcome = await scan('risky');
    const sent = server.requests.map(({ text }) => text).join('') + JSON.stringify(outcome);
    expect(outcome.findings.some(({ id }) => id.includes('mcp-db-conn'))).toBe(true);
    // The ids and titles that would have quoted them are present.
    expect(sent).toContain('[REDACTED:basic-auth-flag]');
    for (const canary of canaries) expect(sent).not.toContain(canary);
    expect(temporaryFolders()).toEqual(before);
  });

  it('the private folder is removed after a failure too', async () => {
    const before = temporaryFolders();
    await expect(scan('risky', { agentshieldArgs: ['--no-such-option'] })).rejects.toThrow(
      /exit code 1 and wrote no evidence pack: .*no-such-option/,
    );
    expect(temporaryFolders()).toEqual(before);
  });
});

describe('scan of other folders', () => {
  it('a clean repository has few findings and exit code 0', async () => {
    const outcome = await scan('clean');
    expect([outcome.exitCode, outcome.scan.findings.critical]).toEqual([0, 0]);
    expect(outcome.scan.score).toBeGreaterThan(75);
  });

  it('a scan of no file is exported without a score gauge and with a warning', async () => {
    mkdirSync(join(root, 'empty'));
    const outcome = await scan('empty');
    expect(outcome.scan.filesScanned).toBe(0);
    expect(outcome.warnings).toEqual([expect.stringContaining('nothing scanned')]);
    expect(server.spans).toHaveLength(1);
    expect(server.points.filter((point) => point.startsWith(METRIC_SCORE))).toEqual([]);
  });

  it('sends all of 1,000 findings', async () => {
    const allow = Array.from({ length: 1100 }, (_, index) => `Bash(sudo tool${String(index)}:*)`);
    mkdirSync(join(root, 'huge', '.claude'), { recursive: true });
    writeFileSync(join(root, 'huge', '.claude', 'settings.json'), JSON.stringify({ permissions: { allow } }));
    const outcome = await scan('huge');
    expect(outcome.findings.length).toBeGreaterThan(1000);
    expect(server.logRecords).toHaveLength(outcome.findings.length);
    expect(new Set(server.logRecords.map(({ values }) => values[ATTR_EVENT_ID])).size).toBe(outcome.findings.length);
  });

  it('names files relative to the repository when a subfolder is scanned', async () => {
    mkdirSync(join(root, '.git'));
    const outcome = await scan('risky', { token: undefined });
    expect(outcome.findings.every(({ file }) => file.startsWith('risky/'))).toBe(true);
  });

  it('takes commit and run from GitHub Actions', async () => {
    for (const [name, value] of Object.entries({
      GITHUB_ACTIONS: 'true',
      GITHUB_SHA: 'abc123',
      GITHUB_RUN_ID: '77',
      GITHUB_WORKFLOW: 'security',
      GITHUB_REPOSITORY: 'runner/high-tools',
      USER: 'runner',
    })) {
      vi.stubEnv(name, value);
    }
    const outcome = await scan('clean', { repository: undefined, token: undefined });
    expect(outcome.scan).toMatchObject({
      provider: 'github-actions',
      repository: 'runner/high-tools',
      ci: { sha: 'abc123', runId: '77', workflow: 'security' },
    });
  });
});

describe('scan failures', () => {
  it('refuses a wrong folder, severity, repository or option before it scans', async () => {
    await expect(scan('nowhere')).rejects.toThrow(/^not a folder/);
    await expect(scan('risky/CLAUDE.md')).rejects.toThrow(/^not a folder/);
    await expect(scan('risky', { minSeverity: 'bogus' })).rejects.toThrow(/--min-severity is none of critical/);
    await expect(scan('risky', { repository: ' / ' })).rejects.toThrow(/--repository/);
    for (const option of ['--fix', '--min-severity=high', '--no-evidence-redact', '-p.']) {
      await expect(scan('risky', { agentshieldArgs: [option] })).rejects.toThrow(/cannot be passed on/);
    }
    expect(server.requests).toEqual([]);
  });

  it('scans and sends nothing without a token', async () => {
    expect(await scan('risky', { token: undefined })).toMatchObject({ sent: false, exitCode: 2 });
    expect(server.requests).toEqual([]);
  });

  it('prints the server’s message after AgentShield’s output', async () => {
    server.respond = () => ({
      status: 401,
      body: '{"ok":false,"error":{"code":"token_invalid","message":"the token is not known"}}',
    });
    const scanned: ScanOutcome[] = [];
    await expect(scan('clean', { onScanned: (outcome) => scanned.push(outcome) })).rejects.toThrow(
      /answered 401 Unauthorized: the token is not known/,
    );
    expect(scanned).toHaveLength(1);
  });

  it('passes a policy on and reports AgentShield’s exit code for it', async () => {
    const policy = join(root, 'policy.json');
    writeFileSync(policy, JSON.stringify({ version: 1, name: 'strict', min_score: 100, owners: ['a'] }));
    expect((await scan('risky', { agentshieldArgs: ['--policy', policy] })).exitCode).toBe(4);
  });
});

function temporaryFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('shieldwatch-scan-'));
}
