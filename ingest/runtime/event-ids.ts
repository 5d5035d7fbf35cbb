import { sha256Hex } from '#schemas/hash.js';
import { TWO_TO_32 } from './span-bytes.js';

/**
 * Base of the ids of entries that were sent without one. Entries of a log differ mostly in their time, so an id
 * consists of the hash of all other values, of which a request has few, and the time: appended to the event id, mixed
 * into trace and span id. Equal entries of one time get an ordinal within the request, which is hashed too.
 */
export interface IdBase {
  /** Event id without its time: 32 hexadecimal digits. */
  readonly event: string;
  /** Trace id and span id without their time. */
  readonly trace: Uint8Array;
  readonly span: Uint8Array;
}

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const HASH_DIGITS = 32;
export const TIME_DIGITS = 12;

/** Identity of an entry without its time. */
export class Identity {
  readonly base: IdBase;
  readonly #repeated: (ordinal: number) => IdBase;
  /** Times seen so far, as long as each is later or earlier than all before it, as in a log. */
  #times: number[] = [];
  #earliest = Number.POSITIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  #counts: Map<number, number> | undefined;

  constructor(baseOf: (ordinal: number) => IdBase) {
    this.base = baseOf(1);
    this.#repeated = baseOf;
  }

  /** Returns the base for the next entry at a time in milliseconds; for the first it is {@link base}. */
  next(ms: number): IdBase {
    const ordinal = this.#ordinalOf(ms);
    return ordinal === 1 ? this.base : this.#repeated(ordinal);
  }

  #ordinalOf(ms: number): number {
    if (this.#counts === undefined) {
      if (ms > this.#latest || ms < this.#earliest) {
        this.#times.push(ms);
        if (ms > this.#latest) this.#latest = ms;
        if (ms < this.#earliest) this.#earliest = ms;
        return 1;
      }
      this.#counts = new Map(this.#times.map((time) => [time, 1]));
      this.#times = [];
    }
    const ordinal = (this.#counts.get(ms) ?? 0) + 1;
    this.#counts.set(ms, ordinal);
    return ordinal;
  }
}

/**
 * Creates a function that returns the identity of a text describing an entry without its time. The text holds no
 * secrets and no personal data, which could be guessed from the hash. The organisation is hashed too, because two
 * organisations may use the same names.
 */
export function createIdentities(orgId: string): (text: string) => Identity {
  const identities = new Map<string, Identity>();
  return (text) => {
    let identity = identities.get(text);
    if (identity === undefined) {
      identity = new Identity((ordinal) => baseOf(`${orgId}\0${text}\0${String(ordinal)}`));
      identities.set(text, identity);
    }
    return identity;
  };
}

function baseOf(text: string): IdBase {
  const hash = sha256Hex(text);
  const bytes = Buffer.from(hash, 'hex');
  return {
    event: hash.slice(0, HASH_DIGITS),
    trace: bytes.subarray(0, TRACE_ID_BYTES),
    span: bytes.subarray(TRACE_ID_BYTES, TRACE_ID_BYTES + SPAN_ID_BYTES),
  };
}

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Writes a time's milliseconds as digits after an event id's hash. */
export function writeTimeDigits(bytes: Uint8Array, eventId: number, ms: number): void {
  let [low, high] = [ms % TWO_TO_32, Math.floor(ms / TWO_TO_32)];
  const end = eventId + HASH_DIGITS + TIME_DIGITS;
  for (let at = end - 1; at >= end - 8; at -= 1) {
    bytes[at] = HEX[low & 15] ?? 0;
    low >>>= 4;
  }
  for (let at = end - 9; at >= end - TIME_DIGITS; at -= 1) {
    bytes[at] = HEX[high & 15] ?? 0;
    high >>>= 4;
  }
}

/**
 * Mixes a time into the last eight bytes of a trace id and into a span id. Different times always give different ids.
 */
export function mixInTime(bytes: Uint8Array, traceId: number, spanId: number, ms: number): void {
  const low = ms % TWO_TO_32;
  const one = scatter(low);
  const other = scatter(low + Math.imul(Math.floor(ms / TWO_TO_32) + 1, 0x9e37_79b9));
  exclusiveOr(bytes, traceId + 8, one);
  exclusiveOr(bytes, traceId + 12, other);
  exclusiveOr(bytes, spanId, one);
  exclusiveOr(bytes, spanId + 4, other);
}

/** The finalizer of MurmurHash3: a bijection of 32-bit numbers that spreads adjacent ones. */
function scatter(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

function exclusiveOr(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ (word >>> 24);
  bytes[at + 1] = (bytes[at + 1] ?? 0) ^ (word >>> 16);
  bytes[at + 2] = (bytes[at + 2] ?? 0) ^ (word >>> 8);
  bytes[at + 3] = (bytes[at + 3] ?? 0) ^ word;
}
