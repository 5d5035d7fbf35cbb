import type { IncomingMessage } from 'node:http';
import { Body } from './body.js';
import { named } from './errors.js';

/** A client names its query and parameters in one form; more of them is no client's. */
const MAX_FIELDS = 1000;

/**
 * Reads a `multipart/form-data` body, whose fields are parameters as those of the URL are. Throws for a file, which
 * would be an external table, and for a body beyond 8 MiB. undefined for a body that is no form.
 */
export async function readForm(request: IncomingMessage, isInBlocks: boolean): Promise<[string, string][] | undefined> {
  const type = request.headers['content-type'] ?? '';
  if (!type.toLowerCase().startsWith('multipart/form-data')) return undefined;
  const bytes = await (await Body.open(request, '', isInBlocks)).statement();
  const fields: [string, string][] = [];
  for (const [name, value] of await parse(bytes, type)) {
    if (typeof value !== 'string')
      throw named(
        'NOT_IMPLEMENTED',
        'External tables (a file in multipart/form-data) are not supported by the embedded server',
      );
    fields.push([name, value]);
    if (fields.length > MAX_FIELDS) throw named('BAD_ARGUMENTS', `The form has more than ${MAX_FIELDS} fields`);
  }
  return fields;
}

async function parse(bytes: Buffer, type: string): Promise<FormData> {
  try {
    // Deprecated for servers as it gathers the body in memory, of which there are 8 MiB at most.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return await new Response(bytes, { headers: { 'Content-Type': type } }).formData();
  } catch {
    throw named('BAD_ARGUMENTS', 'The request body is not the multipart/form-data that its Content-Type says');
  }
}
