import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicKeyOf, type AuditHead } from './audit-chain.js';

/** The signing key and the published heads of the audit trail: kept outside of the database that they vouch for. */
export interface AuditFiles {
  key: KeyObject;
  publicKey: KeyObject;
  /** Called after the entry's transaction; a head that could not be written is told, not fatal. */
  publish(head: AuditHead): void;
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
    publish(head) {
      appendFileSync(headFile, `${JSON.stringify(head)}\n`, { mode: 0o600 });
    },
    heads: () => (existsSync(headFile) ? parseHeads(readFileSync(headFile, 'utf8')) : []),
  };
}

/** A key and heads that live as long as the process; for tests, and for a gateway that was given no folder. */
export function auditFilesInMemory(): AuditFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const heads: AuditHead[] = [];
  return { key: privateKey, publicKey, publish: (head) => void heads.push(head), heads: () => [...heads] };
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
