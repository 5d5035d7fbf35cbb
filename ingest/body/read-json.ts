import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { callerOf } from '../auth/caller.js';
import { JSON_TYPE } from '../request/content.js';
import { parseWith } from '../errors/from-zod.js';
import { chargeDecompressed } from './charge-decompressed.js';
import { bodyParts, contentEncoding, mediaType } from '../request/content.js';
import { checkFields, type knownFieldsOf } from './fields.js';
import { inflate } from './inflate.js';

/** A validated JSON body; `warnings` name the fields that were dropped. */
export interface ReadBody<T> {
  value: T;
  warnings: string[];
}

/**
 * Reads the bytes of a JSON body, at most `limit` when decompressed, and charges for them.
 * @throws ShieldwatchError 4xx.
 */
export async function readJsonBytes(request: FastifyRequest, limit: number): Promise<Buffer> {
  if (mediaType(request) !== JSON_TYPE) {
    throw new ShieldwatchError('media_type_unsupported', `content-type: expected ${JSON_TYPE}`);
  }
  const body = await inflate(bodyParts(request), contentEncoding(request), limit, callerOf(request).orgId);
  chargeDecompressed(request, body.length);
  return body;
}

/**
 * Validates a body against its schema.
 * @throws ShieldwatchError 400 that names the field.
 */
export function parseBody<T extends z.ZodType>(
  input: unknown,
  schema: T,
  fields: ReturnType<typeof knownFieldsOf>,
): ReadBody<z.output<T>> {
  const warnings = checkFields(input, fields);
  return { value: parseWith(schema, input, 'body_invalid'), warnings };
}
