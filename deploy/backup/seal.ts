import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { Transform } from 'node:stream';
import { CommandError } from '#schemas/errors.js';

/**
 * Encryption of files: AES-256-GCM in chunks, as in the STREAM construction. Each file has a key of its own (HKDF of the
 * backup's key, a random salt and the file's name); the nonce of a chunk is its number and whether it is the last. So a
 * chunk that was changed, moved, repeated or cut off does not decrypt, nor does a file under another name.
 *
 *     file   = "SWBACKUP" key-id(8) salt(32) chunk*   at least one chunk; all but the last hold 64 KiB
 *     chunk  = ciphertext tag(16)
 *     nonce  = 0(7) number(4, big-endian) is-last(1)
 */
const MAGIC = Buffer.from('SWBACKUP');
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const ID_BYTES = 8;
const TAG_BYTES = 16;
export const HEADER_BYTES = MAGIC.length + ID_BYTES + SALT_BYTES;
export const CHUNK_BYTES = 65_536;
const MAX_CHUNKS = 2 ** 32;

/** Identifies a key without disclosing it. */
function idOf(key: Buffer): Buffer {
  return createHmac('sha256', key).update('shieldwatch backup key').digest().subarray(0, ID_BYTES);
}

function fileKey(key: Buffer, salt: Buffer, name: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, `shieldwatch backup file\n${name}`, KEY_BYTES));
}

function nonce(number: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(number, 7);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

/** Cuts a stream into chunks of `size` bytes; the last one may be shorter, and is known as such only at the end. */
function chunked(size: number, onChunk: (chunk: Buffer, number: number, isLast: boolean) => Buffer): Transform {
  let waiting: Buffer[] = [];
  let length = 0;
  let number = 0;
  const take = (): Buffer => {
    const all = Buffer.concat(waiting, length);
    waiting = all.length > size ? [all.subarray(size)] : [];
    length = Math.max(0, all.length - size);
    return all.subarray(0, size);
  };
  const next = (isLast: boolean): Buffer => {
    if (number >= MAX_CHUNKS) throw new Error('a file of a backup may have 256 TiB');
    return onChunk(take(), number++, isLast);
  };
  return new Transform({
    transform(bytes: Buffer, _, done) {
      try {
        waiting.push(bytes);
        length += bytes.length;
        // The last full chunk waits: whether it is the file's last is not known yet.
        while (length > size) this.push(next(false));
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      try {
        done(null, next(true));
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

/** Encrypts a file named `name`. */
export function seal(key: Buffer, name: string): Transform {
  const salt = randomBytes(SALT_BYTES);
  const own = fileKey(key, salt, name);
  const stream = chunked(CHUNK_BYTES, (chunk, number, isLast) => {
    const cipher = createCipheriv('aes-256-gcm', own, nonce(number, isLast));
    return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  });
  stream.push(Buffer.concat([MAGIC, idOf(key), salt]));
  return stream;
}

/**
 * Decrypts a file named `name`. Yields bytes only after they were authenticated; the end of the stream means that the file
 * is complete.
 *
 * Errors are CommandErrors that state what is wrong: another key, cut off, or changed.
 */
export function unseal(key: Buffer, name: string): Transform {
  let header = Buffer.alloc(0);
  let own: Buffer | undefined;
  const chunks = chunked(CHUNK_BYTES + TAG_BYTES, (sealed, number, isLast) => {
    if (own === undefined || sealed.length < TAG_BYTES) throw new CommandError(`${name}: cut off`);
    const plain = openChunk(own, sealed, number, isLast);
    if (plain !== undefined) return plain;
    if (isLast && openChunk(own, sealed, number, false) !== undefined) throw new CommandError(`${name}: cut off`);
    throw new CommandError(`${name}: changed, or another file under its name`);
  });
  const inner = chunks._transform.bind(chunks);
  chunks._transform = (bytes: Buffer, encoding, done) => {
    if (own !== undefined) {
      inner(bytes, encoding, done);
      return;
    }
    header = Buffer.concat([header, bytes]);
    if (header.length < HEADER_BYTES) {
      done();
      return;
    }
    try {
      own = openHeader(key, header, name);
    } catch (error) {
      done(error as Error);
      return;
    }
    inner(header.subarray(HEADER_BYTES), encoding, done);
  };
  return chunks;
}

function openHeader(key: Buffer, header: Buffer, name: string): Buffer {
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw new CommandError(`${name}: not an encrypted file`);
  const id = header.subarray(MAGIC.length, MAGIC.length + ID_BYTES);
  if (!timingSafeEqual(id, idOf(key))) throw new CommandError(`${name}: encrypted with another key`);
  return fileKey(key, header.subarray(MAGIC.length + ID_BYTES, HEADER_BYTES), name);
}

function openChunk(key: Buffer, sealed: Buffer, number: number, isLast: boolean): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce(number, isLast));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Writes a new key, 64 hexadecimal digits, to a file that does not exist yet (0600). */
export function writeNewKey(path: string): void {
  try {
    writeFileSync(path, `${randomBytes(KEY_BYTES).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new CommandError(`--new-key: the file cannot be made (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}

/**
 * Reads a key file: 32 bytes, or 64 hexadecimal digits.
 *
 * @throws CommandError when it is neither, or when others than its owner may read it.
 */
export function readKey(path: string): Buffer {
  let bytes: Buffer;
  try {
    const file = openSync(path, 'r');
    try {
      const stats = fstatSync(file);
      if (!stats.isFile() || stats.size > 200) throw new CommandError('--key-file: expected a file of 32 bytes');
      if ((stats.mode & 0o077) !== 0)
        throw new CommandError('--key-file: other users may read it; expected mode 0600 (chmod 600)');
      bytes = readFileSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`--key-file: the file cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
  if (bytes.length === KEY_BYTES) return bytes;
  const text = bytes.toString('latin1').trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) return Buffer.from(text, 'hex');
  throw new CommandError('--key-file: expected 32 bytes, or 64 hexadecimal digits');
}
