import { CommandError } from '#schemas/errors.js';
import { variable } from '../environment.js';

const DEFAULT_URL = 'http://127.0.0.1:4000';

/** Endpoint and token. */
export interface Connection {
  /** Base URL of the gateway; the signal's path (`/v1/traces`) is appended. */
  readonly url: string;
  /** Ingest token, `eccp_...`. */
  readonly token: string;
}

/** Returns the gateway's base URL: the given one, else `SHIELDWATCH_URL`, else the local stack. */
export function resolveUrl(explicit: string | undefined, env: NodeJS.ProcessEnv): string {
  return explicit ?? (variable(env, 'SHIELDWATCH_URL') || DEFAULT_URL);
}

/** Returns the ingest token: the given one, else `SHIELDWATCH_TOKEN`; undefined if there is none. */
export function resolveToken(explicit: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  return (explicit ?? variable(env, 'SHIELDWATCH_TOKEN'))?.trim() || undefined;
}

/** Returns the URL of a signal's endpoint. Messages show only the URL's origin: the URL may contain a password. */
export function signalUrl(baseUrl: string, path: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new CommandError('the Shieldwatch URL is not an http or https URL (--url, SHIELDWATCH_URL)');
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url.href;
}

/** Returns the authorization header. */
export function authorization(token: string): Record<string, string> {
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new CommandError('the token contains invalid characters (--token, SHIELDWATCH_TOKEN)');
  return { authorization: `Bearer ${token}` };
}
