import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createSender, type Sender } from '#exporters/otlp/sender.js';
import { findAgentshield } from '#exporters/scan/agentshield-package.js';
import { readEvidencePack } from '#exporters/scan/evidence-pack.js';
import { exportScan, postScan } from '#exporters/scan/export-scan.js';
import { findingRecords } from '#exporters/scan/finding-records.js';
import { withPrivateFolder } from '#exporters/scan/private-folder.js';
import { runAgentshield } from '#exporters/scan/run-agentshield.js';
import { exportPack } from '#exporters/scan/run-scan.js';
import { scanRecord } from '#exporters/scan/scan-record.js';
import { driftBetween } from '#exporters/watch/drift.js';
import { sendDrift } from '#exporters/watch/run-watch.js';
import { jsonHeaders, startGateway, type TestGateway } from '#ingest/testing/gateway.js';
import { createRollupWorker } from '#rollups/worker.js';
import { selectRows } from '#schemas/clickhouse/client.js';
import { driftRecord, type DriftFinding } from '#schemas/mapping/drift.js';
import type { Severity } from '#schemas/records/enums.js';
import { bodyOfScan, scanOfBody } from '#schemas/mapping/scan-body.js';
import type { ScanExport } from '#schemas/records/scan-telemetry.js';
import { scanBody } from '#schemas/http/ingest-scan.js';
import { packageRoot } from '#schemas/root.js';
import { ATTR_EVENT_ID, ATTR_EVIDENCE_PACK_EXPECTED_DIGEST, ATTR_SCAN_BUNDLE_DIGEST } from '#schemas/semconv.js';

// The way a scan travels changes nothing: repositories of the real AgentShield, by OTLP and by REST, as scans and as packs.

const HOUR = 3_600_000;
const SECRET = ['ANTHROPIC_API_KEY=sk-ant-', 'api03-canaryAAAAcanaryAAAAcanary'].join('');

let gateway: TestGateway;
let sender: Sender;
let address: string;
let root: string;
/** A scan of each repository and severity floor, with its pack. */
const scanned: { scan: ScanExport; pack: string }[] = [];

beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  address = await gateway.app.listen({ host: '127.0.0.1', port: 0 });
  sender = createSender({ url: address, token: gateway.ingestToken });
  root = mkdtempSync(join(tmpdir(), 'shieldwatch-ways-'));
  const repos = join(packageRoot(), 'deploy/demo/repos');
  for (const [name, minSeverity] of [
    ['risky', 'info'],
    ['risky', 'high'],
    ['clean', 'info'],
    ['secrets', 'info'],
    ['empty', 'info'],
  ] as [string, Severity][]) {
    const target = join(root, `${name}-${minSeverity}`);
    mkdirSync(target);
    if (name === 'secrets')
      writeFileSync(join(target, 'CLAUDE.md'), `${SECRET}\npassword = "canaryHunter2x"\n${SECRET}\n`);
    else if (name !== 'empty') cpSync(join(repos, name), target, { recursive: true });
    scanned.push(await scanOf(target, minSeverity));
  }
});
afterAll(async () => {
  sender.close();
  await gateway.close();
  rmSync(root, { recursive: true, force: true });
});

async function scanOf(target: string, minSeverity: Severity): Promise<{ scan: ScanExport; pack: string }> {
  return withPrivateFolder(async (folder) => {
    const agentshield = findAgentshield();
    const { pack, exitCode, durationMs } = await runAgentshield(agentshield, {
      target,
      folder,
      minSeverity,
      extraArgs: ['--supply-chain'],
    });
    const kept = `${target}-pack`;
    cpSync(pack, kept, { recursive: true });
    const read = readEvidencePack(pack);
    const ciContext = {
      provider: 'gitlab-ci',
      ci: {
        sha: 'abc',
        refName: 'main',
        refType: 'branch',
        changeId: '12',
        runId: '7',
        runUrl: 'https://gitlab.test/p/7',
        workflow: 'ci',
        job: 'scan',
        vcsProvider: 'gitlab',
        repositoryUrl: 'https://gitlab.test/acme/app',
      },
    } as const;
    const scan = scanRecord(read, {
      repository: 'acme/any',
      minSeverity,
      exitCode,
      agentshieldVersion: agentshield.version,
      ciContext,
    });
    return {
      pack: kept,
      scan: {
        scan,
        findings: findingRecords(read, {
          scanId: scan.eventId,
          generatedAt: scan.generatedAt,
          pathInRepository: 'sub/folder',
        }),
        durationMs,
      },
    };
  });
}

/** A scan of another moment and repository; its identity is its own. */
function at({ scan, findings, durationMs }: ScanExport, repository: string, generatedAt: string): ScanExport {
  const digest = `sha256:${Buffer.from(`${repository}${generatedAt}`).toString('hex').padEnd(64, '0').slice(-64)}`;
  const moved = {
    ...scan,
    repository,
    generatedAt,
    eventId: digest,
    bundleDigest: digest,
    evidencePack: { ...scan.evidencePack, redacted: true, integrity: 'ok' as const, expectedDigest: digest },
  };
  return {
    scan: moved,
    findings: findings.map((finding) => ({ ...finding, scanId: digest, generatedAt })),
    durationMs,
  };
}

const rows = (view: string, repository: string, except: string): Promise<Record<string, unknown>[]> =>
  selectRows(
    gateway.store.client,
    `SELECT * EXCEPT (repo, ${except}) FROM ${view} WHERE org_id = 'org_a' AND repo = {repository:String} ORDER BY ALL`,
    { repository },
  );

const IDENTITIES = new Set<string>([ATTR_EVENT_ID, ATTR_SCAN_BUNDLE_DIGEST, ATTR_EVIDENCE_PACK_EXPECTED_DIGEST]);

/** Everything that is stored of a repository's scans, and every series made of it. Ids differ, since the repositories do. */
async function everything(repository: string): Promise<unknown> {
  const landed = await selectRows<{ attributes: Record<string, string> }>(
    gateway.store.client,
    `SELECT SpanName, Duration, SpanAttributes AS attributes FROM otel_traces WHERE OrgId = 'org_a' AND Repository = {repository:String} ORDER BY Timestamp`,
    { repository },
  );
  return {
    landed: landed.map(({ attributes, ...span }) => ({
      ...span,
      attributes: Object.entries(attributes)
        .filter(([name]) => !IDENTITIES.has(name))
        .sort(),
    })),
    scan: await rows('scan', repository, 'ingested_at, event_id, trace_id, bundle_digest, expected_bundle_digest'),
    finding: await rows('finding', repository, 'ingested_at, event_id, trace_id, scan_id'),
    score: await rows('score_trend_hour', repository, 'org_id'),
    life: await rows('finding_lifecycle_hour', repository, 'org_id'),
    drift: await rows('drift_history_hour', repository, 'org_id'),
    open: await rows('open_finding', repository, 'org_id'),
    secrets: await rows('secret_exposure_events', repository, 'org_id, exposure_hours'),
  };
}

type Way = 'otlp' | 'rest';
const send = (scan: ScanExport, way: Way): Promise<string[]> =>
  way === 'rest' ? postScan(sender, scan) : exportScan(sender, scan);
const roll = (): Promise<unknown> => createRollupWorker({ clickhouse: gateway.store.client, settleMs: 0 }).tick();

it('creates equal facts and series for any scans by any path, and a change of path does not change findings', async () => {
  const way = fc.constantFrom<Way>('otlp', 'rest');
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ scan: fc.nat(4), ways: fc.tuple(way, way) }), { minLength: 2, maxLength: 4 }),
      async (steps) => {
        run += 1;
        const start = Math.floor(Date.now() / HOUR) * HOUR - 20 * HOUR;
        const names = [`acme/one-${String(run)}`, `acme/two-${String(run)}`] as const;
        for (const [i, step] of steps.entries()) {
          // Each twice in a row: nothing is new and nothing resolved the second time.
          for (const again of [0, 1]) {
            const time = new Date(start + (2 * i + again) * HOUR).toISOString();
            for (const [side, name] of names.entries()) {
              const scan = scanned[step.scan]?.scan;
              if (scan === undefined) throw new Error('no such scan');
              const direct = again === 0 ? step.ways[side] : step.ways[side] === 'rest' ? 'otlp' : 'rest';
              expect(await send(at(scan, name, time), direct ?? 'otlp')).toEqual([]);
            }
          }
        }
        await roll();
        const [one, two] = [await everything(names[0]), await everything(names[1])];
        expect(two).toEqual(one);
        const hours = steps.map((_, i) => new Date(start + (2 * i + 1) * HOUR).toISOString().replace('.000Z', 'Z'));
        const drift = (one as { drift: Record<string, unknown>[] }).drift.filter(({ bucket_start: hour }) =>
          hours.includes(String(hour)),
        );
        const counts = drift.flatMap((row) =>
          Object.entries(row)
            .filter(([column]) => /^(new|resolved)_(critical|high|medium|low|info)$/.test(column))
            .map(([, count]) => count),
        );
        expect(new Set(counts)).toEqual(new Set(counts.length === 0 ? [] : [0]));
      },
    ),
    { numRuns: 6, seed: 17, endOnFailure: true },
  );
});

it('creates one event for a drift by any path, however often it is sent and in any order of its findings', async () => {
  const step = fc.record({ isRest: fc.boolean(), turn: fc.nat(30) });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(fc.nat(4), fc.nat(4)),
      fc.array(step, { minLength: 2, maxLength: 4 }),
      async ([from, to], steps) => {
        run += 1;
        const end = Math.floor(Date.now() / HOUR) * HOUR;
        const [before, after] = [scanned[from], scanned[to]].map((each, i) => {
          if (each === undefined) throw new Error('no such scan');
          return at(each.scan, 'acme/drift', new Date(end - (2 * run - i) * HOUR).toISOString());
        });
        const drift = before && after && driftBetween(before, after);
        fc.pre(drift !== undefined);
        const turned = (findings: readonly DriftFinding[], by: number): DriftFinding[] =>
          findings.map((_, i) => findings[(i + by) % findings.length] as DriftFinding);
        const stored: unknown[] = [];
        for (const { isRest, turn } of steps) {
          await sendDrift(
            sender,
            driftRecord({
              ...drift,
              newFindings: turned(drift.newFindings, turn),
              resolvedFindings: turned(drift.resolvedFindings, turn),
            }),
            isRest,
          );
          // Of the same event the lists stand as they came last or first; what is in them is the same.
          stored.push(
            await selectRows(
              gateway.store.client,
              `SELECT * EXCEPT (ingested_at, new_list, resolved_list), arraySort(arrayMap(f -> toString(f), new_list)) AS came, arraySort(arrayMap(f -> toString(f), resolved_list)) AS went
          FROM drift_event WHERE org_id = 'org_a' AND repo = 'acme/drift' AND occurred_at = parseDateTime64BestEffort({time:String}, 3, 'UTC')`,
              { time: drift.timestamp },
            ),
          );
        }
        expect(stored[0]).toMatchObject([
          {
            event_id: drift.eventId,
            new_findings: drift.newFindings.length,
            resolved_findings: drift.resolvedFindings.length,
            is_regression: drift.isRegression,
          },
        ]);
        for (const rows of stored) expect(rows).toEqual(stored[0]);
      },
    ),
    { numRuns: 5, seed: 17, endOnFailure: true },
  );
});

it('creates equal facts for a pack by both paths', async () => {
  for (const [i, { pack }] of scanned.entries()) {
    const names = [`acme/pack-otlp-${String(i)}`, `acme/pack-rest-${String(i)}`] as const;
    const [otlp, rest] = [
      await exportPack({ pack, url: address, token: gateway.ingestToken, repository: names[0] }),
      await exportPack({ pack, url: address, token: gateway.ingestToken, repository: names[1], via: 'rest' }),
    ];
    expect([rest.exitCode, rest.warnings]).toEqual([otlp.exitCode, otlp.warnings]);
    await roll();
    expect(await everything(names[1])).toEqual(await everything(names[0]));
  }
});

it("starts a new comparison if a body has no keys: nothing is new or resolved, and the newest scan's findings are open", async () => {
  const repository = 'acme/unkeyed';
  const risky = scanned[0]?.scan;
  if (risky === undefined) throw new Error('no scan');
  const start = Math.floor(Date.now() / HOUR) * HOUR - 20 * HOUR;
  const iso = (hour: number): string => new Date(start + hour * HOUR).toISOString();
  const post = async (hour: number): Promise<void> => {
    const body = bodyOfScan(at(risky, repository, iso(hour)));
    // As somebody posts the rows of a remediation plan: file names of the scanned folder, no keys.
    const findings = (body.findings ?? []).map((row) => ({
      ...row,
      findingKey: undefined,
      file: row.file.replace('sub/folder/', ''),
    }));
    const answer = await fetch(`${address}/v1/ingest/scan`, {
      method: 'POST',
      headers: jsonHeaders(gateway.ingestToken),
      body: JSON.stringify({ ...body, findings }),
    });
    expect(answer.status, await answer.text()).toBe(200);
  };
  await send(at(risky, repository, iso(0)), 'otlp');
  await post(1);
  await post(2);
  await send(at(risky, repository, iso(3)), 'rest');
  await roll();
  const total = risky.findings.length;
  const sums = (columns: string, view: string): Promise<unknown[]> =>
    selectRows(
      gateway.store.client,
      `SELECT ${columns} FROM ${view} WHERE org_id = 'org_a' AND repo = {repository:String}`,
      { repository },
    );
  expect(await sums('sum(new) AS new, sum(regressed) AS back, sum(fixed) AS fixed', 'finding_lifecycle_hour')).toEqual([
    { new: total, back: 0, fixed: 0 },
  ]);
  expect(
    await sums(
      'sum(new_critical + new_high + new_medium + new_low + new_info + resolved_critical + resolved_high + resolved_medium + resolved_low + resolved_info) AS changes',
      'drift_history_hour',
    ),
  ).toEqual([{ changes: 0 }]);
  expect(await sums('count() AS open, sum(recurrences) AS recurrences', 'open_finding')).toEqual([
    { open: total, recurrences: 0 },
  ]);
});

it('restores any scan from its body unchanged', () => {
  for (const { scan } of scanned) {
    const body = scanBody.parse(JSON.parse(JSON.stringify(bodyOfScan(scan))));
    expect(scanOfBody(body, scan.scan.repository)).toEqual(JSON.parse(JSON.stringify(scan)));
  }
  const broken = scanned[0]?.scan;
  for (const integrity of ['ok', 'mismatch', 'suspect'] as const) {
    if (broken?.scan.evidencePack === undefined) throw new Error('no pack');
    const scan = { ...broken, scan: { ...broken.scan, evidencePack: { ...broken.scan.evidencePack, integrity } } };
    expect(
      scanOfBody(scanBody.parse(JSON.parse(JSON.stringify(bodyOfScan(scan)))), scan.scan.repository).scan.evidencePack
        ?.integrity,
    ).toBe(integrity);
  }
});
