import { homedir } from 'node:os';
import { variable } from '../environment.js';

/** Returns the producers' folder: `SHIELDWATCH_HOME`, or `.shieldwatch` in the home folder. */
export function shieldwatchFolder(env: NodeJS.ProcessEnv): string {
  return variable(env, 'SHIELDWATCH_HOME') || `${env['HOME'] || homedir()}/.shieldwatch`;
}

/** Returns the spool folder: `SHIELDWATCH_SPOOL_DIR`, or `spool` in {@link shieldwatchFolder}. */
export function spoolFolder(env: NodeJS.ProcessEnv): string {
  return variable(env, 'SHIELDWATCH_SPOOL_DIR') || `${shieldwatchFolder(env)}/spool`;
}

const PREFIX = 'decisions-';

/** Matches the names of segments; the groups are the day (UTC) and the number on that day. */
export const SEGMENT_PATTERN = /^decisions-(\d{4}-\d{2}-\d{2})-(\d{6})\.ndjson$/;

/** Returns the segment for the first record of `timestamp`'s day (ISO 8601, UTC), or the one after `last`. */
export function nextSegment(timestamp: string, last: string | undefined): string {
  const [, lastDay = '', lastNumber = ''] = SEGMENT_PATTERN.exec(last ?? '') ?? [];
  const today = timestamp.slice(0, 10);
  // A clock that was set back must not create a segment that sorts before the current one.
  const day = today > lastDay ? today : lastDay;
  const number = day === lastDay ? Number(lastNumber) + 1 : 0;
  return `decisions-${day}-${String(number).padStart(6, '0')}.ndjson`;
}

/** Returns whether records of `timestamp`'s day still go into `segment`. */
export function isOfDay(segment: string, timestamp: string): boolean {
  return segment.slice(PREFIX.length, PREFIX.length + 10) >= timestamp.slice(0, 10);
}

/** Returns the newest segment among the files of a spool folder. */
export function newestSegment(names: readonly string[]): string | undefined {
  let newest = '';
  // Names are sorted, so the last is usually a segment. A regular expression that is used twice gets compiled, which
  // takes a hook longer than everything else here.
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i] ?? '';
    if (name > newest && name.startsWith(PREFIX) && SEGMENT_PATTERN.test(name)) newest = name;
  }
  return newest === '' ? undefined : newest;
}
