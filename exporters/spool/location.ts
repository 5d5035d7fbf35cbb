import { homedir } from 'node:os';

/** The producers' own folder: `SHIELDWATCH_HOME`, or `.shieldwatch` in the home folder. */
export function shieldwatchFolder(env: NodeJS.ProcessEnv): string {
  return env['SHIELDWATCH_HOME'] || `${env['HOME'] || homedir()}/.shieldwatch`;
}

/** Folder that holds the spool: `SHIELDWATCH_SPOOL_DIR`, or `spool` in {@link shieldwatchFolder}. */
export function spoolFolder(env: NodeJS.ProcessEnv): string {
  return env['SHIELDWATCH_SPOOL_DIR'] || `${shieldwatchFolder(env)}/spool`;
}

const PREFIX = 'decisions-';

/** Matches the names of segments; the groups are the day (UTC) and the number within it. */
export const SEGMENT_PATTERN = /^decisions-(\d{4}-\d{2}-\d{2})-(\d{6})\.ndjson$/;

/** Segment that takes the first record of `timestamp`'s day (ISO 8601, UTC), or the one after `last`. */
export function nextSegment(timestamp: string, last: string | undefined): string {
  const [, lastDay = '', lastNumber = ''] = SEGMENT_PATTERN.exec(last ?? '') ?? [];
  const today = timestamp.slice(0, 10);
  // A clock that was set back must not make a segment that sorts before the current one.
  const day = today > lastDay ? today : lastDay;
  const number = day === lastDay ? Number(lastNumber) + 1 : 0;
  return `decisions-${day}-${String(number).padStart(6, '0')}.ndjson`;
}

/** True when records of `timestamp`'s day still go into `segment`. */
export function isOfDay(segment: string, timestamp: string): boolean {
  return segment.slice(PREFIX.length, PREFIX.length + 10) >= timestamp.slice(0, 10);
}

/** The newest segment among the files of a spool folder. */
export function newestSegment(names: readonly string[]): string | undefined {
  let newest = '';
  // Names come sorted, so that going back the first is mostly it: an expression that is used twice gets compiled,
  // which takes a hook longer than all the rest here.
  for (let i = names.length - 1; i >= 0; i--) {
    const name = names[i] ?? '';
    if (name > newest && name.startsWith(PREFIX) && SEGMENT_PATTERN.test(name)) newest = name;
  }
  return newest === '' ? undefined : newest;
}
