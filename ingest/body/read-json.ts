import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { ShieldwatchError } from '#schemas/errors.js';
import { JSON_TYPE } from '../telemetry/sink.js';
import { fromZod } from '../errors/from-zod.js';
import { chargeClear } from './charge-clear.js';
import { bodyParts, contentEncoding, mediaType } from './content.js';
import { checkFields, type placesOf } from './fields.js';
import { inflate } from './inflate.js';
import { parseJson } from './json.js';

/** A JSON body that is what its schema says; `warnings` name the fields that were dropped. */
export interface ReadBody<T> {
  value: T;
  warnings: string[];
}

/** Reads a request's JSON, at most `limit` bytes inflated. @throws ShieldwatchError 4xx. */
export async function readBytes(request: FastifyRequest, limit: number): Promise<unknown> {
  if (mediaType(request) !== JSON_TYPE) {
    throw new ShieldwatchError('media_type_unsupported', `content-type: expected ${JSON_TYPE}`);
  }
  const body = await inflate(bodyParts(request), contentEncoding(request), limit);
  chargeClear(request, body.length);
  return parseJson(body);
}

/** Holds a body to its schema. @throws ShieldwatchError 400 that names the field. */
export function parseBody<T extends z.ZodType>(input: unknown, schema: T, places: ReturnType<typeof placesOf>): ReadBody<z.output<T>> {
  const warnings = checkFields(input, places);
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw fromZod(parsed.error, input, 'body_invalid');
  return { value: parsed.data, warnings };
}
