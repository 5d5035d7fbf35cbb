import type { IncomingMessage } from 'node:http';
import { timingSafeEqual } from 'node:crypto';
import { named } from './errors.js';
import { hashPassword, type Accounts, type UserName } from './users.js';

/**
 * Who asks, by basic auth, `X-ClickHouse-User`/`-Key`, or `user`/`password` in the URL, in that order.
 * `default` is another name of the reader.
 *
 * Throws AUTHENTICATION_FAILED, with the same words for a wrong password and an unknown user.
 */
export function identify(request: IncomingMessage, url: URL, accounts: Accounts): UserName {
  const { user, password } = readCredentials(request, url);
  if (user === 'writer' && matches(password, accounts.writerHash)) return 'writer';
  if (user === 'admin' && accounts.adminHash !== undefined && matches(password, accounts.adminHash)) return 'admin';
  if ((user === 'reader' || user === 'default') && matches(password, accounts.readerHash)) return 'reader';
  throw named(
    'AUTHENTICATION_FAILED',
    'Authentication failed: password is incorrect, or there is no user with such name.',
  );
}

function readCredentials(request: IncomingMessage, url: URL): { user: string; password: string } {
  const { headers } = request;
  const basic = /^Basic (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
    return { user: user || 'default', password };
  }
  const one = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
  return {
    user: (one(headers['x-clickhouse-user']) ?? url.searchParams.get('user')) || 'default',
    password: one(headers['x-clickhouse-key']) ?? url.searchParams.get('password') ?? '',
  };
}

function matches(password: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashPassword(password)), Buffer.from(hash));
}

/**
 * Browsers send these headers with what a page asks for, and clients of ClickHouse do not: no page has business here.
 * `Sec-Fetch-Mode` alone is Node's own `fetch`; no browser sends it without `Sec-Fetch-Site`.
 */
export function isFromBrowser({ headers }: IncomingMessage): boolean {
  return Object.keys(headers).some(
    (name) => name === 'origin' || (name.startsWith('sec-fetch-') && name !== 'sec-fetch-mode'),
  );
}
