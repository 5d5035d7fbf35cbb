import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { appendFileSync, createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { CommandError } from '#schemas/errors.js';
import { publicKeyOf, type AuditHead } from './audit-chain.js';

/**
 * Signing key and published heads of the audit trail. They are kept outside of the database whose trail they protect.
 */
export interface AuditFiles {
  key: KeyObject;
  publicKey: KeyObject;
  /**
   * Publishes heads, after the transaction of their entries.
   * @throws when the heads could not be written; the next call publishes them again.
   */
  publish(heads: readonly AuditHead[]): void;
  /** Returns all published heads in file order. */
  heads(): AsyncIterable<AuditHead> | Iterable<AuditHead>;
}

/**
 * Opens or creates (mode 0600) `audit-key.pem` and `audit-heads.ndjson` in a folder. Copy the heads elsewhere
 * regularly: anybody who can write both this folder and the database can truncate both.
 *
 * @throws CommandError when the key is missing and its public half is there, as after a restore without keys.
 */
export function openAuditFiles(folder: string): AuditFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, 'audit-key.pem');
  const publicKeyFile = join(folder, 'audit-key.pub.pem');
  const headFile = join(folder, 'audit-heads.ndjson');
  if (!existsSync(keyFile)) {
    if (existsSync(publicKeyFile))
      throw new CommandError(
        `${keyFile} is missing, and the audit trail was signed with it: put it back, or remove audit-key.pub.pem to begin a new key, after which earlier entries verify only with a copy of that file`,
      );
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
    writeFileSync(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }), {
      mode: 0o644,
    });
  }
  const key = createPrivateKey(readFileSync(keyFile));
  return {
    key,
    publicKey: publicKeyOf(key),
    publish(heads) {
      // Begins with a line break, so that a line cut off by a crash or a full disk does not swallow the next one.
      appendFileSync(headFile, `\n${heads.map((head) => JSON.stringify(head)).join('\n')}\n`, { mode: 0o600 });
    },
    heads: () => readHeads(headFile),
  };
}

/** Creates a key and heads in memory, for tests and for a gateway without a folder. */
export function auditFilesInMemory(): Omit<AuditFiles, 'heads'> & { heads(): AuditHead[] } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const heads: AuditHead[] = [];
  return { key: privateKey, publicKey, publish: (published) => void heads.push(...published), heads: () => [...heads] };
}

/** Reads the heads of a file line by line; none if there is no file. A line that a crash cut off is skipped. */
export async function* readHeads(file: string): AsyncGenerator<AuditHead> {
  if (!existsSync(file)) return;
  for await (const value of readLines(file)) if (typeof value === 'object' && value !== null) yield value as AuditHead;
}

/** Yields the JSON values of an NDJSON file; undefined for an invalid line. */
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
