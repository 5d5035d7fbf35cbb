import { createHash } from 'node:crypto';

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * Derives an id from what it names: `<prefix>_` and 26 Crockford base32 characters of the SHA-256 of the parts, joined
 * by NUL. The same parts always give the same id, so ids need no lookup.
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

/** Returns bytes 2 to 17 of the SHA-256 behind an id of {@link idOf} as hex; undefined for other ids. */
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

/** Returns the id of a scan in the API. */
export function scanIdOf(orgId: string, repository: string, eventId: string): string {
  return idOf('scan', orgId, repository, eventId);
}
