import type { IncomingMessage } from 'node:http';
import { timingSafeEqual } from 'node:crypto';
import { named } from './errors.js';
import { hashPassword, type Accounts, type UserName } from './users.js';

/** Host names under which a browser or a container reaches this machine's own loopback. */
const LOCAL_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|host\.docker\.internal)(:\d+)?$/i;

/**
 * Who asks, by basic auth, `X-ClickHouse-User`/`-Key`, or `user`/`password` in the URL, in that order.
 * Without a password, `default` and `reader` are the reader where the accounts say so.
 *
 * Throws AUTHENTICATION_FAILED, with the same words for a wrong password and an unknown user.
 */
export function identify(request: IncomingMessage, url: URL, accounts: Accounts): UserName {
  const { user, password } = readCredentials(request, url);
  if (user === 'writer' && matches(password, accounts.writerHash)) return 'writer';
  if (user === 'reader' || user === 'default') {
    if (matches(password, accounts.readerHash)) return 'reader';
    if (password === '' && accounts.isReaderOpen && isFromHere(request)) return 'reader';
  }
  throw named('AUTHENTICATION_FAILED', 'Authentication failed: password is incorrect, or there is no user with such name.');
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

/**
 * A web page that a person on this machine looks at can send requests here as well, and, with a name
 * that resolves to 127.0.0.1, read the answers. Its requests name a foreign host or say that they cross sites.
 */
function isFromHere(request: IncomingMessage): boolean {
  return LOCAL_HOST.test(request.headers.host ?? '') && request.headers['sec-fetch-site'] !== 'cross-site';
}

function matches(password: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashPassword(password)), Buffer.from(hash));
}
