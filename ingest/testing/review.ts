import { scanOfSpec } from './bodies.js';
import { jsonHeaders, type TestGateway } from './gateway.js';

/** Sends a scan with a failed policy and returns the review item that requests approval. */
export async function policyItemOf(
  { app, ingestToken, readToken }: TestGateway,
  repository: string,
): Promise<{ id: string; approvalId: string }> {
  const report = {
    score: { grade: 'B', numericScore: 85 },
    findings: { total: 0, critical: 0, high: 0, medium: 0, low: 0, info: 0 },
  };
  const scan = scanOfSpec({
    repository,
    report,
    baseline: null,
    supplyChain: null,
    remediation: null,
    filesScanned: 3,
  });
  const sent = await app.inject({
    method: 'POST',
    url: '/v1/ingest/scan',
    payload: JSON.stringify(scan),
    headers: jsonHeaders(ingestToken),
  });
  if (sent.statusCode !== 200) throw new Error(sent.body);
  const answer = await app.inject({
    url: `/v1/repo/${encodeURIComponent(repository)}/review-items`,
    headers: { authorization: `Bearer ${readToken}` },
  });
  const [item] = answer.json<{ id: string; approvalId: string; route: string }[]>();
  if (item?.route !== 'policy-review') throw new Error(`expected a policy review: ${answer.body}`);
  return item;
}
