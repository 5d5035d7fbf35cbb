import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Random } from '../../bench/random.js';
import type { Up } from './protocol.js';

/** One request. */
export interface Attack {
  /** Where, for the report; what differs from call to call is not in it. */
  readonly address: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | undefined;
}

/** An address of the API, as its own document lists it. */
export interface Address {
  readonly path: string;
  readonly method: string;
}

const TEXTS = [
  '',
  '__proto__',
  'constructor',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'; DROP TABLE org; --",
  '${jndi:ldap://127.0.0.1/a}',
  '{{7*7}}',
  '../../../../etc/passwd',
  '%2e%2e%2f',
  '\u0000',
  '\u202e',
  '\ufeff',
  '\ud800',
  '💥'.repeat(50),
  'a'.repeat(5_000),
  '\r\nx-injected: 1',
  '=cmd|1',
  'org_local',
  '-1',
  '1e309',
  'NaN',
  '0x10',
  'null',
  'true',
  '[]',
];
const NUMBERS = [0, -0, -1, 0.1, 1e308, 9_007_199_254_740_993, -9_223_372_036_854_775_808, 4_294_967_296];
const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'resourceSpans',
  'resourceLogs',
  'resourceMetrics',
  'scopeSpans',
  'spans',
  'resource',
  'attributes',
  'key',
  'value',
  'stringValue',
  'arrayValue',
  'kvlistValue',
  'values',
  'doubleValue',
  'intValue',
  'traceId',
  'startTimeUnixNano',
  'repository',
  'events',
  'report',
  'findings',
  'name',
  'scopes',
  'plan',
  'keepContent',
  'timestamp',
  'bucket',
];

/** Requests to every address of the gateway, to the SQL port and the hook port: the same for the same seed. */
export class Attacks {
  readonly #random: Random;
  readonly #up: Up;
  readonly #addresses: readonly Address[];

  constructor(random: Random, up: Up, addresses: readonly Address[]) {
    this.#random = random;
    this.#up = up;
    this.#addresses = addresses;
  }

  next(): Attack {
    const pick = this.#random.next();
    if (pick < 0.15) return this.#sql();
    if (pick < 0.25) return this.#hook();
    return this.#api(this.#random.pick(this.#addresses));
  }

  /** The request of one address that ends in the middle of its body. */
  slow({ path, method }: Address): { url: URL; method: string; headers: Record<string, string> } {
    return {
      url: new URL(this.#fill(path), this.#up.gateway),
      method,
      headers: {
        authorization: `Bearer ${this.#random.pick(this.#up.hostile)}`,
        'content-type': 'application/json',
        'content-length': '100000',
      },
    };
  }

  #api({ path, method }: Address): Attack {
    const query =
      method === 'GET' && this.#random.chance(0.6)
        ? `?${encodeURIComponent(this.#random.pick(['bucket', 'from', 'to', 'limit', 'cursor', 'repo', '__proto__', 'x']))}=${encodeURIComponent(this.#word())}`
        : '';
    const headers: Record<string, string> = { authorization: this.#authorization() };
    const body = method === 'GET' ? undefined : this.#body(headers);
    for (const [name, values] of [
      ['x-forwarded-for', ['127.0.0.1, ::1', 'x'.repeat(2_000)]],
      ['traceparent', ['00-0-0-0', 'x']],
      ['accept', ['text/html', '*/*;q=nan']],
      ['origin', ['null', 'https://example.org']],
      ['x-shieldwatch-org-id', ['org_other']],
      ['cookie', ['shieldwatch=x; '.repeat(50)]],
    ] as const) {
      if (this.#random.chance(0.1)) headers[name] = this.#random.pick(values);
    }
    return {
      address: `${method} ${path}`,
      url: `${this.#up.gateway}${this.#fill(path)}${query}`,
      method,
      headers,
      body,
    };
  }

  #fill(path: string): string {
    return path.replaceAll(/\{\w+\}/g, () => encodeURIComponent(this.#word() || 'x').slice(0, 500));
  }

  #authorization(): string {
    if (this.#random.chance(0.9)) return `Bearer ${this.#random.pick(this.#up.hostile)}`;
    return this.#random.pick(['Bearer ', 'Basic eDp4', `Bearer eccp_${'x'.repeat(3_000)}`, 'Bearer \u00ff', 'Digest']);
  }

  #body(headers: Record<string, string>): Buffer {
    headers['content-type'] = this.#random.pick([
      'application/json',
      'application/json',
      'application/json; charset=utf-16',
      'application/x-protobuf',
      'application/x-protobuf',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=',
      'x',
    ]);
    let body = this.#random.pick([
      () => Buffer.from(this.#json(6)),
      () => Buffer.from(this.#json(6)),
      () => this.#protobuf(4),
      () => Buffer.from('[{"a":'.repeat(this.#random.integer(1, 200_000))),
      () => Buffer.from(`{"resourceLogs":[${'{},'.repeat(this.#random.integer(1, 300_000))}{}]}`),
      () => Buffer.from(`{"a":1,"a":${this.#json(2)},"__proto__":${this.#json(2)}}`),
      () => Buffer.from(Array.from({ length: this.#random.integer(0, 2_000) }, () => this.#random.integer(0, 255))),
      () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(this.#json(3))]),
      () => Buffer.from(this.#json(3), 'utf16le'),
      () => Buffer.alloc(0),
    ])();
    if (this.#random.chance(0.15)) {
      headers['content-encoding'] = this.#random.pick(['gzip', 'deflate', 'br', 'gzip, gzip', 'identity', 'zstd', 'x']);
      const compress = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync }[headers['content-encoding']];
      // Now and then what it says it is not, or 32 MiB of nothing.
      if (compress !== undefined && this.#random.chance(0.8))
        body = compress(this.#random.chance(0.1) ? Buffer.alloc(32 * 1024 * 1024) : body);
    }
    return body;
  }

  #text(): string {
    return this.#random.pick(TEXTS);
  }

  /** For an address, which cannot hold half a character. */
  #word(): string {
    return this.#text().replaceAll('\ud800', '');
  }

  #json(depth: number): string {
    const pick = this.#random.next();
    if (depth === 0 || pick < 0.3) {
      return this.#random.pick([
        () => JSON.stringify(this.#text()),
        () => String(this.#random.pick(NUMBERS)),
        () => 'null',
        () => 'true',
        () => '1e400',
        () => '"\\ud800"',
        () => 'NaN',
        () => '{',
      ])();
    }
    const some = Array.from({ length: this.#random.integer(0, 4) }, () => this.#json(depth - 1));
    return pick < 0.5
      ? `[${some.join(',')}]`
      : `{${some.map((value) => `${JSON.stringify(this.#random.pick(KEYS))}:${value}`).join(',')}}`;
  }

  /** Messages in messages with fields as OTLP's, some with a length that is wrong. */
  #protobuf(depth: number): Buffer {
    const fields = Array.from({ length: this.#random.integer(0, 4) }, () => {
      const number = this.#random.integer(1, 16);
      if (depth === 0 || this.#random.chance(0.3))
        return Buffer.concat([
          Buffer.from([((number << 3) | 1) & 0xff]),
          Buffer.from(Array.from({ length: 8 }, () => this.#random.integer(0, 255))),
        ]);
      const content = this.#random.chance(0.3)
        ? Buffer.from(this.#text()).subarray(0, 120)
        : this.#protobuf(depth - 1).subarray(0, 120);
      return Buffer.concat([
        Buffer.from([((number << 3) | 2) & 0xff, this.#random.chance(0.95) ? content.length : 127]),
        content,
      ]);
    });
    return Buffer.concat(fields);
  }

  #sql(): Attack {
    const url = new URL(this.#up.sql);
    const [user, password] = [url.username, url.password];
    url.username = url.password = '';
    const query = this.#random.pick([
      "SELECT * FROM file('/etc/passwd')",
      "SELECT * FROM file\u00a0('/etc/passwd')",
      "SELECT 1 INTO\u00a0OUTFILE '/tmp/x'",
      'SELECT $x$1',
      "SELECT '",
      'SELECT /* ',
      `SELECT ${'('.repeat(5_000)}1`,
      `SELECT ${'1+'.repeat(20_000)}1`,
      'SELECT sleep(3)',
      'SELECT * FROM numbers(1e12)',
      "SELECT repeat('x', 1e9)",
      'SELECT count() FROM numbers(1e10) SETTINGS max_execution_time=0',
      'SYSTEM SHUTDOWN',
      'KILL QUERY WHERE 1',
      'DROP DATABASE shieldwatch',
      "SELECT * FROM url('http://127.0.0.1:1/')",
      'SELECT * FROM system.processes',
      'INSERT INTO otel_logs VALUES',
      "SELECT * FROM remote('127.0.0.1', system.one)",
      `SELECT '${this.#text().replaceAll("'", "''")}'`,
      '',
      '\u0000',
      'SELECT 1;SELECT 2',
      'SELECT 1 FORMAT \u2028JSON',
    ]);
    if (this.#random.chance(0.5))
      url.searchParams.set(
        this.#random.pick([
          'max_memory_usage',
          'database',
          'default_format',
          'session_id',
          'param_x',
          'readonly',
          '__proto__',
        ]),
        this.#word(),
      );
    const headers: Record<string, string> = {
      authorization: `Basic ${Buffer.from(`${user}:${decodeURIComponent(password)}`).toString('base64')}`,
    };
    if (this.#random.chance(0.1)) headers['authorization'] = 'Basic eA==';
    if (this.#random.chance(0.1)) headers['content-encoding'] = this.#random.pick(['gzip', 'lz4', 'x']);
    return { address: 'SQL', url: url.href, method: 'POST', headers, body: Buffer.from(query) };
  }

  #hook(): Attack {
    const headers: Record<string, string> = {
      authorization: this.#random.chance(0.9) ? `Bearer ${this.#up.hookToken}` : 'Bearer x',
    };
    const body = this.#random.chance(0.5)
      ? Buffer.from(
          `{"hook_event_name":"PreToolUse","session_id":${JSON.stringify(this.#text())},"cwd":${JSON.stringify(this.#text())},"tool_name":"Bash","tool_input":${this.#json(5)}}`,
        )
      : this.#body(headers);
    return { address: 'hook', url: this.#up.hook, method: 'POST', headers, body };
  }
}
