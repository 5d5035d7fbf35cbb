import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';

/** Where a decoder is, as a chain up to the root; turned into text only when something is wrong there. */
export interface Place {
  readonly parent: Place | undefined;
  readonly name: string;
  /** Of repeated fields. */
  readonly index: number | undefined;
}

/** E.g. `resourceSpans[0].scopeSpans[0].spans[3].traceId`. */
function placeText(place: Place | undefined): string {
  if (place === undefined) return '';
  const own = place.index === undefined ? place.name : `${place.name}[${String(place.index)}]`;
  return place.parent === undefined ? own : `${placeText(place.parent)}.${own}`;
}

/** The 400 for a request that is not OTLP: names the position and what was expected there. */
export function malformed(place: Place | undefined, expected: string): ShieldwatchError {
  const field = placeText(place);
  return new ShieldwatchError('body_invalid', `${field === '' ? 'the body' : field}: expected ${expected}`, {
    ...(field === '' ? {} : { field }),
    expected,
  });
}

/** The 400 for messages inside messages without end. */
export function tooDeep(place: Place | undefined): ShieldwatchError {
  return malformed(place, `at most ${String(MAX_OTLP_DEPTH)} levels`);
}

/** The 413 for a request of more entries than one may hold. */
export function tooManyEntries(): ShieldwatchError {
  return new ShieldwatchError(
    'body_too_large',
    `the body holds more than ${String(MAX_OTLP_ENTRIES)} messages and list elements`,
  );
}
