import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Agent, request } from 'undici';
import { isListed, isPublic, listOf } from './addresses.js';

/** What the operator of the gateway permits deliveries to connect to. Organisations cannot change it. */
export interface EgressSettings {
  /**
   * Addresses and networks that are permitted although they are not public, such as `10.1.0.0/16`. Only there is plain
   * `http:` (and SMTP without TLS) permitted.
   */
  allow?: readonly string[];
  /** Sends requests for an origin to another one: a relay. Default: none. */
  reroute?: Readonly<Record<string, string>>;
  /** Resolves a name to its addresses. Default: the system's resolver. */
  resolve?: (host: string) => Promise<readonly string[]>;
}

/** A reason why a destination must not be connected to, or is no address. It contains no URL. */
export class EgressRefused extends Error {
  override readonly name = 'EgressRefused';
}

export interface EgressRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH';
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** Maximum bytes of the answer that are read. Default: {@link MAX_ANSWER_BYTES}. */
  maxBytes?: number;
  signal: AbortSignal;
}

export interface EgressAnswer {
  status: number;
  /** Seconds of `Retry-After`, if the service sent any. */
  retryAfterSeconds: number | undefined;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first bytes of the body. */
  text: string;
}

/** Connections to services outside. */
export interface Egress {
  /** Sends one HTTP request. Redirects are not followed. */
  request(request: EgressRequest): Promise<EgressAnswer>;
  /**
   * Resolves a host once and returns the address to connect to.
   * @throws EgressRefused when any of its addresses is not permitted.
   */
  judge(host: string): Promise<{ address: string; isAllowed: boolean }>;
}

/** Bytes of an answer after which the connection is closed. */
export const MAX_ANSWER_BYTES = 256 * 1024;
/** Maximum milliseconds for a connection with TLS. The caller's signal bounds the whole exchange. */
const CONNECT_MS = 8_000;

/** Creates the connections to services outside. Every request resolves its host, and connects to the judged address. */
export function createEgress(settings: EgressSettings = {}): Egress {
  const allowed = listOf(settings.allow ?? []);
  const resolve =
    settings.resolve ?? (async (host) => (await lookup(host, { all: true })).map(({ address }) => address));

  async function judge(host: string): Promise<{ address: string; isAllowed: boolean }> {
    const literal = host.replace(/^\[(.*)\]$/, '$1');
    const addresses = isIP(literal) === 0 ? await resolve(literal) : [literal];
    const [address] = addresses;
    if (address === undefined) throw new EgressRefused('the host has no address');
    // All of them, not only the one that is used: a name that mixes both is no public service.
    if (!addresses.every((each) => isPublic(each) || isListed(allowed, each)))
      throw new EgressRefused('the host has an address that is not public, and the operator does not allow it');
    return { address, isAllowed: addresses.every((each) => isListed(allowed, each)) };
  }

  return {
    judge,
    async request({ method, url: given, headers = {}, body, maxBytes = MAX_ANSWER_BYTES, signal }) {
      const url = rerouted(parseUrl(given), settings.reroute ?? {});
      const { address, isAllowed } = await raced(judge(url.hostname), signal);
      if (url.protocol !== 'https:' && !isAllowed)
        throw new EgressRefused('expected https:; the operator allows http: only for listed addresses');
      const family = isIP(address) === 4 ? 4 : 6;
      const agent = new Agent({
        connections: 1,
        pipelining: 1,
        maxHeaderSize: 16 * 1024,
        connect: {
          timeout: CONNECT_MS,
          // The judged address, even if the name has another one by now.
          lookup: (_host, options, done) => {
            if (options.all === true) done(null, [{ address, family }]);
            else done(null, address, family);
          },
        },
      });
      try {
        const answer = await request(url, {
          method,
          headers: { 'user-agent': 'shieldwatch', ...headers },
          ...(body === undefined ? {} : { body }),
          dispatcher: agent,
          signal,
        });
        return {
          status: answer.statusCode,
          retryAfterSeconds: retryAfter(answer.headers['retry-after']),
          headers: answer.headers,
          text: await firstBytes(answer.body, maxBytes),
        };
      } finally {
        await agent.destroy().catch(() => undefined);
      }
    },
  };
}

/**
 * Parses `allow`, a list separated by commas or spaces.
 * @throws Error that names the wrong entry.
 */
export function parseAllowed(text: string | undefined): string[] {
  const entries = (text ?? '').split(/[\s,]+/).filter((entry) => entry !== '');
  listOf(entries);
  return entries;
}

/** Returns why a URL cannot be one of a destination; undefined if it can. Addresses are judged at each request. */
export function urlProblem(text: string): string | undefined {
  try {
    parseUrl(text);
    return undefined;
  } catch (error) {
    return error instanceof EgressRefused ? error.message : 'expected a URL';
  }
}

function parseUrl(text: string): URL {
  if (!URL.canParse(text)) throw new EgressRefused('expected a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new EgressRefused('expected an https: URL');
  if (url.username !== '' || url.password !== '') throw new EgressRefused('expected a URL without user and password');
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  if (port !== 443 && port !== 80 && port < 1_024)
    throw new EgressRefused('expected port 443, 80, or one from 1024 on');
  return url;
}

function rerouted(url: URL, reroute: Readonly<Record<string, string>>): URL {
  const to = reroute[url.origin];
  return to === undefined ? url : new URL(url.pathname + url.search, to);
}

async function firstBytes(body: AsyncIterable<Buffer>, maxBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    parts.push(part);
    size += part.length;
    if (size >= maxBytes) break;
  }
  return Buffer.concat(parts).subarray(0, maxBytes).toString('utf8');
}

/** Parses seconds or an HTTP date; undefined for anything else. */
function retryAfter(value: string | string[] | undefined): number | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text.trim())) return Number(text);
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1_000));
}

/** Rejects when the signal aborts first: a resolver cannot be cancelled. */
function raced<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}
