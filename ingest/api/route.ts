import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { isAtLeast, type Role } from '#schemas/http/roles.js';
import type { Scope } from '#schemas/http/scopes.js';
import { callerOf, type Caller } from '../auth/caller.js';
import { requireScope } from '../auth/require-scope.js';
import { parseJson } from '../body/json.js';
import { parseBody, readJsonBytes } from '../body/read-json.js';
import { knownFieldsOf } from '../body/fields.js';
import { fromZod } from '../errors/from-zod.js';
import { LARGE_BYTES, pace } from '../work/large-work.js';
import type { Meter } from '../request/meter.js';

type Shape = z.ZodObject;

/**
 * One route of the API. The table of these is the single source for the server's routes, OpenAPI, the typed client, and
 * the tenancy and fuzz tests.
 */
export interface RouteSpec {
  /** Operation id of OpenAPI. */
  id: string;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Path with `{name}` parameters. */
  url: string;
  tag: 'ingest' | 'query' | 'control' | 'audit';
  summary: string;
  description?: string;
  /** Scopes of which the token needs any one; empty for public routes. */
  scopes: readonly Scope[];
  /** Authenticates a route whose secret is in its path. Rejects an unknown secret. */
  identify?: (request: FastifyRequest) => Promise<void>;
  /** Minimum role, required in addition to a scope. Every route that changes something has one. */
  role?: Role;
  params?: Shape;
  query?: Shape;
  /**
   * Schema of the body. Control-plane bodies are strict; bodies of producers (`isTolerant`) drop unknown fields with a
   * warning.
   */
  body?: z.ZodType;
  isTolerant?: boolean;
  /** The handler reads the body itself (`receiveReport`), because it may be too large for the main thread. */
  isReport?: true;
  /** Maximum bytes of a body. Default: 64 KiB. */
  bodyLimit?: number;
  /** Media types of a body that is forwarded as bytes and not parsed. */
  rawBody?: readonly string[];
  response: z.ZodType;
  /** Media type of the answer, when it is not JSON. */
  responseType?: string;
  /** Additional answers by status, in addition to the errors that every route has. */
  otherResponses?: Readonly<Record<number, z.ZodType>>;
}

type Output<T> = T extends z.ZodType ? z.output<T> : undefined;

/** Validated input of a handler. */
export interface RouteContext<S extends RouteSpec> {
  caller: Caller;
  params: Output<S['params']>;
  query: Output<S['query']>;
  body: S extends { isReport: true } ? undefined : Output<S['body']>;
  /** Warnings about fields of the body that were dropped. */
  warnings: string[];
  request: FastifyRequest;
  reply: FastifyReply;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** All routes of the API, in order of registration. */
    apiRoutes: RouteSpec[];
  }
  interface FastifyContextConfig {
    spec?: RouteSpec;
  }
}

const DEFAULT_BODY_LIMIT = 64 * 1024;

/** Registers a route. `handler` gets input that was validated by the spec and returns the spec's response. */
export function addRoute<S extends RouteSpec>(
  app: FastifyInstance,
  spec: S,
  handler: (
    context: RouteContext<S>,
  ) => Promise<z.input<S['response']>> | z.input<S['response']> | Promise<FastifyReply>,
): void {
  app.apiRoutes.push(spec);
  const limit = spec.bodyLimit ?? DEFAULT_BODY_LIMIT;
  const known = spec.body === undefined ? undefined : knownFieldsOf(spec.body);
  const readParams = parameterParser(spec.params, 'not_found');
  const readQuery = parameterParser(spec.query, 'query_invalid');
  app.route({
    method: spec.method,
    url: spec.url.replaceAll(/\{(\w+)\}/g, ':$1'),
    bodyLimit: limit,
    config: { spec, otlp: spec.rawBody !== undefined },
    ...(spec.identify === undefined ? {} : { onRequest: spec.identify }),
    ...(spec.scopes.length === 0
      ? {}
      : {
          onRequest:
            spec.role === undefined
              ? requireScope(...spec.scopes)
              : [requireScope(...spec.scopes), requireRole(spec.role)],
        }),
    handler: async (request, reply): Promise<unknown> => {
      const { value: body, warnings } =
        spec.body === undefined || known === undefined || spec.isReport === true
          ? { value: undefined, warnings: [] }
          : await readBody(request, spec.body, known, limit);
      const [dropped] = warnings;
      if (spec.isTolerant !== true) {
        if (dropped !== undefined) throw new ShieldwatchError('body_invalid', dropped.replace(', dropped', ''));
        rejectNul(body);
      }
      return handler({
        caller: spec.scopes.length === 0 ? ANONYMOUS : callerOf(request),
        params: readParams(request.params) as Output<S['params']>,
        query: readQuery(request.query) as Output<S['query']>,
        body: body as RouteContext<S>['body'],
        warnings,
        request,
        reply,
      });
    },
  });
}

async function readBody(
  request: FastifyRequest,
  schema: z.ZodType,
  known: ReturnType<typeof knownFieldsOf>,
  limit: number,
): Promise<{ value: unknown; warnings: string[] }> {
  const bytes = await readJsonBytes(request, limit);
  await pace.take(callerOf(request).orgId, bytes.length / LARGE_BYTES);
  const meter: Meter = { entries: 0 };
  try {
    return parseBody(parseJson(bytes, meter), schema, known);
  } finally {
    request.server.countEntries(request, meter.entries);
  }
}

/** Rejects NUL characters, which Postgres text cannot hold. Control-plane bodies are small and flat. */
function rejectNul(body: unknown): void {
  const name = Object.entries(body ?? {}).find(([, value]) => typeof value === 'string' && value.includes('\0'))?.[0];
  if (name !== undefined)
    throw new ShieldwatchError('body_invalid', `${name}: expected text without NUL characters`, { field: name });
}

/** Caller of public routes, which must not depend on one. */
const ANONYMOUS: Caller = {
  orgId: '',
  tokenId: '',
  actor: '',
  scopes: [],
  role: 'viewer',
  repository: null,
  retentionDays: 1,
};

function requireRole(role: Role) {
  return (request: FastifyRequest, _reply: FastifyReply, next: (error?: Error) => void): void => {
    checkRole(callerOf(request), role);
    next();
  };
}

/**
 * Rejects a caller below `role`.
 * @throws ShieldwatchError 403.
 */
export function checkRole(caller: Caller, role: Role): void {
  if (!isAtLeast(caller.role, role)) throw new ShieldwatchError('role_missing', `this needs the role ${role}`);
}

/**
 * Creates a parser of path or query parameters. An unknown parameter is an error: a filter that is not applied would
 * show too much.
 */
function parameterParser(schema: Shape | undefined, code: 'query_invalid' | 'not_found'): (input: unknown) => unknown {
  const known = Object.keys(schema?.shape ?? {});
  const isOpen = schema?._zod.def.catchall !== undefined;
  return (input) => {
    if (!isOpen && !Object.keys(input as object).every((name) => known.includes(name))) {
      throw new ShieldwatchError(
        'query_invalid',
        `this route accepts ${known.length === 0 ? 'no parameters' : `the parameters ${known.join(', ')}`}`,
      );
    }
    if (schema === undefined) return undefined;
    // Postgres text cannot hold NUL, so no stored name contains it.
    const hasNul = Object.values(input as object).some((value) => typeof value === 'string' && value.includes('\0'));
    const parsed = schema.safeParse(input);
    if (parsed.success && !hasNul) return parsed.data;
    if (code === 'not_found') throw new ShieldwatchError('not_found', 'no resource has this name');
    if (parsed.success) throw new ShieldwatchError(code, 'a parameter contains a NUL character');
    throw fromZod(parsed.error, input, code);
  };
}
