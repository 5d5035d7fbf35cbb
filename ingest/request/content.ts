import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
export type OtlpType = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

/** Supported content encodings. */
export type ContentEncoding = 'identity' | 'gzip' | 'deflate';

/** Returns the media type of the body, lower case, without parameters; empty when none was sent. */
export function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Returns the body's `content-length`; undefined when it was not sent. */
export function contentLength(request: FastifyRequest): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/**
 * Returns the content encoding.
 * @throws ShieldwatchError 415 when it is not supported.
 */
export function contentEncoding(request: FastifyRequest): ContentEncoding {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return 'identity';
  if (encoding === 'gzip' || encoding === 'deflate') return encoding;
  throw new ShieldwatchError('media_type_unsupported', 'content-encoding: expected identity, gzip or deflate');
}

const NOTHING: readonly Buffer[] = [];

/** Returns the pieces of the body as received by {@link readParts}; none when there was no body. */
export function bodyParts(request: FastifyRequest): readonly Buffer[] {
  return Array.isArray(request.body) ? (request.body as readonly Buffer[]) : NOTHING;
}
