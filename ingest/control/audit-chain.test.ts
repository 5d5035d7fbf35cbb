import fc from 'fast-check';
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { chainEntry, GENESIS, verifyChain, type AuditEntry, type AuditHead } from './audit-chain.js';
import { auditFilesInMemory } from './audit-files.js';

const { key, publicKey } = auditFilesInMemory();
const ORG = 'org_a';

function trail(length: number, at = '2026-11-24T00:00:00.000Z', signingKey = key): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const record = { seq, orgId: ORG, at, actor: 'machine', action: 'token.mint', subject: `tok_${String(seq)}`, detail: {} };
    entries.push(chainEntry(record, entries.at(-1)?.hash ?? GENESIS, signingKey));
  }
  return entries;
}

const headsOf = (entries: readonly AuditEntry[]): AuditHead[] => entries.map(({ seq, hash, signature }) => ({ orgId: ORG, seq, hash, signature }));
const whole = trail(8);
const verify = (entries: readonly AuditEntry[]) => verifyChain(ORG, entries, headsOf(whole), publicKey);

describe('a trail', () => {
  it('that nobody touched holds, also when it is empty and nothing was published', () => {
    expect(verify(whole)).toEqual({ ok: true, entries: 8, head: whole[7]?.hash });
    expect(verifyChain(ORG, [], [], publicKey)).toEqual({ ok: true, entries: 0, head: GENESIS });
  });

  it('tells the first bad entry of any edit, drop, swap, cut and fork', () => {
    const index = fc.integer({ min: 0, max: 7 });
    fc.assert(
      fc.property(index, fc.constantFrom('edit', 'drop', 'swap', 'cut', 'fork', 'add'), (at, how) => {
        const other = trail(8, '2026-11-25T00:00:00.000Z');
        const entry = (entries: readonly AuditEntry[], i: number): AuditEntry => entries[i] ?? whole[0] ?? other[0] ?? (() => { throw new Error('empty'); })();
        const next = Math.min(at + 1, 7);
        const broken = {
          edit: () => whole.map((each, i) => (i === at ? { ...each, record: each.record.replace('token.mint', 'token.Mint') } : each)),
          drop: () => whole.filter((_, i) => i !== at),
          swap: () => whole.map((each, i) => (i === at ? entry(whole, next) : i === next ? entry(whole, at) : each)),
          cut: () => whole.slice(0, at),
          // Signed by the right key: whoever holds it can write history anew, and not what was published.
          fork: () => [...whole.slice(0, at), ...other.slice(at)],
          add: () => [...whole.slice(0, at), entry(other, at), ...whole.slice(at)],
        }[how]();
        if (JSON.stringify(broken) === JSON.stringify(whole)) return;
        const verdict = verify(broken);
        expect(verdict.ok).toBe(false);
        if (!verdict.ok) expect(verdict.seq).toBe(at + 1);
      }),
      { numRuns: 300 },
    );
  });

  it('that was forked from its beginning by the right key is told by a published head, and by nothing else', () => {
    const other = trail(8, '2026-11-25T00:00:00.000Z');
    expect(verifyChain(ORG, other, [], publicKey).ok).toBe(true);
    expect(verify(other)).toMatchObject({ ok: false, seq: 1, problem: expect.stringContaining('forked') as string });
  });

  it('that another key signed does not hold, and heads of another key or organisation are no heads', () => {
    const foreign = generateKeyPairSync('ed25519').privateKey;
    expect(verify(trail(3, '2026-11-24T00:00:00.000Z', foreign))).toMatchObject({ ok: false, seq: 1 });
    const longer = headsOf(trail(20, '2026-11-24T00:00:00.000Z', foreign));
    expect(verifyChain(ORG, whole, [...headsOf(whole), ...longer], publicKey).ok).toBe(true);
    expect(verifyChain('org_b', whole, headsOf(whole), publicKey).ok).toBe(false);
  });
});
