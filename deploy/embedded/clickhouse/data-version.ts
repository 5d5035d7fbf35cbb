import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClickHouseStartError } from './messages.js';

/** Of the folder's files around the engine's own; raised when an older program could not open what we write. */
const LAYOUT = 1;

/**
 * Refuses a data folder that a newer engine or a newer layout has written: parts on disk open upwards
 * only. A folder without a stamp is from before there was one, and opens.
 *
 * @param engine the engine's version, `26.7.3`
 */
export function checkDataVersion(dataDir: string, engine: string): void {
  const path = stampPath(dataDir);
  if (!existsSync(path)) return;
  const stamp = readStamp(path);
  if (stamp !== undefined && stamp.layout <= LAYOUT && compareMinor(stamp.engine, engine) <= 0) return;
  const wrote = stamp === undefined ? 'an unknown version' : `layout ${stamp.layout}, engine ${stamp.engine}`;
  throw new ClickHouseStartError(
    'DATA_DIR_NEWER',
    `the data folder ${dataDir} was written by a newer version (${wrote}; this is layout ${LAYOUT}, engine ${engine}): use that version, or another folder`,
  );
}

/** Notes, once the engine has opened the folder, who did. */
export function stampDataVersion(dataDir: string, engine: string): void {
  const path = stampPath(dataDir);
  writeFileSync(`${path}.new`, `${JSON.stringify({ layout: LAYOUT, engine })}\n`);
  renameSync(`${path}.new`, path);
}

function stampPath(dataDir: string): string {
  return join(dataDir, 'version.json');
}

function readStamp(path: string): { layout: number; engine: string } | undefined {
  try {
    const { layout, engine } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    return typeof layout === 'number' && typeof engine === 'string' ? { layout, engine } : undefined;
  } catch {
    return undefined;
  }
}

/** By year and release (26.7): patches write what the others of their release read. */
function compareMinor(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}
