import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';

/** Position of a decoder, as a linked list to the root; formatted only when an error is reported. */
export interface Position {
  readonly parent: Position | undefined;
  readonly name: string;
  /** Index within a repeated field. */
  readonly index: number | undefined;
}

/** Formats a position, such as `resourceSpans[0].scopeSpans[0].spans[3].traceId`. */
function formatPosition(place: Position | undefined): string {
  if (place === undefined) return '';
  const own = place.index === undefined ? place.name : `${place.name}[${String(place.index)}]`;
  return place.parent === undefined ? own : `${formatPosition(place.parent)}.${own}`;
}

/** Creates the 400 for a request that is not valid OTLP, with the position and what was expected there. */
export function malformed(place: Position | undefined, expected: string): ShieldwatchError {
  const field = formatPosition(place);
  return new ShieldwatchError('body_invalid', `${field === '' ? 'the body' : field}: expected ${expected}`, {
    ...(field === '' ? {} : { field }),
    expected,
  });
}

/** Creates the 400 for messages nested too deep. */
export function tooDeep(place: Position | undefined): ShieldwatchError {
  return malformed(place, `at most ${String(MAX_OTLP_DEPTH)} levels`);
}

/** Creates the 413 for a request with too many entries. */
export function tooManyEntries(): ShieldwatchError {
  return new ShieldwatchError(
    'body_too_large',
    `the body holds more than ${String(MAX_OTLP_ENTRIES)} messages and list elements`,
  );
}
