import { homedir } from 'node:os';
import { join } from 'node:path';

/** Folder that holds the spool: `SHIELDWATCH_SPOOL_DIR`, or `.shieldwatch/spool` in the home folder. */
export function spoolFolder(env: NodeJS.ProcessEnv): string {
  const configured = env['SHIELDWATCH_SPOOL_DIR'];
  if (configured !== undefined && configured !== '') return configured;
  return join(env['HOME'] ?? homedir(), '.shieldwatch', 'spool');
}

/** Name of the spool file that takes decisions made at `timestamp` (ISO 8601, UTC): one file a day. */
export function spoolFileName(timestamp: string): string {
  return `decisions-${timestamp.slice(0, 10)}.ndjson`;
}

/** Matches names made by {@link spoolFileName}; the group is the day. */
export const SPOOL_FILE_PATTERN = /^decisions-(\d{4}-\d{2}-\d{2})\.ndjson$/;
