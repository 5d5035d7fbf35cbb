import { FIXED_SEED_OPTION } from '../hook-start.js';

/**
 * Node draws a new seed of its hash tables at each start, so that nobody can make up keys that all fall together, and
 * spends two milliseconds on it. The installed hook is started without ({@link FIXED_SEED_OPTION}) and reads only so many
 * strings under a seed that everybody knows; more are left to a process with a seed of its own.
 */

/** Of this many strings that all collide, two million comparisons are made, which is some ten milliseconds. Most calls have twenty. */
const MAX_STRINGS = 2048;

/** More strings than may be read under a known seed. */
export class HashFlood extends Error {}

/** @throws HashFlood when the seed is fixed and the JSON text, well-formed or not, may hold too many strings. */
export function assertNotHashFlood(json: string): void {
  if (json.length <= 2 * MAX_STRINGS || !process.execArgv.includes(FIXED_SEED_OPTION)) return;
  let left = 2 * MAX_STRINGS;
  for (let at = json.indexOf('"'); at !== -1; at = json.indexOf('"', at + 1)) {
    left -= 1;
    if (left < 0) throw new HashFlood();
  }
}
