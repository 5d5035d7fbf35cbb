import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { sha256Hex } from '#schemas/hash.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX = 'eccp_';
const RANDOM_LENGTH = 30;
const CHECKSUM_LENGTH = 6;
export const TOKEN_LENGTH = PREFIX.length + RANDOM_LENGTH + CHECKSUM_LENGTH;
const SHAPE = /^eccp_[0-9A-Za-z]{36}$/;

/** Returns `length` random base62 characters; 30 of them carry 178 bits. */
export function randomBase62(length: number): string {
  return Array.from({ length }, () => BASE62.charAt(randomInt(BASE62.length))).join('');
}

function checksum(text: string): string {
  let rest = crc32(text);
  let result = '';
  for (let index = 0; index < CHECKSUM_LENGTH; index += 1) {
    result = BASE62.charAt(rest % BASE62.length) + result;
    rest = Math.floor(rest / BASE62.length);
  }
  return result;
}

/** Creates a token: `eccp_`, 30 random characters, 6 characters of their CRC-32. */
export function createToken(): string {
  const body = PREFIX + randomBase62(RANDOM_LENGTH);
  return body + checksum(body);
}

/**
 * Returns whether `text` has the format of a token, so that a mistyped or truncated one is rejected without a database
 * query. The checksum detects typing errors; it authenticates nothing.
 */
export function isTokenShaped(text: string): boolean {
  if (!SHAPE.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === text.slice(-CHECKSUM_LENGTH);
}

/**
 * Returns the hash under which a token is stored. Tokens are random, so an unsalted hash cannot be reversed by
 * guessing.
 */
export function hashToken(token: string): string {
  return sha256Hex(token);
}
