import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { sha256Hex } from '#schemas/hash.js';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX = 'eccp_';
const RANDOM_LENGTH = 30;
const CHECKSUM_LENGTH = 6;
export const TOKEN_LENGTH = PREFIX.length + RANDOM_LENGTH + CHECKSUM_LENGTH;
const SHAPE = /^eccp_[0-9A-Za-z]{36}$/;

/** `length` random base62 characters; 30 of them hold 178 bits. */
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

/** A fresh token: `eccp_`, 30 random characters, 6 characters of their CRC-32. */
export function createToken(): string {
  const body = PREFIX + randomBase62(RANDOM_LENGTH);
  return body + checksum(body);
}

/**
 * Whether `text` can be a token at all. A mistyped or truncated one is refused here, without a question to
 * the database. The checksum is no secret: it proves nothing but care.
 */
export function isTokenShaped(text: string): boolean {
  if (!SHAPE.test(text)) return false;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return checksum(body) === text.slice(-CHECKSUM_LENGTH);
}

/** What is kept of a token. Tokens are random, so a plain hash cannot be guessed back. */
export function hashToken(token: string): string {
  return sha256Hex(token);
}
