import * as crypto from 'node:crypto';

/** SHA-256 of text as hex. In one call where Node has it (20.12): half the time of a hash object for short text. */
export function sha256Hex(text: string): string {
  const { hash } = crypto as { hash?: (algorithm: string, data: string, encoding: 'hex') => string };
  return hash === undefined ? crypto.createHash('sha256').update(text).digest('hex') : hash('sha256', text, 'hex');
}
