import { closeSync, constants, existsSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { readFile } from '../read-file.js';
import { checksum } from '../spool/checksum.js';
import { newEventId } from '../spool/event-id.js';
import { makeFolder } from '../spool/make-folder.js';
import type { RateLimit } from './policy.js';

const MINUTE_MS = 60_000;
/** Characters per call in a file of counts. */
const CALL_LENGTH = 8;
// O_NONBLOCK: opening a pipe without a reader would block.
const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK;
/** More calls per minute than an agent can make. */
const MAX_BYTES = 1024 * 1024 * CALL_LENGTH;
/** Characters of an input that distinguish calls with the same id. */
const INPUT_LENGTH = 1024;

/** Calls that are counted together: one session under one policy. */
export interface RateScope {
  /** Folder for the counts. */
  readonly folder: string;
  readonly policyPath: string;
  readonly sessionId: string;
}

/** Distinguishes a call from others: its id, and its input, since a client may give all its calls one id. */
export interface RatedCall {
  readonly toolCallId?: string;
  readonly tool: string;
  readonly input: string;
}

/** Result of a rate limit: `unknown` if calls cannot be counted, e.g. on a full disk. */
export type RateAnswer = 'within' | 'exceeded' | 'unknown';

/**
 * Counts a call and compares the count with the limit over the last minute; a call that several hooks judge counts
 * once. Concurrent processes share the count through one file per minute, to which each appends its call's checksum:
 * appending is atomic and needs no lock. The previous minute counts by its share of the window, which smooths the
 * boundary.
 */
export function countCall({ maxPerMinute }: RateLimit, scope: RateScope, call: RatedCall, now: number): RateAnswer {
  try {
    // Distinguishes the few files of a machine; a hash would need a library that takes two milliseconds to load.
    const key = checksum(`${scope.policyPath}\n${scope.sessionId}`);
    const minute = Math.floor(now / MINUTE_MS);
    const path = (of: number): string => `${scope.folder}/${key}-calls-${String(of)}`;
    const before = callsIn(path(minute - 1));
    const current = add(scope.folder, path(minute), mark(call));
    if (current.length === CALL_LENGTH) forget(scope.folder, minute);
    const earlier = distinct(before);
    let inWindow = 0;
    for (const one of distinct(current)) if (!earlier.has(one)) inWindow += 1;
    // Refused calls count too; without the cap a retrying agent would stay refused.
    inWindow += Math.floor(Math.min(maxPerMinute, earlier.size) * (1 - (now % MINUTE_MS) / MINUTE_MS));
    return inWindow > maxPerMinute ? 'exceeded' : 'within';
  } catch {
    return 'unknown';
  }
}

/**
 * Returns what a call appends to the file: equal for every judgement of one call, and unique for calls without an id.
 */
function mark({ toolCallId, tool, input }: RatedCall): string {
  if (toolCallId === undefined) return checksum(newEventId());
  return checksum(`${toolCallId}\n${tool}\n${String(input.length)}\n${input.slice(0, INPUT_LENGTH)}`);
}

/** Appends a call; returns the file's text with it. */
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

/** Returns the text of a file of calls. The files are small, so reading costs a hook less than checking the size. */
function callsIn(path: string): string {
  return existsSync(path) ? readFile(path, MAX_BYTES) : '';
}

function distinct(calls: string): Set<string> {
  const found = new Set<string>();
  for (let at = 0; at < calls.length; at += CALL_LENGTH) found.add(calls.slice(at, at + CALL_LENGTH));
  return found;
}

/** Removes counts of past minutes. */
function forget(folder: string, minute: number): void {
  for (const name of readdirSync(folder)) {
    const age = minute - Number(/-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (age > 1) rmSync(`${folder}/${name}`, { force: true });
  }
}
