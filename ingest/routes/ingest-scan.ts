import type { FastifyInstance } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { scanAnswer, scanBody, scanEcho, type ScanBody, type ScanEcho } from '#schemas/http/ingest-scan.js';
import type { Integrity } from '#schemas/records/enums.js';
import { filesScannedOf, integrityOfBody, scanOfBody } from '#schemas/records/scan-body.js';
import { redactText } from '#schemas/redaction.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import type { Caller } from '../auth/caller.js';
import { checkTime } from '../body/check-time.js';
import { chooseRepository } from '../choose-repository.js';
import type { ControlPlane } from '../control/control-plane.js';
import { scanIdOf } from '../fleet/entry.js';
import type { Repositories, Repository } from '../repositories.js';
import { sendScan } from '../scan/send-scan.js';
import type { TelemetrySink } from '../telemetry/sink.js';

const MAX_BODY_BYTES = 8 * 1024 * 1024;

const SPEC = {
  id: 'ingestScan',
  method: 'POST',
  url: '/v1/ingest/scan',
  tag: 'ingest',
  summary: "Send a scan: AgentShield's inspection of an evidence pack",
  description: 'Idempotent by bundle digest: a known one is answered with 409 and the id of its first scan. Raw evidence is refused by name.',
  scopes: ['ingest:scan'],
  role: 'member',
  isTolerant: true,
  bodyLimit: MAX_BODY_BYTES,
  body: scanBody,
  before: needRedacted,
  response: scanAnswer,
  otherResponses: { 409: scanEcho },
} as const satisfies RouteSpec;

interface Receipt {
  scan_id: string;
  integrity: Integrity;
  ingested_at: Date | string;
}

/** `POST /v1/ingest/scan` (SPEC 4.1). */
export function ingestScanRoute(
  app: FastifyInstance,
  options: { sink: TelemetrySink; repositories: Repositories; plane: ControlPlane; onScan: () => void },
): void {
  const { sink, repositories, plane, onScan } = options;
  addRoute(app, SPEC, async ({ caller, body, warnings, reply }) => {
    checkTime(body.generatedAt, 'generatedAt');
    checkDigest(body.bundleDigest, 'bundleDigest');
    const repository = await repositories.ensure(caller, chooseRepository(body.repository, caller));

    const known = await findReceipt(plane, caller, repository, body.bundleDigest);
    if (known !== undefined) return reply.code(409).send(echoOf(known, repository));
    const scan = scanOfBody(body, repository.fullName);
    await sendScan(sink, scan, caller);
    const { receipt, isFirst } = await keepReceipt(plane, caller, repository, body);
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
        ...(scan.findings.some(({ category }) => category === 'injection') ? ['injection_attempt_rate'] : []),
      ],
      ...told([...warnings, ...unsaid(body)]),
    };
  });
}

/** @throws ShieldwatchError 422 unless the pack says that it was redacted. */
function needRedacted(input: unknown): void {
  const redacted = typeof input === 'object' && input !== null && !Array.isArray(input) && Object.hasOwn(input, 'redacted') ? (input as { redacted: unknown }).redacted : undefined;
  if (redacted === true) return;
  throw new ShieldwatchError('not_redacted', 'redacted: expected true; an evidence pack that is not redacted is not taken', {
    field: 'redacted',
    expected: 'true',
  });
}

/** A digest is an identity: masking a secret in it would make two scans one. */
function checkDigest(digest: string, field: string): void {
  if (redactText(digest) === digest) return;
  throw new ShieldwatchError('body_invalid', `${field} looks like a secret`, { field, expected: 'a digest' });
}

async function findReceipt(plane: ControlPlane, { orgId }: Caller, { id }: Repository, digest: string): Promise<Receipt | undefined> {
  const [row] = await plane.read(orgId, (tx) =>
    tx.query<Receipt & Record<string, unknown>>(
      'SELECT scan_id, integrity, ingested_at FROM scan_receipt WHERE repo_id = $1 AND bundle_digest = $2',
      [id, digest],
    ),
  );
  return row;
}

/** Kept once the scan is stored: a crash before that makes the client send it again, which folds. */
async function keepReceipt(plane: ControlPlane, caller: Caller, repository: Repository, body: ScanBody): Promise<{ receipt: Receipt; isFirst: boolean }> {
  const integrity = integrityOfBody(body);
  const scanId = scanIdOf(caller.orgId, repository.fullName, body.bundleDigest);
  return plane.change(caller, async (tx) => {
    const [added] = await tx.query<Receipt & Record<string, unknown>>(
      `INSERT INTO scan_receipt (org_id, repo_id, bundle_digest, scan_id, integrity, generated_at)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING scan_id, integrity, ingested_at`,
      [caller.orgId, repository.id, body.bundleDigest, scanId, integrity, new Date(body.generatedAt).toISOString()],
    );
    if (added !== undefined) {
      if (integrity !== 'ok') {
        await tx.record({
          action: `scan.${integrity}`,
          subject: scanId,
          detail: { repository: repository.fullName, bundleDigest: body.bundleDigest },
          fact: { kind: 'scan_integrity', state: integrity, repository: repository.fullName },
        });
      }
      return { receipt: added, isFirst: true };
    }
    const [first] = await tx.query<Receipt & Record<string, unknown>>(
      'SELECT scan_id, integrity, ingested_at FROM scan_receipt WHERE repo_id = $1 AND bundle_digest = $2',
      [repository.id, body.bundleDigest],
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
    error: { code: 'already_ingested', message: 'this bundle digest is known for this repository; its first scan stands' },
  };
}

/** What a reader of the series should know that the scan does not say. */
function unsaid(body: ScanBody): string[] {
  return filesScannedOf(body) === undefined ? ['filesScanned: not sent; a scan of an empty folder cannot be told from one that found nothing'] : [];
}

function told(warnings: readonly string[]): { warnings?: string[] } {
  return warnings.length === 0 ? {} : { warnings: [...warnings] };
}
