import fc from 'fast-check';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  chainEntry,
  GENESIS,
  verifyTrail,
  type AuditEntry,
  type AuditHead,
  type AuditVerdict,
  type TrailExpectation,
} from './audit-chain.js';
import { auditFilesInMemory } from './audit-files.js';

const { key, publicKey } = auditFilesInMemory();
const ORG = 'org_a';
const LENGTH = 8;

function trail(length: number, over: { at?: string; orgId?: string; key?: typeof key } = {}): AuditEntry[] {
  const { at = '2026-11-24T00:00:00.000Z', orgId = ORG } = over;
  const entries: AuditEntry[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const record = {
      seq,
      orgId,
      at,
      actor: 'machine',
      action: 'token.mint',
      subject: `tok_${String(seq)}`,
      detail: {},
    };
    entries.push(chainEntry(record, entries.at(-1)?.hash ?? GENESIS, over.key ?? key));
  }
  return entries;
}

const headsOf = (entries: readonly AuditEntry[], orgId = ORG): AuditHead[] =>
  entries.map(({ seq, hash, signature }) => ({ orgId, seq, hash, signature }));
const whole = trail(LENGTH);
const other = trail(LENGTH, { at: '2026-11-25T00:00:00.000Z' });
const head = whole.at(-1)?.hash ?? '';
const verify = (entries: readonly unknown[], over: Partial<TrailExpectation> = {}): Promise<AuditVerdict> =>
  verifyTrail(entries, { orgId: ORG, publicKey, heads: headsOf(whole), ...over });
const at = (entries: readonly AuditEntry[], index: number): AuditEntry => {
  const entry = entries[index];
  if (entry === undefined) throw new Error('no such entry');
  return entry;
};
const flipped = (text: string, place: number): string => {
  const char = text.charAt(place % text.length);
  return text.slice(0, place % text.length) + (char === '0' ? '1' : '0') + text.slice((place % text.length) + 1);
};

describe('a trail', () => {
  it('that is unchanged verifies', async () => {
    expect(await verify(whole)).toEqual({ ok: true, entries: LENGTH, head, unchecked: [] });
  });

  it('names the first bad entry after any edit, drop, swap, cut and fork', async () => {
    const index = fc.integer({ min: 0, max: LENGTH - 1 });
    const fields = fc.constantFrom('seq', 'record', 'previousHash', 'hash', 'signature');
    await fc.assert(
      fc.asyncProperty(
        index,
        fc.constantFrom('flip', 'drop', 'swap', 'cut', 'cut head', 'fork', 'add', 'twice', 'shape'),
        fields,
        fc.nat(1_000),
        async (place, how, field, byte) => {
          const next = Math.min(place + 1, LENGTH - 1);
          const broken: Readonly<Record<typeof how, () => unknown[]>> = {
            flip: () =>
              whole.map((each, i) =>
                i !== place
                  ? each
                  : field === 'seq'
                    ? { ...each, seq: each.seq + 1 }
                    : { ...each, [field]: flipped(each[field as 'record'], byte) },
              ),
            drop: () => whole.filter((_, i) => i !== place),
            swap: () => whole.map((each, i) => (i === place ? at(whole, next) : i === next ? at(whole, place) : each)),
            cut: () => whole.slice(0, place),
            'cut head': () => whole.slice(place),
            // Signed with the right key: its owner can rewrite history, but not what was published.
            fork: () => [...whole.slice(0, place), ...other.slice(place)],
            add: () => [...whole.slice(0, place), at(other, place), ...whole.slice(place)],
            twice: () => [...whole.slice(0, place + 1), ...whole.slice(place)],
            shape: () =>
              whole.map((each, i) =>
                i === place ? [null, 'text', {}, { ...each, hash: 7 }, undefined][byte % 5] : each,
              ),
          };
          const entries = broken[how]();
          if (JSON.stringify(entries) === JSON.stringify(whole)) return;
          const verdict = await verify(entries);
          expect(verdict.ok, `${how} of ${field} at ${String(place)}`).toBe(false);
          const first = how === 'cut head' ? 1 : how === 'twice' ? place + 2 : place + 1;
          if (!verdict.ok) expect([how, field, verdict.seq]).toEqual([how, field, first]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('of another organisation, of two organisations, given twice or of another key fails', async () => {
    const theirs = trail(3, { orgId: 'org_b' });
    expect(await verify(theirs)).toMatchObject({ ok: false, seq: 1, problem: 'it belongs to another organisation' });
    expect(await verify(theirs, { heads: headsOf(theirs, 'org_b') })).toMatchObject({ ok: false, seq: 1 });
    expect(await verify([...whole, ...theirs])).toMatchObject({ ok: false, seq: LENGTH + 1 });
    expect(await verify([...whole, ...whole])).toMatchObject({ ok: false, seq: LENGTH + 1 });
    // The same entries under another organisation's name, which is part of what is signed.
    expect(await verify(whole, { orgId: 'org_b', heads: [] })).toMatchObject({ ok: false, seq: 1 });
    const foreign = generateKeyPairSync('ed25519').privateKey;
    expect(await verify(trail(3, { key: foreign }), { heads: [] })).toMatchObject({
      ok: false,
      seq: 1,
      problem: 'its signature was not made with this key',
    });
    expect(
      await verify([...whole.slice(0, 4), ...trail(LENGTH, { key: foreign }).slice(4)], { heads: [] }),
    ).toMatchObject({ ok: false, seq: 5 });
  });

  it('that is empty verifies only when no entry is known', async () => {
    expect(await verify([])).toMatchObject({
      ok: false,
      seq: 1,
      problem: expect.stringContaining('truncated') as string,
    });
    expect(await verify([], { heads: [] })).toMatchObject({
      ok: true,
      entries: 0,
      unchecked: [expect.stringContaining('truncation') as string],
    });
    expect(await verify([], { heads: [], noted: { count: 0, head: GENESIS } })).toMatchObject({
      ok: true,
      unchecked: [],
    });
    expect(await verify([], { heads: [], noted: { count: 1, head } })).toMatchObject({ ok: false, seq: 1 });
  });

  it('without a known head reports that its end was not checked; a recorded head checks it', async () => {
    for (const entries of [whole, whole.slice(0, 5), other])
      expect(await verify(entries, { heads: [] })).toMatchObject({
        ok: true,
        unchecked: [expect.stringContaining('no published or noted head') as string],
      });
    expect(await verify(whole, { heads: headsOf(whole.slice(0, 5)) })).toMatchObject({
      ok: true,
      unchecked: [expect.stringContaining('entry 5') as string],
    });
    const noted = { count: LENGTH, head };
    expect(await verify(whole, { heads: [], noted })).toMatchObject({ ok: true, unchecked: [] });
    expect(await verify(whole.slice(0, 5), { heads: [], noted })).toMatchObject({ ok: false, seq: 6 });
    expect(await verify(other, { heads: [], noted })).toMatchObject({
      ok: false,
      seq: LENGTH,
      problem: expect.stringContaining('forked') as string,
    });
  });

  it('rejects a head of another key or organisation, or a malformed one', async () => {
    const foreign = generateKeyPairSync('ed25519').privateKey;
    const longer = headsOf(trail(20, { key: foreign }));
    const ofOthers = headsOf(trail(20, { orgId: 'org_b' }), 'org_b');
    const unsigned: AuditHead = {
      orgId: ORG,
      seq: 2 ** 52,
      hash: head,
      signature: sign(null, Buffer.from('x'), key).toString('base64'),
    };
    const formless = [
      {},
      { orgId: ORG },
      { orgId: ORG, seq: -1, hash: head, signature: '' },
      { orgId: ORG, seq: 'x', hash: 1, signature: null },
    ] as unknown as AuditHead[];
    expect(
      await verify(whole, { heads: [...headsOf(whole), ...longer, ...ofOthers, unsigned, ...formless] }),
    ).toMatchObject({ ok: true, unchecked: [] });
  });

  it('checked by its last signature only detects the same edits, and states what it skipped', async () => {
    expect(await verify(whole, { isQuick: true })).toMatchObject({
      ok: true,
      unchecked: [expect.stringContaining('signatures') as string],
    });
    const forged = whole.map((each, i) =>
      i === 3 ? { ...each, record: each.record.replace('token.mint', 'token.Mint') } : each,
    );
    expect(await verify(forged, { isQuick: true })).toMatchObject({ ok: false, seq: 4 });
    expect(
      await verify(trail(3, { key: generateKeyPairSync('ed25519').privateKey }), { heads: [], isQuick: true }),
    ).toMatchObject({ ok: false, seq: 3 });
  });
});

describe('a trail of 200,000 entries', () => {
  it('is read once, entry by entry, yielding to other work', async () => {
    const LONG = 200_000;
    // The head of every entry is published.
    const heads: AuditHead[] = [];
    let turns = 0;
    let turnsAtHalf = 0;
    const ticking = setInterval(() => (turns += 1), 0);
    function* reading(): Generator<AuditEntry> {
      let previousHash = GENESIS;
      for (let seq = 1; seq <= LONG; seq += 1) {
        const entry = chainEntry(
          {
            seq,
            orgId: ORG,
            at: '2026-11-24T00:00:00.000Z',
            actor: 'machine',
            action: 'token.mint',
            subject: 'tok',
            detail: {},
          },
          previousHash,
          key,
        );
        previousHash = entry.hash;
        if (seq === LONG / 2) turnsAtHalf = turns;
        heads.push({ orgId: ORG, seq, hash: entry.hash, signature: entry.signature });
        yield entry;
      }
    }
    const verdict = await verifyTrail(reading(), { orgId: ORG, publicKey, heads, isQuick: true });
    clearInterval(ticking);
    expect(verdict).toMatchObject({ ok: true, entries: LONG, unchecked: [expect.stringContaining('signatures')] });
    expect([heads.length, turnsAtHalf > 10, turns > turnsAtHalf + 10]).toEqual([LONG, true, true]);
  }, 120_000);
});
