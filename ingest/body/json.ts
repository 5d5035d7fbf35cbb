import { ShieldwatchError } from '#schemas/errors.js';

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
/**
 * Objects and arrays a JSON body may hold. Telemetry has about one in 30 bytes; a body of nothing but `{}`
 * would take fifty times its size in memory.
 */
const MAX_NODES = 4_000_000;

/** Parses a body. @throws ShieldwatchError 400; the parser's own words are dropped, they quote the body. */
export function parseJson(body: Buffer): unknown {
  // A body of fewer bytes cannot hold so many.
  if (body.length > MAX_NODES && countNodes(body) > MAX_NODES) throw new ShieldwatchError('body_too_large', `the body holds more than ${String(MAX_NODES)} values`);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    throw new ShieldwatchError('body_not_json', body.length === 0 ? 'the body is empty, expected JSON' : 'the body is not JSON');
  }
}

function countNodes(body: Buffer): number {
  let nodes = 0;
  for (const byte of body) if (byte === OPEN_BRACE || byte === OPEN_BRACKET) nodes += 1;
  return nodes;
}
