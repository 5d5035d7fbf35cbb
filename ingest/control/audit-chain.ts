import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';

/** One entry of an organisation's audit trail, as it is stored and exported. */
export interface AuditEntry {
  /** 1, 2, 3 and so on within the organisation. */
  seq: number;
  /** JSON of {@link AuditRecord}, byte for byte what was hashed. */
  record: string;
  /** Hex of the entry before; of the first one {@link GENESIS}. */
  previousHash: string;
  hash: string;
  /** Ed25519 over the head that this entry is, base64. */
  signature: string;
}

/** What happened, in words that hold no secret. */
export interface AuditRecord {
  seq: number;
  orgId: string;
  /** ISO 8601, UTC. */
  at: string;
  actor: string;
  /** `token.mint`, `member.role`, `review_item.approve`, `access.denied` and so on. */
  action: string;
  subject: string;
  detail: Readonly<Record<string, string | number | boolean | null>>;
}

/** A head that was published outside of the database: without one, a trail cut short looks whole. */
export interface AuditHead {
  orgId: string;
  seq: number;
  hash: string;
  signature: string;
}

/** The hash before the first entry. */
export const GENESIS = '0'.repeat(64);

/** The entry that follows `previousHash`. */
export function chainEntry(record: AuditRecord, previousHash: string, key: KeyObject): AuditEntry {
  const text = JSON.stringify(record);
  const hash = hashOf(previousHash, text);
  return {
    seq: record.seq,
    record: text,
    previousHash,
    hash,
    signature: sign(null, headBytes(record.orgId, record.seq, hash), key).toString('base64'),
  };
}

export type AuditVerdict =
  | { ok: true; entries: number; head: string }
  /** `seq`: the first entry that is not what was written. */
  | { ok: false; entries: number; seq: number; problem: string };

/**
 * Checks a trail in the order in which it is stored, and against published heads: an edit, an entry that was
 * dropped, added or swapped, a trail that was cut short, and one that was written anew.
 */
export function verifyChain(orgId: string, entries: readonly AuditEntry[], heads: readonly AuditHead[], publicKey: KeyObject): AuditVerdict {
  const bad = (seq: number, problem: string): AuditVerdict => ({ ok: false, entries: entries.length, seq, problem });
  const published = new Map(heads.filter((head) => head.orgId === orgId && isSigned(head, publicKey)).map((head) => [head.seq, head]));
  let previousHash = GENESIS;
  for (const [index, entry] of entries.entries()) {
    const seq = index + 1;
    if (entry.seq !== seq) return bad(seq, `entry ${String(seq)} is missing or out of place`);
    if (entry.previousHash !== previousHash) return bad(seq, 'it does not follow the entry before it');
    if (entry.hash !== hashOf(previousHash, entry.record)) return bad(seq, 'its content was changed');
    if (!isSigned({ orgId, seq, hash: entry.hash, signature: entry.signature }, publicKey)) return bad(seq, 'its signature is not of this key');
    const head = published.get(seq);
    if (head !== undefined && head.hash !== entry.hash) return bad(seq, 'another entry was published in its place: the trail was forked');
    previousHash = entry.hash;
  }
  const last = Math.max(0, ...published.keys());
  if (last > entries.length) return bad(entries.length + 1, `the trail was cut short: entry ${String(last)} was published`);
  return { ok: true, entries: entries.length, head: previousHash };
}

/** The public half of a signing key, PEM. */
export function publicKeyOf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

function isSigned({ orgId, seq, hash, signature }: AuditHead, publicKey: KeyObject): boolean {
  return verify(null, headBytes(orgId, seq, hash), publicKey, Buffer.from(signature, 'base64'));
}

const headBytes = (orgId: string, seq: number, hash: string): Buffer => Buffer.from(`shieldwatch audit head\n${orgId}\n${String(seq)}\n${hash}`);

/** Length before content: two records cannot be read as one longer one. */
function hashOf(previousHash: string, record: string): string {
  const bytes = Buffer.from(record);
  return createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(`${String(bytes.length)}:`).update(bytes).digest('hex');
}
