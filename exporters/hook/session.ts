import { existsSync } from 'node:fs';
import { readFile } from '../read-file.js';
import { checksum } from '../spool/checksum.js';
import { PolicyError } from './policy.js';
import { writeSession, type Session } from './session-write.js';

/** Limits on bytes and number of a session's policies: an agent can create any number. */
const [MAX_BYTES, MAX_POLICIES] = [32 * 1024 * 1024, 200];

/** Folder of the copies, inside the producers' own, which the built-in rules protect. */
export const sessionsFolder = (home: string): string => `${home}/sessions`;

function fileOf(home: string, sessionId: string): string {
  return `${sessionsFolder(home)}/${/^[\w-]{1,100}$/.test(sessionId) ? sessionId : `other-${checksum(sessionId)}`}.json`;
}

/**
 * Returns the data about a session; undefined before its first call, and for calls without a session.
 *
 * @throws PolicyError if it exists and cannot be read.
 */
export function readSession(home: string, sessionId: string): Session | undefined {
  if (sessionId === '') return undefined;
  const file = fileOf(home, sessionId);
  if (!existsSync(file)) return undefined;
  const session = parseSession(file);
  if (session === undefined) throw new PolicyError("the session's copy of the policy cannot be read");
  return session;
}

export function parseSession(file: string): Session | undefined {
  try {
    const value = JSON.parse(readFile(file, MAX_BYTES)) as Session | null;
    return typeof value?.first === 'string' && typeof value.policies === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Adds policies that newly apply to the session. If that cannot be written, only the files apply. */
export function keepPolicies(
  home: string,
  sessionId: string,
  cwd: string,
  known: Session | undefined,
  policies: ReadonlyMap<string, string>,
): void {
  if (sessionId === '') return;
  const isNew = [...policies.keys()].some((path) => known === undefined || !Object.hasOwn(known.policies, path));
  if (known !== undefined && (!isNew || Object.keys(known.policies).length >= MAX_POLICIES)) return;
  const session: Session = {
    first: known?.first ?? cwd,
    policies: { ...Object.fromEntries(policies), ...known?.policies },
  };
  writeSession(fileOf(home, sessionId), session, known === undefined);
}
