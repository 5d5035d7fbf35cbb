import { z } from 'zod';
import { errorBody } from '#schemas/http/error.js';
import type { RouteSpec } from '../api/route.js';

/** The subset of OpenAPI 3.1 that is generated here. */
export interface OpenApiDocument {
  openapi: '3.1.0';
  info: { title: string; version: string; description: string };
  servers: { url: string }[];
  security: Record<string, string[]>[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: {
    securitySchemes: Record<string, object>;
    schemas: Record<string, object>;
    responses: Record<string, OpenApiAnswer>;
  };
}

export interface OpenApiOperation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: 'path' | 'query'; required: boolean; schema: object; description?: string }[];
  requestBody?: { required: true; content: Record<string, { schema: object }> };
  responses: Record<string, OpenApiAnswer | { $ref: string }>;
}

const TAGS = [
  { name: 'ingest', description: 'Send telemetry: scans, decisions, drifts, OTLP.' },
  { name: 'query', description: 'Query repositories and series.' },
  { name: 'control', description: 'Organisation, members, tokens, decisions, purges.' },
  { name: 'audit', description: 'The audit trail: who changed what, and when.' },
];

/** Responses that any route may give: component name and description. */
const REFUSALS: Readonly<Record<string, { name: string; description: string }>> = {
  400: { name: 'BadRequest', description: 'The request is invalid; the error names the field.' },
  401: { name: 'Unauthorized', description: 'The token is missing or unknown.' },
  403: { name: 'Forbidden', description: 'Scope, role or plan does not permit the request.' },
  404: { name: 'NotFound', description: 'No such resource in your organisation.' },
  409: { name: 'Conflict', description: 'The request conflicts with the current state.' },
  413: { name: 'TooLarge', description: 'Too large.' },
  415: { name: 'UnsupportedMediaType', description: 'The route does not accept this media type or encoding.' },
  422: { name: 'NotRedacted', description: 'The evidence pack is not redacted.' },
  429: { name: 'TooManyRequests', description: 'Quota exceeded; Retry-After says when to retry.' },
  503: { name: 'Unavailable', description: 'Temporarily unavailable; Retry-After says when to retry.' },
};

/** Builds the OpenAPI document of the given routes from their zod schemas. */
export function openApiDocument(routes: readonly RouteSpec[], version: string): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {};
  for (const route of routes) {
    (paths[route.url] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Shieldwatch',
      version,
      description:
        'Security observability for AI coding agents. The token determines the organisation of a request; no parameter can name another one.',
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }],
    tags: TAGS,
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'eccp_..., minted with `shieldwatch token mint`.' },
      },
      schemas: { Error: jsonSchema(errorBody, 'output') },
      responses: Object.fromEntries(
        Object.values(REFUSALS).map(({ name, description }) => [
          name,
          answer(description, { $ref: '#/components/schemas/Error' }),
        ]),
      ),
    },
  };
}

function operation(route: RouteSpec): OpenApiOperation {
  const parameters = [...parametersOf('path', route.params), ...parametersOf('query', route.query)];
  const needs = [
    route.scopes.length === 0 ? 'Public.' : `Scope: ${route.scopes.map((scope) => `\`${scope}\``).join(' or ')}.`,
    ...(route.role === undefined ? [] : [`Role: ${route.role}.`]),
  ];
  const requestBody =
    route.body !== undefined
      ? { required: true as const, content: { 'application/json': { schema: jsonSchema(route.body, 'input') } } }
      : route.rawBody !== undefined
        ? {
            required: true as const,
            content: Object.fromEntries(route.rawBody.map((type) => [type, { schema: rawSchema(type) }])),
          }
        : undefined;
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, needs.join(' ')].filter((part) => part !== undefined).join('\n\n'),
    ...(route.scopes.length === 0 ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(requestBody === undefined ? {} : { requestBody }),
    responses: {
      200: answer('Done.', jsonSchema(route.response, 'output'), route.responseType),
      ...Object.fromEntries(
        Object.entries(REFUSALS).map(([status, { name, description }]) => {
          const other = route.otherResponses?.[Number(status)];
          return [
            status,
            other === undefined
              ? { $ref: `#/components/responses/${name}` }
              : answer(description, jsonSchema(other, 'output')),
          ];
        }),
      ),
    },
  };
}

interface OpenApiAnswer {
  description: string;
  content: Record<string, { schema: object }>;
}

function answer(description: string, schema: object, type = 'application/json'): OpenApiAnswer {
  return { description, content: { [type]: { schema } } };
}

function parametersOf(
  place: 'path' | 'query',
  shape: RouteSpec['params'],
): NonNullable<OpenApiOperation['parameters']> {
  if (shape === undefined) return [];
  const schema = jsonSchema(shape, 'input') as { properties?: Record<string, object>; required?: string[] };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (schema.required ?? []).includes(name),
    schema: property,
  }));
}

const rawSchema = (type: string): object =>
  type === 'application/json' ? { type: 'object' } : { type: 'string', format: 'binary' };

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const made: Record<string, unknown> = { ...z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' }) };
  delete made['$schema'];
  return made;
}
