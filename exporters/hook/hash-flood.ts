import { FIXED_SEED_OPTION } from '../hook-start.js';

/**
 * Node draws a new seed for its hash tables at each start, so that nobody can construct keys that all collide, and
 * needs two milliseconds for it. The installed hook starts without it ({@link FIXED_SEED_OPTION}) and parses only a
 * limited number of strings under the known seed; for more it starts a process with a random seed.
 */

/**
 * If this many strings all collide, two million comparisons are made, which take about ten milliseconds. Most calls
 * have twenty strings.
 */
const MAX_STRINGS = 2048;

/** Thrown for more strings than may be parsed under a known seed. */
export class HashFlood extends Error {}

/** @throws HashFlood if the seed is fixed and the JSON text, well-formed or not, may contain too many strings. */
export function assertNotHashFlood(json: string): void {
  if (json.length <= 2 * MAX_STRINGS || !process.execArgv.includes(FIXED_SEED_OPTION)) return;
  let left = 2 * MAX_STRINGS;
  for (let at = json.indexOf('"'); at !== -1; at = json.indexOf('"', at + 1)) {
    left -= 1;
    if (left < 0) throw new HashFlood();
  }
}
