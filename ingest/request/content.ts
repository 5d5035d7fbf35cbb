import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';

export const JSON_TYPE = 'application/json';
export const PROTOBUF_TYPE = 'application/x-protobuf';
export type OtlpType = typeof JSON_TYPE | typeof PROTOBUF_TYPE;

/** Encodings of a body that are understood. */
export type ContentEncoding = 'identity' | 'gzip' | 'deflate';

/** Media type of the body, lower case, without parameters; empty when none was sent. */
export function mediaType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Bytes of the body as announced; undefined when its length was not. */
export function announcedSize(request: FastifyRequest): number | undefined {
  const length = request.headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** @throws ShieldwatchError 415 when the body is encoded in another way. */
export function contentEncoding(request: FastifyRequest): ContentEncoding {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return 'identity';
  if (encoding === 'gzip' || encoding === 'deflate') return encoding;
  throw new ShieldwatchError('media_type_unsupported', 'content-encoding: expected identity, gzip or deflate');
}

const NOTHING: readonly Buffer[] = [];

/** The body as it came, in pieces; none when there was none. The routes that call this read every body by {@link readParts}. */
export function bodyParts(request: FastifyRequest): readonly Buffer[] {
  return Array.isArray(request.body) ? (request.body as readonly Buffer[]) : NOTHING;
}
