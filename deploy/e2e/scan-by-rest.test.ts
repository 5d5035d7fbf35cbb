import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createSender } from '#exporters/otlp/sender.js';
import { findAgentshield } from '#exporters/scan/agentshield-package.js';
import { readEvidencePack } from '#exporters/scan/evidence-pack.js';
import { exportScan } from '#exporters/scan/export-scan.js';
import { findingRecords } from '#exporters/scan/finding-records.js';
import { withPrivateFolder } from '#exporters/scan/private-folder.js';
import { runAgentshield } from '#exporters/scan/run-agentshield.js';
import { scanRecord } from '#exporters/scan/scan-record.js';
import { scanOfSpec } from '#ingest/testing/bodies.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { ScanAnswer } from '#schemas/http/ingest-scan.js';
import { packageRoot } from '#schemas/root.js';

/** The sample repository with secrets (all fake) in it. */
const RISKY = join(packageRoot(), 'deploy/demo/repos/risky');

let gateway: TestGateway;
let address: string;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  address = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => gateway.close());

type Row = Record<string, unknown>;
const facts = (view: string, repository: string): Promise<Row[]> =>
  selectRows<Row>(
    gateway.store.client,
    `SELECT * EXCEPT (ingested_at, repo) FROM ${view} WHERE org_id = 'org_a' AND repo = {repository:String} ORDER BY ALL`,
    { repository },
  );

const json = (folder: string, file: string): Row => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Row;

describe('a pack of the real AgentShield', () => {
  it('creates the same facts by REST, as `evidence-pack inspect` reports it, as by OTLP from our exporter', async () => {
    await withPrivateFolder(async (folder) => {
      const agentshield = findAgentshield();
      const { pack, exitCode } = await runAgentshield(agentshield, {
        target: RISKY,
        folder,
        minSeverity: 'info',
        extraArgs: [],
      });

      const read = readEvidencePack(pack);
      const scan = scanRecord(read, {
        repository: 'acme/by-otlp',
        minSeverity: 'info',
        exitCode,
        agentshieldVersion: agentshield.version,
        ciContext: { provider: 'local', ci: {} },
      });
      const findings = findingRecords(read, {
        scanId: scan.eventId,
        generatedAt: scan.generatedAt,
        pathInRepository: '',
      });
      const sender = createSender({ url: address, token: gateway.ingestToken });
      expect(await exportScan(sender, { scan, findings, durationMs: 0 })).toEqual([]);
      sender.close();

      // What the tool prints, and beside it what it leaves out: the repository, rows, files, filter and version.
      const inspected = spawnSync(process.execPath, [agentshield.cli, 'evidence-pack', 'inspect', pack, '--json'], {
        encoding: 'utf8',
      });
      expect(inspected.status, inspected.stderr).toBe(0);
      const report = json(pack, 'agentshield-report.json') as {
        score: object;
        timestamp: string;
        summary: { filesScanned: number };
      };
      const inspection = JSON.parse(inspected.stdout) as { report: object };
      const body = {
        ...inspection,
        repository: 'acme/by-rest',
        report: { ...inspection.report, score: report.score, filesScanned: report.summary.filesScanned },
        generatedAt: report.timestamp,
        findings: json(pack, 'remediation-plan.json')['findings'],
        minSeverity: 'info',
        toolVersion: agentshield.version,
        exitCode,
      };
      const answer = await fetch(`${address}/v1/ingest/scan`, {
        method: 'POST',
        headers: jsonHeaders(gateway.ingestToken),
        body: JSON.stringify(body),
      });
      const receipt = (await answer.json()) as ScanAnswer;
      expect([answer.status, receipt.integrity, receipt.warnings], JSON.stringify(receipt)).toEqual([
        200,
        'ok',
        undefined,
      ]);

      const [byOtlp] = await facts('scan', 'acme/by-otlp');
      const [byRest] = await facts('scan', 'acme/by-rest');
      // The rows of a plan have no finding keys.
      expect({ ...byRest, key_scheme: 'source' }).toEqual(byOtlp);
      expect(byRest?.['key_scheme']).toBe('gateway');
      expect(byRest?.['total_findings']).toBeGreaterThan(20);
      // Every finding that a scan counts is a row: only then do the series compare it with the scan before.
      expect(await facts('finding', 'acme/by-rest')).toHaveLength(Number(byRest?.['total_findings']));

      const [rowsByOtlp, rowsByRest] = [await facts('finding', 'acme/by-otlp'), await facts('finding', 'acme/by-rest')];
      expect(rowsByRest).toHaveLength(rowsByOtlp.length);
      expect(rowsByRest).toEqual(rowsByOtlp);
    });
  });
});

describe('a scan by REST', () => {
  it('leaves findings unchanged if it only counts them, and resolves them if it counts none', async () => {
    const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
    const secret = {
      id: 'secrets-hardcoded-anthropic',
      severity: 'critical',
      category: 'secrets',
      title: 'Hardcoded Anthropic API key',
      file: '<target-path>/CLAUDE.md',
    };
    const none = { total: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0 };
    const post = async (digest: string, hours: number, counts: object, more: object = {}): Promise<void> => {
      const report = { score: { grade: 'C', numericScore: 66 }, findings: { ...none, ...counts }, filesScanned: 3 };
      const body = scanOfSpec({
        repository: 'acme/counted',
        bundleDigest: `sha256:${digest.repeat(64)}`,
        expectedBundleDigest: `sha256:${digest.repeat(64)}`,
        generatedAt: hoursAgo(hours),
        report,
        remediation: undefined,
        ...more,
      });
      const answer = await fetch(`${address}/v1/ingest/scan`, {
        method: 'POST',
        headers: jsonHeaders(gateway.ingestToken),
        body: JSON.stringify(body),
      });
      expect(answer.status, await answer.text()).toBe(200);
      await createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();
    };
    const of = "org_id = 'org_a' AND repo = 'acme/counted'";
    const secrets = () =>
      selectRows(
        gateway.store.client,
        `SELECT is_open, episode FROM secret_exposure_events WHERE ${of} ORDER BY episode`,
      );
    const lives = () =>
      selectRows(
        gateway.store.client,
        `SELECT sum(new) AS new, sum(regressed) AS regressed, sum(fixed) AS fixed FROM finding_lifecycle_hour WHERE ${of}`,
      );

    await post('a', 4, { total: 1, critical: 1 }, { findings: [secret] });
    expect(await secrets()).toEqual([{ is_open: true, episode: 1 }]);
    // One without rows, and one that names fewer than it counts.
    await post('b', 3, { total: 1, critical: 1 });
    await post(
      'c',
      2,
      { total: 2, critical: 1, low: 1 },
      { findings: [{ ...secret, id: 'hooks-other', severity: 'low', category: 'hooks' }] },
    );
    expect(await secrets()).toEqual([{ is_open: true, episode: 1 }]);
    expect(await lives()).toEqual([{ new: 1, regressed: 0, fixed: 0 }]);
    expect(
      await selectRows(gateway.store.client, `SELECT sum(scans) AS scans FROM score_trend_hour WHERE ${of}`),
    ).toEqual([{ scans: 3 }]);

    await post('d', 1, none);
    expect(await secrets()).toEqual([{ is_open: false, episode: 1 }]);
    expect(await lives()).toEqual([{ new: 1, regressed: 0, fixed: 1 }]);
  });
});
