import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { scanAnswer, scanBody, scanEcho, type ScanEcho } from '#schemas/http/ingest-scan.js';
import type { Integrity } from '#schemas/records/enums.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import type { ControlPlane } from '../control/control-plane.js';
import { scanIdOf } from '#schemas/records/ids.js';
import type { Repositories, Repository } from '../repositories.js';
import type { ScanReport } from '../scan/read-scan.js';
import type { TelemetrySink } from '../telemetry/sink.js';
import { sendReport, receiveReport } from './receive-report.js';

const MAX_BODY_BYTES = 8 * 1024 * 1024;

const SPEC = {
  id: 'ingestScan',
  method: 'POST',
  url: '/v1/ingest/scan',
  tag: 'ingest',
  summary: "Send a scan: AgentShield's inspection of an evidence pack",
  description:
    'Idempotent by bundle digest: a known one is answered with 409 and the id of its first scan. Fields with raw evidence are rejected by name.',
  scopes: ['ingest:scan'],
  role: 'member',
  isReport: true,
  bodyLimit: MAX_BODY_BYTES,
  body: scanBody,
  response: scanAnswer,
  otherResponses: { 409: scanEcho },
} as const satisfies RouteSpec;

interface Receipt {
  scan_id: string;
  integrity: Integrity;
  ingested_at: Date | string;
}

/** Adds `POST /v1/ingest/scan` (`ingest/CONTRACT.md` 4.1). */
export function ingestScanRoute(
  app: FastifyInstance,
  options: { sink: TelemetrySink; repositories: Repositories; plane: ControlPlane; onScan: () => void },
): void {
  const { sink, repositories, plane, onScan } = options;
  addRoute(app, SPEC, async ({ caller, request, reply }) => {
    const { report, repository } = await receiveReport(request, 'scan', repositories);

    const known = await findReceipt(plane, caller, repository, report.bundleDigest);
    if (known !== undefined) return reply.code(409).send(echoOf(known, repository));
    await sendReport(sink, report, request);
    const { receipt, isFirst } = await storeReceipt(plane, caller, repository, report);
    if (!isFirst) return reply.code(409).send(echoOf(receipt, repository));
    onScan();
    return {
      ok: true as const,
      scanId: receipt.scan_id,
      repoId: repository.id,
      ingestedAt: new Date(receipt.ingested_at).toISOString(),
      integrity: receipt.integrity,
      deduped: false as const,
      rollupsUpdated: [
        'score_trend',
        'drift_history',
        'secret_exposure_events',
        'cross_repo_org_rollup',
        ...(report.hasInjection ? ['injection_attempt_rate'] : []),
      ],
      ...(report.warnings.length === 0 ? {} : { warnings: [...report.warnings] }),
    };
  });
}

async function findReceipt(
  plane: ControlPlane,
  { orgId }: Caller,
  { id }: Repository,
  digest: string,
): Promise<Receipt | undefined> {
  const [row] = await plane.read(orgId, (tx) =>
    tx.query<Receipt & Record<string, unknown>>(
      'SELECT scan_id, integrity, ingested_at FROM scan_receipt WHERE repo_id = $1 AND bundle_digest = $2',
      [id, digest],
    ),
  );
  return row;
}

/**
 * Stores the receipt after the scan: after a crash in between the client repeats the request, and the facts
 * deduplicate.
 */
async function storeReceipt(
  plane: ControlPlane,
  caller: Caller,
  repository: Repository,
  { bundleDigest, generatedAt, integrity }: ScanReport,
): Promise<{ receipt: Receipt; isFirst: boolean }> {
  const scanId = scanIdOf(caller.orgId, repository.fullName, bundleDigest);
  return plane.change(caller, async (tx) => {
    const [added] = await tx.query<Receipt & Record<string, unknown>>(
      `INSERT INTO scan_receipt (org_id, repo_id, bundle_digest, scan_id, integrity, generated_at)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING scan_id, integrity, ingested_at`,
      [caller.orgId, repository.id, bundleDigest, scanId, integrity, generatedAt],
    );
    if (added !== undefined) {
      if (integrity !== 'ok') {
        await tx.record({
          action: `scan.${integrity}`,
          subject: scanId,
          detail: { repository: repository.fullName, bundleDigest },
          fact: { kind: 'scan_integrity', state: integrity, repository: repository.fullName },
        });
      }
      return { receipt: added, isFirst: true };
    }
    const [first] = await tx.query<Receipt & Record<string, unknown>>(
      'SELECT scan_id, integrity, ingested_at FROM scan_receipt WHERE repo_id = $1 AND bundle_digest = $2',
      [repository.id, bundleDigest],
    );
    if (first === undefined) throw new ShieldwatchError('conflict', 'the repository was removed meanwhile');
    return { receipt: first, isFirst: false };
  });
}

function echoOf(receipt: Receipt, repository: Repository): ScanEcho {
  return {
    ok: false,
    scanId: receipt.scan_id,
    repoId: repository.id,
    ingestedAt: new Date(receipt.ingested_at).toISOString(),
    integrity: receipt.integrity,
    deduped: true,
    rollupsUpdated: [],
    error: {
      code: 'already_ingested',
      message: 'this bundle digest is already stored for this repository',
    },
  };
}
