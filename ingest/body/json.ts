import { ShieldwatchError } from '#schemas/errors.js';
import type { Meter } from '../request/meter.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const BYTE_ORDER_MARK = '\ufeff';

/** Maximum nesting of objects and arrays. No valid body reaches ten. */
const MAX_JSON_DEPTH = 100;
/** Maximum number of JSON values: a body of nothing but `{}` takes fifty times its size in memory. */
const MAX_JSON_VALUES = 1_000_000;

/**
 * Parses a body, after checking that its structure does not cost far more memory than its size. Adds the number of
 * values to `meter`.
 *
 * @throws ShieldwatchError 400 or 413, without the parser's message, which quotes the body.
 */
export function parseJson(body: Buffer, meter: Meter): unknown {
  checkShape(body, meter);
  try {
    const text = body.toString('utf8');
    return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text) as unknown;
  } catch {
    throw new ShieldwatchError(
      'body_not_json',
      body.length === 0 ? 'the body is empty, expected JSON' : 'the body is not JSON',
    );
  }
}

/** Counts values and levels outside of strings. The body may be invalid JSON. */
function checkShape(body: Buffer, meter: Meter): void {
  let [depth, values] = [0, 0];
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (byte === QUOTE) {
      // Skip to the end of the string, or of the body.
      for (at += 1; at < body.length && body[at] !== QUOTE; at += 1) if (body[at] === BACKSLASH) at += 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth += 1;
      values += 1;
      if (depth > MAX_JSON_DEPTH) {
        const expected = `at most ${String(MAX_JSON_DEPTH)} levels`;
        throw new ShieldwatchError('body_invalid', `the body: expected ${expected}`, { expected });
      }
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
    } else if (byte === COMMA) {
      values += 1;
    }
    if (values > MAX_JSON_VALUES) {
      meter.entries = values;
      throw new ShieldwatchError('body_too_large', `the body holds more than ${String(MAX_JSON_VALUES)} values`);
    }
  }
  meter.entries = values;
}
