import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicKeyOf, type AuditHead } from './audit-chain.js';

/** The signing key and the published heads of the audit trail: kept outside of the database that they vouch for. */
export interface AuditFiles {
  key: KeyObject;
  publicKey: KeyObject;
  /** Called after the entries' transaction. @throws when the heads could not be written; the next call publishes them too. */
  publish(heads: readonly AuditHead[]): void;
  heads(): AuditHead[];
}

/**
 * Opens (or makes, 0600) `audit-key.pem` and `audit-heads.ndjson` in a folder. Copy the heads elsewhere from time to
 * time: whoever can write here and in the database can cut both short.
 */
export function openAuditFiles(folder: string): AuditFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, 'audit-key.pem');
  const headFile = join(folder, 'audit-heads.ndjson');
  if (!existsSync(keyFile)) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    writeFileSync(join(folder, 'audit-key.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }), { mode: 0o644 });
  }
  const key = createPrivateKey(readFileSync(keyFile));
  return {
    key,
    publicKey: publicKeyOf(key),
    publish(heads) {
      // A line break first: a line that a full disk or a crash cut off must not swallow the next one.
      appendFileSync(headFile, `\n${heads.map((head) => JSON.stringify(head)).join('\n')}\n`, { mode: 0o600 });
    },
    heads: () => (existsSync(headFile) ? parseHeads(readFileSync(headFile, 'utf8')) : []),
  };
}

/** A key and heads that live as long as the process; for tests, and for a gateway that was given no folder. */
export function auditFilesInMemory(): AuditFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const heads: AuditHead[] = [];
  return { key: privateKey, publicKey, publish: (published) => void heads.push(...published), heads: () => [...heads] };
}

/** A last line that a crash cut off is not a head. */
function parseHeads(text: string): AuditHead[] {
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as AuditHead];
    } catch {
      return [];
    }
  });
}
