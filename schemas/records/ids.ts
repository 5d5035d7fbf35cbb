import { createHash } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * An id made of what it names: `<prefix>_` and 26 Crockford base32 characters of SHA-256 of the parts, joined by
 * NUL. The same parts give the same id everywhere, so nothing has to be asked or stored to know it.
 */
export function idOf(prefix: string, ...parts: readonly string[]): string {
  const digest = createHash('sha256').update(parts.join('\0')).digest();
  let bits = 0n;
  for (const byte of digest.subarray(0, 17)) bits = (bits << 8n) | BigInt(byte);
  let id = '';
  for (let i = 0; i < 26; i += 1) {
    id = CROCKFORD.charAt(Number(bits & 31n)) + id;
    bits >>= 5n;
  }
  return `${prefix}_${id}`;
}

/** Bytes 2 to 17 of the SHA-256 that an id of {@link idOf} was made of, as hex; undefined: it is no such id. */
export function hashOfId(prefix: string, id: string): string | undefined {
  const digits = id.startsWith(`${prefix}_`) ? id.slice(prefix.length + 1) : '';
  if (digits.length !== 26) return undefined;
  let bits = 0n;
  for (const digit of digits) {
    const value = CROCKFORD.indexOf(digit);
    if (value < 0) return undefined;
    bits = (bits << 5n) | BigInt(value);
  }
  return (bits & ((1n << 128n) - 1n)).toString(16).padStart(32, '0');
}
