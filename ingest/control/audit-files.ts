import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { appendFileSync, createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { publicKeyOf, type AuditHead } from './audit-chain.js';

/** The signing key and the published heads of the audit trail: kept outside of the database that they vouch for. */
export interface AuditFiles {
  key: KeyObject;
  publicKey: KeyObject;
  /** Called after the entries' transaction. @throws when the heads could not be written; the next call publishes them too. */
  publish(heads: readonly AuditHead[]): void;
  /** Every head that was published, in the order of the file. */
  heads(): AsyncIterable<AuditHead> | Iterable<AuditHead>;
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
    writeFileSync(join(folder, 'audit-key.pub.pem'), publicKey.export({ type: 'spki', format: 'pem' }), {
      mode: 0o644,
    });
  }
  const key = createPrivateKey(readFileSync(keyFile));
  return {
    key,
    publicKey: publicKeyOf(key),
    publish(heads) {
      // A line break first: a line that a full disk or a crash cut off must not swallow the next one.
      appendFileSync(headFile, `\n${heads.map((head) => JSON.stringify(head)).join('\n')}\n`, { mode: 0o600 });
    },
    heads: () => readHeads(headFile),
  };
}

/** A key and heads that live as long as the process; for tests, and for a gateway that was given no folder. */
export function auditFilesInMemory(): Omit<AuditFiles, 'heads'> & { heads(): AuditHead[] } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const heads: AuditHead[] = [];
  return { key: privateKey, publicKey, publish: (published) => void heads.push(...published), heads: () => [...heads] };
}

/** The heads in a file, read line by line; none where there is no file. A line that a crash cut off is not a head. */
export async function* readHeads(file: string): AsyncGenerator<AuditHead> {
  if (!existsSync(file)) return;
  for await (const value of readLines(file)) if (typeof value === 'object' && value !== null) yield value as AuditHead;
}

/** The JSON values of a file of NDJSON, one after the other; undefined for a line that is none. */
export async function* readLines(file: string | Readable): AsyncGenerator {
  for await (const line of createInterface({
    input: typeof file === 'string' ? createReadStream(file, 'utf8') : file,
    crlfDelay: Infinity,
  })) {
    if (line === '') continue;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    yield value;
  }
}
