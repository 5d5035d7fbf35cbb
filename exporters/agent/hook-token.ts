import { randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shieldwatchFolder } from '../spool/location.js';

/** File with the token of the HTTP hook; only its owner can read it. */
export function hookTokenFile(env: NodeJS.ProcessEnv): string {
  return join(shieldwatchFolder(env), 'hook-token');
}

/**
 * Returns the token that agents send to the HTTP hook on this machine; creates it at the first use. It authorises
 * nothing else: its holder may request verdicts, which leave records in this spool.
 */
export function hookToken(env: NodeJS.ProcessEnv): string {
  const file = hookTokenFile(env);
  const existing = readToken(file);
  if (existing !== undefined) return existing;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(file, `swhook_${randomBytes(24).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    // Another process was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  chmodSync(file, 0o600);
  const token = readToken(file);
  if (token === undefined) throw new Error('the hook token cannot be read');
  return token;
}

/** Compares in constant time. */
export function isHookToken(given: string | undefined, token: string): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(`Bearer ${token}`)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
