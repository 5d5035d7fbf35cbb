import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EvidencePack, PlanFinding } from './evidence-pack.js';
import { findingRecords } from './finding-records.js';

interface Sample {
  rule: string;
  offset: number;
  file: string;
  evidence: string | undefined;
}

const sample: fc.Arbitrary<Sample> = fc.record({
  rule: fc.constantFrom('secrets-api-key', 'hooks-injection', 'permissions-permissive-Bash(*)'),
  offset: fc.nat(500),
  file: fc.constantFrom('CLAUDE.md', '.mcp.json', 'agents/a.md'),
  evidence: fc.option(fc.constantFrom('one', 'two', 'three'), { nil: undefined }),
});

/** AgentShield's fingerprint, implemented independently. */
function fingerprint(id: string, file: string, evidence: string | undefined): string {
  const hash =
    evidence === undefined ? 'no-evidence' : createHash('sha256').update(evidence).digest('hex').slice(0, 16);
  return `${id}::${file}::sha256:${hash}`;
}

/** A pack with the sample findings, their offsets moved by `shift`. */
function pack(samples: readonly Sample[], shift = 0): EvidencePack {
  const rows = samples.map(({ rule, offset, file, evidence }) => ({
    id: `${rule}-${String(offset + shift)}`,
    file,
    evidence,
  }));
  const findings: PlanFinding[] = rows.map(({ id, file, evidence }) => ({
    id,
    file,
    fingerprint: fingerprint(id, file, evidence),
    severity: 'high',
    category: 'hooks',
    title: 'title',
    hasEvidence: evidence !== undefined,
  }));
  // Only the fields that findingRecords reads.
  return { findings, report: { findings: rows } } as unknown as EvidencePack;
}

const scan = { scanId: 'scan', generatedAt: '2026-11-24T08:00:00.000Z', pathInRepository: '' };
const identities = (from: EvidencePack): string[] =>
  findingRecords(from, scan).map(({ key, occurrence }) => `${key}#${String(occurrence)}`);

describe('finding keys', () => {
  it('are the same multiset when lines moved, in any order of rows', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 40 }), fc.nat(10_000), fc.nat(), (samples, shift, turn) => {
        const at = samples.length === 0 ? 0 : turn % samples.length;
        const turned = [...samples.slice(at), ...samples.slice(0, at)];
        expect(identities(pack(turned, shift)).sort()).toEqual(identities(pack(samples)).sort());
      }),
    );
  });

  it('are unique within a scan, and one more finding is one more key', () => {
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 40 }), sample, (samples, extra) => {
        const before = identities(pack(samples));
        const after = new Set(identities(pack([...samples, extra])));
        expect(after.size).toBe(samples.length + 1);
        expect(before.filter((identity) => !after.has(identity))).toEqual([]);
      }),
    );
  });

  it('keep AgentShield’s fingerprint when there is nothing to scrub', () => {
    const input = pack([{ rule: 'r', offset: 7, file: 'f', evidence: 'plain text' }]);
    expect(findingRecords(input, scan)[0]?.fingerprint).toBe(input.findings[0]?.fingerprint);
  });

  it('contain no hash of a secret, scrubbed or unseen', () => {
    const evidence = 'postgres://admin:hunter2@db/app';
    const input = pack([{ rule: 'mcp-db-conn', offset: 1, file: 'f', evidence }]);
    const raw = fingerprint('mcp-db-conn-1', 'f', evidence).slice(-16);
    expect(findingRecords(input, scan)[0]?.key).not.toContain(raw);
    const unseen = { ...input, report: { findings: [] } } as unknown as EvidencePack;
    expect(findingRecords(unseen, scan)[0]?.key).toBe('mcp-db-conn|f|sha256:withheld');
  });

  it('scrub ids that quote a password, before the key is made', () => {
    const [record] = findingRecords(
      pack([{ rule: 'permissions-Bash(curl -u admin:hunter2hunter2 h)', offset: 1, file: 'f', evidence: undefined }]),
      scan,
    );
    expect(JSON.stringify(record)).not.toContain('hunter2');
    expect(record?.key).toContain('[REDACTED:basic-auth-flag]');
  });
});
