import { closeSync, constants, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { readFile } from '../read-file.js';
import { checksum } from '../spool/checksum.js';
import { newEventId } from '../spool/event-id.js';
import { makeFolder } from '../spool/make-folder.js';
import type { RateLimit } from './policy.js';

const MINUTE_MS = 60_000;
/** Characters a call takes in a file of counts. */
const CALL_LENGTH = 8;
// O_NONBLOCK: opening a pipe without a reader would block.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
/** More calls a minute than an agent can make. */
const MAX_BYTES = 1024 * 1024 * CALL_LENGTH;
/** Characters of an input that tell one call from another under the same id. */
const INPUT_LENGTH = 1024;

/** Whose calls are counted together: one session under one policy. */
export interface RateScope {
  /** Folder for the counts. */
  readonly folder: string;
  readonly policyPath: string;
  readonly sessionId: string;
}

/** What tells a call from others: its id, and what it does, since a client may give all its calls one id. */
export interface RatedCall {
  readonly toolCallId?: string;
  readonly tool: string;
  readonly input: string;
}

/** What a rate limit says: `unknown` when calls cannot be counted, e.g. on a full disk. */
export type RateAnswer = 'within' | 'exceeded' | 'unknown';

/**
 * Counts a call and holds it against the limit over the last minute; a call that several hooks ask about counts
 * once. Processes that run at once share the count through a file a minute to which each appends the checksum of its
 * call: appending is atomic and needs no lock. The minute before counts by its share of the window, which evens out
 * the boundary.
 */
export function countCall({ maxPerMinute }: RateLimit, scope: RateScope, call: RatedCall, now: number): RateAnswer {
  try {
    // Keeps the few files of a machine apart; a hash would cost its library two milliseconds.
    const key = checksum(`${scope.policyPath}\n${scope.sessionId}`);
    const minute = Math.floor(now / MINUTE_MS);
    const path = (of: number): string => `${scope.folder}/${key}-calls-${String(of)}`;
    const before = callsIn(path(minute - 1));
    const current = add(scope.folder, path(minute), mark(call));
    if (current.length === CALL_LENGTH) forget(scope.folder, minute);
    const earlier = distinct(before);
    let inWindow = 0;
    for (const one of distinct(current)) if (!earlier.has(one)) inWindow += 1;
    // Refused calls count too; without the cap an agent that retries would stay refused.
    inWindow += Math.floor(Math.min(maxPerMinute, earlier.size) * (1 - (now % MINUTE_MS) / MINUTE_MS));
    return inWindow > maxPerMinute ? 'exceeded' : 'within';
  } catch {
    return 'unknown';
  }
}

/** What a call writes to the file: equal for every judgement of one call, and unique for calls without an id. */
function mark({ toolCallId, tool, input }: RatedCall): string {
  if (toolCallId === undefined) return checksum(newEventId());
  return checksum(`${toolCallId}\n${tool}\n${String(input.length)}\n${input.slice(0, INPUT_LENGTH)}`);
}

/** Appends a call; the file's text with it. */
function add(folder: string, path: string, call: string): string {
  if (!existsSync(folder)) makeFolder(folder);
  const descriptor = openSync(path, FLAGS, 0o600);
  try {
    writeSync(descriptor, call);
  } finally {
    closeSync(descriptor);
  }
  return callsIn(path);
}

/** The text of a file of calls; few, so that reading them costs a hook less than asking for the file's size. */
function callsIn(path: string): string {
  return existsSync(path) ? readFile(path, MAX_BYTES) : '';
}

function distinct(calls: string): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at < calls.length; at += CALL_LENGTH) found.add(calls.slice(at, at + CALL_LENGTH));
  return found;
}

/** Removes counts of minutes that no longer matter. */
function forget(folder: string, minute: number): void {
  for (const name of readdirSync(folder)) {
    const age = minute - Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (age > 1) rmSync(`${folder}/${name}`, { force: true });
  }
}
