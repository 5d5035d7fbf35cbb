import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '#schemas/errors.js';
import { writeOwnFile } from '#schemas/own-file.js';

const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** The secrets of a destination cannot be used. The message is for people, and contains none of them. */
export class SecretsUnusable extends Error {
  override readonly name = 'SecretsUnusable';
}

/** The key by which secrets of destinations are encrypted at rest. */
export interface SecretsKey {
  /** Identifies the key without revealing it: 16 hexadecimal digits. */
  readonly id: string;
  /** Encrypts text. `owner` is authenticated with it: what is sealed for one owner cannot be opened for another. */
  seal(text: string, owner: string): string;
  /** @throws SecretsUnusable when the key, the owner or the sealed text is another one. */
  open(sealed: string, owner: string): string;
}

/** Creates a key from 32 bytes. AES-256-GCM with a random 96-bit nonce. */
export function secretsKeyOf(key: Buffer): SecretsKey {
  if (key.length !== KEY_BYTES) throw new Error('a secrets key has 32 bytes');
  return {
    id: createHash('sha256').update('shieldwatch secrets key id\0').update(key).digest('hex').slice(0, 16),
    seal(text, owner) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(owner));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open(sealed, owner) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(owner))
          .setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
        return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString(
          'utf8',
        );
      } catch {
        throw new SecretsUnusable('the secret of the destination cannot be opened with this key');
      }
    },
  };
}

/** Creates a key for the life of the process, for a gateway without a folder. */
export const secretsKeyInMemory = (): SecretsKey => secretsKeyOf(randomBytes(KEY_BYTES));

/**
 * Returns the key of `given` (base64 of 32 bytes: `SHIELDWATCH_SECRETS_KEY`), or else of `secrets.key` in a folder, which
 * the first start creates with mode 0600.
 *
 * @throws CommandError when it is not a key, or the file cannot be read.
 */
export function openSecretsKey(folder: string, given: string | undefined): SecretsKey {
  if (given !== undefined && given !== '') return parse(given, 'SHIELDWATCH_SECRETS_KEY');
  const file = join(folder, 'secrets.key');
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeOwnFile(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
  }
  try {
    return parse(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`${file}: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}

function parse(text: string, source: string): SecretsKey {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, 'base64');
  if (!/^[A-Za-z0-9+/]{43}=$/.test(trimmed) || key.length !== KEY_BYTES)
    throw new CommandError(`${source}: expected base64 of 32 bytes`);
  return secretsKeyOf(key);
}

/** What the secrets of a destination are sealed for: no row can take those of another. */
export const ownerOf = (orgId: string, destinationId: string): string => `${orgId}\0${destinationId}`;
