import type { IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { AnswerCompression } from './answer.js';
import { named } from './errors.js';
import { DEFAULT_FORMAT, isFormatName } from './formats.js';
import { DEFAULT_SESSION_SECONDS, MAX_SESSION_SECONDS, type SessionRequest } from './sessions.js';

/** What a request asks for, apart from its body. */
export interface QueryRequest {
  readonly queryId: string;
  /** The `query` of the URL; the body is appended to it. */
  readonly query: string;
  readonly database: string | undefined;
  readonly defaultFormat: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly params: ReadonlyMap<string, string>;
  /** Revision of the Native protocol that the client reads; 0 when it names none. */
  readonly protocolRevision: number;
  readonly compression: AnswerCompression;
  /** The body is in ClickHouse's own compressed blocks: `decompress`. */
  readonly isInBlocks: boolean;
  /** The answer goes out whole, or as an error: `wait_end_of_query`. */
  readonly waitsForEnd: boolean;
  readonly isReadOnly: boolean;
  readonly session: SessionRequest | undefined;
  /** Time after which a client that does not read is disconnected: `http_send_timeout`. */
  readonly sendTimeoutMs: number;
}

/** As a server's default. */
const SEND_TIMEOUT_SECONDS = 30;
const MAX_SEND_TIMEOUT_SECONDS = 600;

/** Belong to HTTP, or are harmless here, and never reach the engine. */
const NOT_SETTINGS = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'user',
  'password',
  'quota_key',
  'client_protocol_version',
  'enable_http_compression',
  'http_zlib_compression_level',
  'http_response_buffer_size',
  'network_compression_method',
  'network_zstd_compression_level',
  'session_id',
  'session_timeout',
  'session_check',
  'stacktrace',
  'buffer_size',
  'wait_end_of_query',
  'send_progress_in_http_headers',
  'http_headers_progress_interval_ms',
  'cancel_http_readonly_queries_on_client_close',
  'add_http_cors_header',
  'close_session',
  'log_comment',
  'http_send_timeout',
  'compress',
  'decompress',
]);

/** Inserts are synchronous and committed when acknowledged, even if a client requests async inserts. */
const ASYNC_INSERT = /^(wait_for_)?async_insert/;

/**
 * Reads parameters and headers. Throws `ClickHouseError` for what this server does not offer, by name.
 *
 * @param query the parameters of the URL, and of a form where the body is one
 */
export function readRequest(request: IncomingMessage, query: URLSearchParams): QueryRequest {
  const { headers } = request;
  const flag = (name: string): boolean => isSet(query, name);
  const defaultFormat = header(headers['x-clickhouse-format']) ?? query.get('default_format') ?? DEFAULT_FORMAT;
  if (!isFormatName(defaultFormat)) throw named('BAD_ARGUMENTS', 'default_format is not the name of a format');

  return {
    queryId: query.get('query_id') || header(headers['x-clickhouse-query-id']) || randomUUID(),
    query: query.get('query') ?? '',
    database: header(headers['x-clickhouse-database']) || query.get('database') || undefined,
    defaultFormat,
    ...readSettings(query),
    protocolRevision: Number(query.get('client_protocol_version') ?? 0) || 0,
    compression: { overHttp: flag('enable_http_compression'), inBlocks: flag('compress') },
    isInBlocks: flag('decompress'),
    waitsForEnd: flag('wait_end_of_query'),
    isReadOnly: request.method !== 'POST',
    session: readSession(query),
    sendTimeoutMs: 1000 * seconds(query, 'http_send_timeout', SEND_TIMEOUT_SECONDS, MAX_SEND_TIMEOUT_SECONDS),
  };
}

/** Whether a flag of the request is on. */
export function isSet(query: URLSearchParams, name: string): boolean {
  return ['1', 'true'].includes(query.get(name) ?? '');
}

function readSession(query: URLSearchParams): SessionRequest | undefined {
  const id = query.get('session_id');
  if (id === null || id === '') return undefined;
  return {
    id,
    timeoutSeconds: seconds(query, 'session_timeout', DEFAULT_SESSION_SECONDS, MAX_SESSION_SECONDS),
    mustExist: isSet(query, 'session_check'),
    closes: isSet(query, 'close_session'),
  };
}

function readSettings(query: URLSearchParams): Pick<QueryRequest, 'settings' | 'params'> {
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of query) {
    if (NOT_SETTINGS.has(name) || ASYNC_INSERT.test(name)) continue;
    // Names go into SQL text. What is not even a name gets the engine's own answer for an unknown setting.
    if (!/^[A-Za-z_][A-Za-z0-9_$]*$/.test(name)) throw named('UNKNOWN_SETTING', 'Unknown setting (not a name)');
    if (name.startsWith('param_')) params.set(name.slice('param_'.length), value);
    else if (name.includes('$')) throw named('UNKNOWN_SETTING', 'Unknown setting (not a name)');
    else settings.set(name, value);
  }
  return { settings, params };
}

function seconds(query: URLSearchParams, name: string, usual: number, most: number): number {
  const text = query.get(name);
  const value = text === null ? usual : Number(text);
  if (value > 0 && value <= most) return value;
  throw named('BAD_ARGUMENTS', `${name} must be a number of seconds above 0, at most ${most}`);
}

function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
