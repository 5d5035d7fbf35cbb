import { createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { verifyTrail, type AuditEntry, type AuditHead } from '#ingest/control/audit-chain.js';
import { readLines } from '#ingest/control/audit-files.js';
import { contentOf, type BackupFolder } from './folder.js';
import type { Manifest } from './format.js';

/** What the audit trails of a backup are: lines of problems, and of what could not be checked. */
export interface TrailFindings {
  readonly problems: readonly string[];
  readonly unchecked: readonly string[];
}

/** Verifies the audit trail of each organisation, against the public key and the published heads that the backup holds. */
export async function verifyTrails(folder: BackupFolder, manifest: Manifest): Promise<TrailFindings> {
  const file = (store: string, table: string) =>
    manifest.files.find((each) => each.store === store && each.table === table);
  const entries = file('postgres', 'audit_entry');
  const pub = file('folder', 'audit-key-pub');
  const heads = file('folder', 'audit-heads');
  if (entries === undefined) return { problems: ['the table audit_entry is missing'], unchecked: [] };
  if (pub === undefined)
    return { problems: [], unchecked: ['signatures of the audit trail: the backup holds no public key of it'] };
  const publicKey = createPublicKey(await text(contentOf(folder, pub)));
  const problems: string[] = [];
  const unchecked: string[] = [];
  const ends = new Map<string, string>();
  for await (const { orgId, trail } of trailsOf(contentOf(folder, entries))) {
    const verdict = await verifyTrail(trail, {
      orgId,
      publicKey,
      heads: heads === undefined ? [] : headsOf(folder, heads),
    });
    if (verdict.ok) {
      ends.set(orgId, verdict.head);
      unchecked.push(...verdict.unchecked.map((what) => `audit trail of ${orgId}: ${what}`));
    } else problems.push(`audit trail of ${orgId}: entry ${verdict.seq}: ${verdict.problem}`);
  }
  for (const { id, head } of manifest.orgs)
    if (head !== '' && ends.get(id) !== head && !problems.some((line) => line.includes(` ${id}: `)))
      problems.push(`audit trail of ${id}: its last entry is not the manifest's`);
  return { problems, unchecked };
}

async function* headsOf(folder: BackupFolder, file: Manifest['files'][number]): AsyncGenerator<AuditHead> {
  for await (const value of readLines(contentOf(folder, file)))
    if (typeof value === 'object' && value !== null) yield value as AuditHead;
}

/** Splits rows of `audit_entry`, ordered by organisation and number, into one trail for each organisation. */
async function* trailsOf(rows: Readable): AsyncGenerator<{ orgId: string; trail: AsyncIterable<AuditEntry> }> {
  const lines = createInterface({ input: rows, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const next = async (): Promise<(AuditEntry & { orgId: string }) | undefined> => {
    const line: IteratorResult<string, unknown> = await lines.next();
    if (line.done === true) return undefined;
    const row = JSON.parse(line.value) as Record<string, unknown>;
    return {
      orgId: String(row['org_id']),
      seq: Number(row['seq']),
      record: String(row['record']),
      previousHash: String(row['previous_hash']),
      hash: String(row['hash']),
      signature: String(row['signature']),
    };
  };
  let row = await next();
  while (row !== undefined) {
    const { orgId } = row;
    yield {
      orgId,
      trail: {
        async *[Symbol.asyncIterator]() {
          for (; row?.orgId === orgId; row = await next()) yield row;
        },
      },
    };
    // A trail that was given up at a wrong entry.
    while (row?.orgId === orgId) row = await next();
  }
}
