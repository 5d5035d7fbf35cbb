import * as crypto from 'node:crypto';

/**
 * Returns the SHA-256 of text as hex. Uses the one-shot function of Node 20.12 if available, which takes half the time
 * for short text.
 */
export function sha256Hex(text: string): string {
  const { hash } = crypto as { hash?: (algorithm: string, data: string, encoding: 'hex') => string };
  return hash === undefined ? crypto.createHash('sha256').update(text).digest('hex') : hash('sha256', text, 'hex');
}
