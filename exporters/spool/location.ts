import { homedir } from 'node:os';
import { join } from 'node:path';

/** The producers' own folder: `SHIELDWATCH_HOME`, or `.shieldwatch` in the home folder. */
export function shieldwatchFolder(env: NodeJS.ProcessEnv): string {
  return env['SHIELDWATCH_HOME'] || join(env['HOME'] ?? homedir(), '.shieldwatch');
}

/** Folder that holds the spool: `SHIELDWATCH_SPOOL_DIR`, or `spool` in {@link shieldwatchFolder}. */
export function spoolFolder(env: NodeJS.ProcessEnv): string {
  return env['SHIELDWATCH_SPOOL_DIR'] || join(shieldwatchFolder(env), 'spool');
}

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
  return (SEGMENT_PATTERN.exec(segment)?.[1] ?? '') >= timestamp.slice(0, 10);
}
