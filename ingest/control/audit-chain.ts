import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** One entry of an organisation's audit trail, as stored and exported. */
export interface AuditEntry {
  /** Sequence number within the organisation, from 1. */
  seq: number;
  /** JSON of {@link AuditRecord}, exactly the bytes that were hashed. */
  record: string;
  /** Hash of the previous entry in hex; {@link GENESIS} for the first. */
  previousHash: string;
  hash: string;
  /** Ed25519 signature over this entry's head, base64. */
  signature: string;
}

/** Content of an entry. It holds no secret. */
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

/** A head published outside of the database. Without one, a truncated trail looks complete. */
export interface AuditHead {
  orgId: string;
  seq: number;
  hash: string;
  signature: string;
}

/** `previousHash` of the first entry. */
export const GENESIS = '0'.repeat(64);

/** Creates the signed entry that follows `previousHash`. */
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
  /** The trail is valid; `unchecked` lists what could not be checked. */
  | { ok: true; entries: number; head: string; unchecked: string[] }
  /** `seq` is the first invalid entry, `entries` the number of entries read. */
  | { ok: false; entries: number; seq: number; problem: string };

/** What a trail is verified against. */
export interface TrailExpectation {
  orgId: string;
  publicKey: KeyObject;
  /** Heads published outside of the database, of any organisation and in any order. */
  heads: AsyncIterable<AuditHead> | Iterable<AuditHead>;
  /** Number and hash of an entry that a trusted person noted. */
  noted?: { count: number; head: string } | undefined;
  /** Checks only the last signature, which covers the earlier entries through their hashes. */
  isQuick?: boolean;
}

/** Number of signatures checked concurrently, on libuv's thread pool, so that the event loop is not blocked. */
const CONCURRENCY = 64;
const HASH_BYTES = 32;
const HASH = /^[0-9a-f]{64}$/;

/**
 * Verifies a trail in stored order, against its own chain and against published heads. Detects edited, deleted, added
 * and reordered entries, truncation, and a rewritten trail. Holds 32 bytes per entry in memory and yields to the event
 * loop.
 */
export async function verifyTrail(
  entries: AsyncIterable<unknown> | Iterable<unknown>,
  expectation: TrailExpectation,
): Promise<AuditVerdict> {
  const { orgId, publicKey, isQuick = false } = expectation;
  let hashes = Buffer.alloc(1_024 * HASH_BYTES);
  let count = 0;
  let previousHash = GENESIS;
  let last: AuditHead | undefined;
  let unsigned: AuditHead[] = [];
  const bad = (seq: number, problem: string): AuditVerdict => ({ ok: false, entries: count, seq, problem });
  const checkSignatures = async (): Promise<AuditVerdict | undefined> => {
    const heads = unsigned;
    unsigned = [];
    const checked = await Promise.all(heads.map((head) => isSigned(head, publicKey)));
    const wrong = heads[checked.indexOf(false)];
    return wrong === undefined ? undefined : bad(wrong.seq, 'its signature was not made with this key');
  };

  const hashAt = (seq: number): string =>
    seq === 0 ? GENESIS : hashes.toString('hex', (seq - 1) * HASH_BYTES, seq * HASH_BYTES);
  const known = (): ReturnType<typeof compareHeads> => compareHeads(expectation, count, hashAt);
  const forked = (at: number | undefined): AuditVerdict | undefined =>
    at === undefined ? undefined : bad(at, 'another entry was published in its place: the trail was forked');
  const firstFork = async (): Promise<AuditVerdict | undefined> => forked((await known()).forkedAt);

  for await (const each of entries) {
    const seq = count + 1;
    const problem = problemOf(each, { orgId, seq, previousHash });
    // Report problems of earlier entries first.
    if (problem !== undefined) return (await checkSignatures()) ?? (await firstFork()) ?? bad(seq, problem);
    const { hash, signature } = each as AuditEntry;
    count = seq;
    if (hashes.length < count * HASH_BYTES) hashes = Buffer.concat([hashes, Buffer.alloc(hashes.length)]);
    hashes.write(hash, (count - 1) * HASH_BYTES, 'hex');
    previousHash = hash;
    last = { orgId, seq, hash, signature };
    if (isQuick) unsigned = [last];
    else unsigned.push(last);
    if (isQuick ? count % 1_000 === 0 : unsigned.length >= CONCURRENCY) {
      if (isQuick) await nextTurn();
      const wrong = isQuick ? undefined : await checkSignatures();
      if (wrong !== undefined) return wrong;
    }
  }
  const wrong = await checkSignatures();
  if (wrong !== undefined) return wrong;

  const { newest, forkedAt } = await known();
  const fork = forked(forkedAt);
  if (fork !== undefined) return fork;
  if (newest > count) return bad(count + 1, `the trail is truncated: entry ${String(newest)} was published`);
  return { ok: true, entries: count, head: previousHash, unchecked: uncheckedOf(count, newest, isQuick) };
}

function uncheckedOf(count: number, newest: number, isQuick: boolean): string[] {
  const isUnknown = newest < 0;
  return [
    ...(isUnknown ? ['truncation and rewriting: no published or noted head of this organisation is known'] : []),
    ...(!isUnknown && newest < count
      ? [`truncation after entry ${String(count)}: the newest known head is of entry ${String(newest)}`]
      : []),
    ...(isQuick && count > 1 ? ['the signatures of the entries before the last'] : []),
  ];
}

/** Returns what is wrong with an entry and its position; undefined when only its signature remains to be checked. */
function problemOf(entry: unknown, expected: { orgId: string; seq: number; previousHash: string }): string | undefined {
  if (!isEntry(entry)) return 'it is not an audit entry';
  if (entry.seq !== expected.seq) return `entry ${String(expected.seq)} is missing or out of place`;
  if (entry.previousHash !== expected.previousHash) return 'it does not follow the entry before it';
  if (entry.hash !== hashOf(expected.previousHash, entry.record)) return 'its content was changed';
  const record = recordOf(entry.record);
  if (record?.orgId !== expected.orgId) return 'it belongs to another organisation';
  return record.seq === expected.seq ? undefined : 'its number differs from its position';
}

function isEntry(value: unknown): value is AuditEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, record, previousHash, hash, signature } = value as Partial<Record<keyof AuditEntry, unknown>>;
  return (
    typeof seq === 'number' &&
    typeof record === 'string' &&
    typeof previousHash === 'string' &&
    typeof hash === 'string' &&
    HASH.test(hash) &&
    typeof signature === 'string'
  );
}

function recordOf(text: string): { orgId?: unknown; seq?: unknown } | undefined {
  try {
    return JSON.parse(text) as { orgId?: unknown; seq?: unknown };
  } catch {
    return undefined;
  }
}

/**
 * Returns the newest entry known from published heads (-1 for none), and the first that differs from its published
 * head.
 */
async function compareHeads(
  { orgId, publicKey, heads, noted }: TrailExpectation,
  count: number,
  hashAt: (seq: number) => string,
): Promise<{ newest: number; forkedAt?: number }> {
  let newest = -1;
  let forkedAt = Infinity;
  const take = (seq: number, hash: string): void => {
    if (seq <= count && hash !== hashAt(seq)) forkedAt = Math.min(forkedAt, seq);
    newest = Math.max(newest, seq);
  };
  if (noted !== undefined) take(noted.count, noted.head);
  let looked = 0;
  for await (const head of heads) {
    looked += 1;
    if (looked % 10_000 === 0) await nextTurn();
    if (
      head.orgId !== orgId ||
      !Number.isSafeInteger(head.seq) ||
      head.seq < 1 ||
      typeof head.hash !== 'string' ||
      typeof head.signature !== 'string'
    )
      continue;
    // A head that equals the trail's own entry needs no check: the entry's signature is checked.
    if ((head.seq <= count && head.hash === hashAt(head.seq)) || (await isSigned(head, publicKey)))
      take(head.seq, head.hash);
  }
  return { newest, ...(forkedAt === Infinity ? {} : { forkedAt }) };
}

/** Returns the public half of a signing key. */
export function publicKeyOf(key: KeyObject): KeyObject {
  return createPublicKey(key);
}

function isSigned({ orgId, seq, hash, signature }: AuditHead, publicKey: KeyObject): Promise<boolean> {
  const bytes = Buffer.from(signature, 'base64');
  // Base64 has several spellings of the same bytes; accept only the one that was stored.
  if (bytes.toString('base64') !== signature) return Promise.resolve(false);
  return new Promise((resolve) => {
    verify(null, headBytes(orgId, seq, hash), publicKey, bytes, (error, isValid) => {
      resolve(error === null && isValid);
    });
  });
}

const headBytes = (orgId: string, seq: number, hash: string): Buffer =>
  Buffer.from(`shieldwatch audit head\n${orgId}\n${String(seq)}\n${hash}`);

/** Hashes with length prefixes, so that two fields cannot be read as one longer field. */
function hashOf(previousHash: string, record: string): string {
  const bytes = Buffer.from(record);
  return createHash('sha256')
    .update(Buffer.from(previousHash, 'hex'))
    .update(`${String(bytes.length)}:`)
    .update(bytes)
    .digest('hex');
}
