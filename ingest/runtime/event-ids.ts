import { sha256Hex } from '#schemas/hash.js';

/** Makes ids of entries that came without: hashes of what they are and of the ordinal among equals within the request. */
export interface EventIds {
  /** The first 32 digits are the id. `identity` is the entry's, and holds its time. */
  hashOf(identity: string, ms: number): string;
}

const FIRST = '\u00001';

/** Hashed after scrubbing, since a short secret could be guessed from its hash. */
export function createEventIds(): EventIds {
  // Equals have the same time, and most times occur once: only entries that share theirs are counted one by one.
  const firstAt = new Map<number, string>();
  const counts = new Map<string, number>();
  return {
    hashOf(identity, ms) {
      const first = firstAt.get(ms);
      if (first === undefined) {
        firstAt.set(ms, identity);
        return sha256Hex(identity + FIRST);
      }
      if (!counts.has(first)) counts.set(first, 1);
      const ordinal = (counts.get(identity) ?? 0) + 1;
      counts.set(identity, ordinal);
      return sha256Hex(`${identity}\0${String(ordinal)}`);
    },
  };
}
