import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { selectRows } from '#schemas/clickhouse/client.js';
import type { Fleet } from '#schemas/http/fleet.js';
import type { ScanAnswer, ScanEcho } from '#schemas/http/ingest-scan.js';
import type { Posture } from '#schemas/http/posture.js';
import { repositoryId } from '#schemas/records/repository.js';
import { mintToken } from '../auth/tokens.js';
import { setPlan } from '../control/orgs.js';
import { scanOfSpec } from '../testing/bodies.js';
import { jsonHeaders, startGateway, type Refusal, type TestGateway } from '../testing/gateway.js';

const URL = '/v1/ingest/scan';
let gateway: TestGateway;
/** Each case has its own repository. */
let integrityCases = 0;
beforeAll(async () => {
  gateway = await startGateway(inject('clickhouseUrl'));
  // The contract's examples are months old.
  await setPlan(gateway.app.plane, 'org_a', 'enterprise');
});
afterAll(() => gateway.close());

function post(payload: unknown, token = gateway.ingestToken) {
  return gateway.app.inject({
    method: 'POST',
    url: URL,
    payload: JSON.stringify(payload),
    headers: jsonHeaders(token),
  });
}
const get = async <T>(url: string, token = gateway.readToken): Promise<T> =>
  (await gateway.app.inject({ url, headers: { authorization: `Bearer ${token}` } })).json<T>();

const facts = (view: string, repository: string) =>
  selectRows<Record<string, unknown>>(
    gateway.store.client,
    `SELECT * FROM ${view} WHERE org_id = 'org_a' AND repo = {repository:String}`,
    { repository },
  );

describe('a scan', () => {
  it('of CONTRACT 4.1, word for word, is answered as the contract says and is a fact at once', async () => {
    const answer = await post(scanOfSpec());
    expect(answer.statusCode, answer.body).toBe(200);
    const body = answer.json<ScanAnswer>();
    expect(body).toMatchObject({
      ok: true,
      deduped: false,
      integrity: 'ok',
      repoId: repositoryId('org_a', 'acme/agent-platform'),
    });
    expect(body.scanId).toMatch(/^scan_[0-9A-Z]{26}$/);
    expect(body.rollupsUpdated).toEqual(
      expect.arrayContaining(['score_trend', 'drift_history', 'secret_exposure_events']),
    );
    expect(Math.abs(Date.parse(body.ingestedAt) - Date.now())).toBeLessThan(60_000);

    // Not sent, so not zero.
    const missing = {
      score_secrets: null,
      score_permissions: null,
      score_hooks: null,
      score_mcp: null,
      score_agents: null,
    };
    expect(await facts('scan', 'acme/agent-platform')).toMatchObject([
      {
        occurred_at: '2026-06-21T17:42:00.000Z',
        score: 66,
        grade: 'C',
        total_findings: 29,
        critical: 1,
        high: 7,
        medium: 8,
        low: 10,
        info: 3,
        policy_status: 'failed',
        policy_pack: 'enterprise',
        policy_violations: 3,
        baseline_status: 'regressed',
        baseline_new: 4,
        baseline_resolved: 1,
        baseline_score_delta: -8,
        packages_total: 22,
        packages_risky: 2,
        packages_high: 1,
        provider: 'github-actions',
        ci_workflow: 'security.yml',
        ci_run_id: '1182334455',
        ci_sha: '4c1d9ab',
        redacted: true,
        integrity: 'ok',
        ...missing,
      },
    ]);
    const posture = await get<Posture>('/v1/repo/acme%2Fagent-platform/posture?to=2026-06-22T00:00:00Z');
    // Every field as sent; a missing field is null, absent or, for counts, 0.
    const sent = Object.fromEntries(Object.entries(scanOfSpec()).filter(([name]) => name !== 'repository'));
    expect(posture.latestScan).toEqual({
      ...sent,
      scanId: body.scanId,
      ok: true,
      errors: [],
      integrity: 'ok',
      artifactCount: null,
      verifiedArtifactCount: null,
      filesScanned: 1,
      minSeverity: '',
      producerVersion: '',
      breakdown: { secrets: null, permissions: null, hooks: null, mcp: null, agents: null },
    });
    expect(
      (await get<Fleet>('/v1/org/org_a/fleet')).entries.find(({ repository }) => repository === 'acme/agent-platform'),
    ).toMatchObject({ route: 'security-blocker', autoFixable: 2, manualReview: 7 });
    const explained = await get<{ facts: unknown[] }>(
      '/v1/explain?series=score_trend&at=2026-06-21&bucket=day&repository=acme%2Fagent-platform',
    );
    expect(explained.facts).toMatchObject([{ score: 66, scoreSecrets: null, scoreAgents: null, integrity: 'ok' }]);
  });

  it('whose digest is known for the repository is 409 with the first scan, and for another one it is not', async () => {
    const first = (await post(scanOfSpec({ repository: 'acme/one' }))).json<ScanAnswer>();
    const again = await post(scanOfSpec({ repository: 'acme/one', generatedAt: '2026-06-21T18:00:00.000Z' }));
    expect(again.statusCode).toBe(409);
    expect(again.json<ScanEcho>()).toMatchObject({
      ok: false,
      deduped: true,
      scanId: first.scanId,
      repoId: first.repoId,
      ingestedAt: first.ingestedAt,
      rollupsUpdated: [],
      error: { code: 'already_ingested' },
    });
    expect(await facts('scan', 'acme/one')).toHaveLength(1);
    expect((await post(scanOfSpec({ repository: 'acme/two' }))).statusCode).toBe(200);
  });

  it('sent many times at once is stored once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => post(scanOfSpec({ repository: 'acme/burst' }))));
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
    expect(new Set(answers.map((answer) => answer.json<ScanAnswer>().scanId)).size).toBe(1);
    expect(await facts('scan', 'acme/burst')).toHaveLength(1);
  });

  it.each([
    [{ redacted: false }, 422, 'not_redacted', 'redacted'],
    [{ redacted: undefined }, 422, 'not_redacted', 'redacted'],
    [{ redacted: null }, 422, 'not_redacted', 'redacted'],
    [{ evidence: 'x' }, 400, 'field_refused', 'evidence'],
    [
      { findings: [{ id: 'a', severity: 'low', category: 'mcp', title: 't', file: 'f', evidence: 'x' }] },
      400,
      'field_refused',
      'findings[0].evidence',
    ],
    [
      { findings: [{ id: 'a', severity: 'low', category: 'mcp', title: 't', file: 'f', fix: { before: 'x' } }] },
      400,
      'field_refused',
      'findings[0].fix.before',
    ],
    [{ nested: { deeper: [{ input: 1 }] } }, 400, 'field_refused', 'nested.deeper[0].input'],
    [
      {
        supplyChain: {
          totalPackages: 1,
          riskyPackages: 0,
          criticalCount: 0,
          highCount: 0,
          packages: [{ risks: [{ evidence: 'x' }] }],
        },
      },
      400,
      'field_refused',
      'supplyChain.packages[0].risks[0].evidence',
    ],
    [{ bundleDigest: null }, 400, 'body_invalid', 'bundleDigest'],
    [{ bundleDigest: 'md5:abcd' }, 400, 'body_invalid', 'bundleDigest'],
    [{ generatedAt: 'yesterday' }, 400, 'body_invalid', 'generatedAt'],
    [{ generatedAt: '2036-01-01T00:00:00Z' }, 400, 'timestamp_in_future', 'generatedAt'],
    [{ generatedAt: '1999-01-01T00:00:00Z' }, 400, 'body_invalid', 'generatedAt'],
    [{ report: null }, 400, 'body_invalid', 'report'],
    [{ repository: 'acme/<user>-api' }, 400, 'body_invalid', 'repository'],
    [{ repository: null }, 400, 'body_invalid', 'repository'],
    [{ ciContext: { provider: 'jenkins' } }, 400, 'body_invalid', 'ciContext.provider'],
  ] as const)('with %j is %i %s', async (over, status, code, field) => {
    const answer = await post({ ...scanOfSpec({ repository: 'acme/refused' }), ...over });
    expect([answer.statusCode, answer.json<Refusal>().error.code, answer.json<Refusal>().error.field]).toEqual([
      status,
      code,
      field,
    ]);
    expect(await facts('scan', 'acme/refused')).toEqual([]);
  });

  it('whose counts do not add up is refused by name', async () => {
    const { report } = scanOfSpec();
    const wrong = await post(scanOfSpec({ report: { ...report, findings: { ...report.findings, total: 28 } } }));
    expect(wrong.json<Refusal>().error).toMatchObject({ field: 'report.findings' });
    const missing = await post(
      scanOfSpec({ report: { ...report, findings: { total: 29, critical: 1, medium: 8, low: 10, info: 3 } } }),
    );
    expect(missing.json<Refusal>().error).toMatchObject({
      field: 'report.findings.high',
      message: 'report.findings.high: expected a number, received nothing',
    });
    const damaged = await post(scanOfSpec({ report: { ...report, score: { grade: '<user>', numericScore: 66 } } }));
    expect(damaged.json<Refusal>().error).toMatchObject({ field: 'report.score.grade' });
    expect(damaged.body).not.toContain('<user>');
  });

  it('may leave out or null what AgentShield does when a check has not run', async () => {
    const { report } = scanOfSpec();
    const answer = await post({
      repository: 'acme/bare',
      bundleDigest: `sha256:${'b'.repeat(64)}`,
      expectedBundleDigest: null,
      generatedAt: '2026-06-21T17:42:00.000Z',
      redacted: true,
      report: { ...report, runtimeConfidence: {} },
      policy: { status: 'not-run' },
      baseline: { status: 'unknown' },
      supplyChain: null,
      ciContext: null,
      remediation: null,
      ok: true,
      errors: [],
      outputDir: '/home/somebody/pack',
      targetPath: '<target-path>',
      artifactCount: 10,
      verifiedArtifactCount: 9,
      verification: { ok: true, outputDir: '/home/somebody/pack', artifacts: [] },
      novelty: 1,
    });
    expect(answer.statusCode, answer.body).toBe(200);
    expect(answer.json<ScanAnswer>().warnings).toEqual([
      'novelty: unknown field, dropped',
      'filesScanned: not sent; a scan of an empty folder cannot be distinguished from one without findings',
    ]);
    expect(await facts('scan', 'acme/bare')).toMatchObject([
      { policy_status: 'not-run', packages_total: null, provider: 'local', artifact_count: 10, integrity: 'mismatch' },
    ]);
  });

  it('with another digest than expected is a mismatch, one that contradicts its plan is suspect, and both are invalid in the fleet', async () => {
    const mismatch = (
      await post(scanOfSpec({ repository: 'acme/mismatch', expectedBundleDigest: `sha256:${'0'.repeat(64)}` }))
    ).json<ScanAnswer>();
    const forged = (
      await post(
        scanOfSpec({
          repository: 'acme/forged',
          remediation: { totalFindings: 117, autoFixable: 0, manualReview: 117 },
        }),
      )
    ).json<ScanAnswer>();
    expect([mismatch.integrity, forged.integrity]).toEqual(['mismatch', 'suspect']);
    const fleet = await get<Fleet>('/v1/org/org_a/fleet');
    const route = (repository: string): string | undefined =>
      fleet.entries.find((entry) => entry.repository === repository)?.route;
    expect([route('acme/mismatch'), route('acme/forged')]).toEqual(['invalid', 'invalid']);
    expect(fleet.operatorReadback.status).toBe('invalid-evidence');
    // The same in the facts from which the series are computed.
    expect(
      (await facts('scan', 'acme/mismatch'))
        .concat(await facts('scan', 'acme/forged'))
        .map((scan) => scan['integrity']),
    ).toEqual(['mismatch', 'suspect']);
  });

  it('of no packages has a supply chain of 0, and one whose check did not run has none', async () => {
    const supplyChain = { totalPackages: 0, riskyPackages: 0, criticalCount: 0, highCount: 0 };
    const of = async (repository: string, chain: object | null): Promise<unknown> => {
      expect((await post(scanOfSpec({ repository, supplyChain: chain }))).statusCode).toBe(200);
      return (await get<Posture>(`/v1/repo/${encodeURIComponent(repository)}/posture?to=2026-06-22T00:00:00Z`))
        .latestScan?.supplyChain;
    };
    expect([await of('acme/no-packages', supplyChain), await of('acme/no-check', null)]).toEqual([supplyChain, null]);
  });

  it.each([
    [{ ok: false }, 'suspect'],
    [{ errors: ['ci-context.json could not be summarised'] }, 'suspect'],
    [{ artifactCount: 10, verifiedArtifactCount: 8 }, 'mismatch'],
    [{ verification: { ok: false, artifacts: [], errors: [] } }, 'mismatch'],
    [{ verification: { ok: true, artifacts: [{ file: 'README.md', ok: false }], errors: [] } }, 'mismatch'],
    [
      {
        ok: true,
        verification: {
          ok: true,
          artifacts: [{ file: 'README.md', ok: true, expectedSha256: 'a', actualSha256: 'b' }],
          errors: [],
        },
      },
      'mismatch',
    ],
  ])(
    'whose inspection says %j is %s in the answer, the fact, posture, the fleet and the audit trail',
    async (over, integrity) => {
      integrityCases += 1;
      const repository = `acme/integrity-${String(integrityCases)}`;
      const answer = (await post(scanOfSpec({ repository, ...over }))).json<ScanAnswer>();
      expect([answer.integrity, (await facts('scan', repository))[0]?.['integrity']]).toEqual([integrity, integrity]);
      expect(
        (await get<Posture>(`/v1/repo/${encodeURIComponent(repository)}/posture?to=2026-06-22T00:00:00Z`)).latestScan,
      ).toMatchObject({ ok: false, integrity, errors: [expect.any(String)] });
      expect(
        (await get<Fleet>('/v1/org/org_a/fleet')).entries.find((entry) => entry.repository === repository),
      ).toMatchObject({ ok: false, route: 'invalid' });
      const audit = await get<{ entries: { record: string }[] }>('/v1/audit?limit=1000', gateway.adminToken);
      expect(audit.entries.map(({ record }) => JSON.parse(record) as object)).toContainEqual(
        expect.objectContaining({ action: `scan.${integrity}`, subject: answer.scanId }),
      );
    },
  );

  it('with a breakdown has it, 0 included', async () => {
    const { report } = scanOfSpec();
    const breakdown = { secrets: 0, permissions: 100, hooks: 100, mcp: 100, agents: 30 };
    expect(
      (
        await post(
          scanOfSpec({ repository: 'acme/parts', report: { ...report, score: { ...report.score, breakdown } } }),
        )
      ).statusCode,
    ).toBe(200);
    expect(await facts('scan', 'acme/parts')).toMatchObject([{ score_secrets: 0, score_agents: 30 }]);
    expect((await get<Posture>('/v1/repo/acme%2Fparts/posture?to=2026-06-22T00:00:00Z')).latestScan?.breakdown).toEqual(
      breakdown,
    );
  });

  it('of a token that is bound goes to its repository, and to no other', async () => {
    const { token } = await mintToken(gateway.postgres, {
      orgId: 'org_a',
      name: 'b',
      scopes: ['ingest:scan'],
      repository: 'acme/bound',
    });
    const body: Record<string, unknown> = scanOfSpec();
    expect((await post(body, token)).json<Refusal>().error.code).toBe('repository_not_allowed');
    delete body['repository'];
    expect((await post(body, token)).statusCode).toBe(200);
    expect(await facts('scan', 'acme/bound')).toHaveLength(1);
  });
});

describe('the rows of a scan', () => {
  it.each([
    'mcp-x|.mcp.json|sha256:AAAA',
    'mcp-y|.mcp.json|sha256:aaaaaaaaaaaaaaaa',
    'mcp-x|other.json|sha256:aaaaaaaaaaaaaaaa',
    'anything',
  ])('refuse a key that is not made of its own id, file and an evidence hash: %s', async (findingKey) => {
    const report = {
      score: { grade: 'F', numericScore: 10 },
      findings: { total: 1, critical: 1, high: 0, medium: 0, low: 0, info: 0 },
    };
    const findings = [
      { id: 'mcp-x-12', severity: 'critical', category: 'mcp', title: 't', file: '.mcp.json', findingKey },
    ];
    const answer = await post(scanOfSpec({ repository: 'acme/keys', report, findings, remediation: null }));
    expect([answer.statusCode, answer.json<Refusal>().error.field]).toEqual([400, 'findings[0].findingKey']);
  });

  const secret = ['ghp', 'FAKEfakeFAKEfake00'].join('_');
  const row = {
    severity: 'critical',
    category: 'mcp',
    title: `Token ${secret} in env`,
    file: '<target-path>/.mcp.json',
    hasEvidence: true,
  } as const;
  const findings = [
    {
      ...row,
      id: 'mcp-x-12',
      fingerprint: 'mcp-x-12::.mcp.json::sha256:aaaaaaaaaaaaaaaa',
      fix: { description: 'd', auto: false },
      recommendedCommand: 'c',
    },
    { ...row, id: 'mcp-x-99', fingerprint: 'mcp-x-99::.mcp.json::sha256:aaaaaaaaaaaaaaaa' },
    { ...row, id: 'mcp-db-conn-3', fingerprint: 'mcp-db-conn-3::.mcp.json::sha256:bbbbbbbbbbbbbbbb' },
  ];

  it('become findings with our key, scrubbed, and no hash of what may be a password', async () => {
    const report = {
      score: { grade: 'F', numericScore: 10 },
      findings: { total: 3, critical: 3, high: 0, medium: 0, low: 0, info: 0 },
    };
    const answer = await post(
      scanOfSpec({ repository: 'acme/rows', report, findings, remediation: null, filesScanned: 2 }),
    );
    expect(answer.statusCode, answer.body).toBe(200);
    const stored = await facts('finding', 'acme/rows');
    expect(stored.map((each) => [each.finding_key, each.occurrence]).sort()).toEqual([
      ['mcp-db-conn|.mcp.json|sha256:withheld', 1],
      // Two offsets of one finding have one key, counted twice.
      ['mcp-x|.mcp.json|sha256:aaaaaaaaaaaaaaaa', 1],
      ['mcp-x|.mcp.json|sha256:aaaaaaaaaaaaaaaa', 2],
    ]);
    expect(JSON.stringify(stored)).not.toContain(secret);
    expect(stored[0]?.title).toBe('Token [REDACTED:github-token] in env');
  });
});
