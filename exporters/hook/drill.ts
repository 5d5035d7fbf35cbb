import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { DRILL_MARK } from '../hook-start.js';
import { shieldwatchFolder } from '../spool/location.js';

/** The call that a running drill makes: written by `shieldwatch drill` to a file of its own (0600), before the call. */
export interface PlannedDrill {
  /** 32 hexadecimal characters, random. */
  readonly id: string;
  /** The complete shell command; any other is no drill. */
  readonly command: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What one of our hooks decided about the call of a drill. */
export interface DrillJudgement {
  readonly decision: 'allow' | 'block';
  /** Id of the rule that blocked it, if one did. */
  readonly ruleId?: string;
  readonly sessionId: string;
  readonly agentVersion?: string;
}

/** Folder of drills, inside the producers' own, which the built-in rules protect. */
export const drillsFolder = (home: string): string => `${home}/drills`;
export const planFile = (home: string, id: string): string => `${drillsFolder(home)}/${id}.json`;
export const judgementsFile = (home: string, id: string): string => `${drillsFolder(home)}/${id}.judged`;

/** More judgements than hooks that one session can reasonably have. */
const MAX_BYTES = 16_384;

/**
 * Writes the judgement of a drill's call beside its plan instead of into the spool, so that a drill is never counted.
 * Returns false for every other call. A call is a drill's only if its command is exactly the one that a plan names, the
 * plan is private to this user and has not expired, and no other session made the call before. So a program that could forge a
 * plan hides nothing but that one command; the verdict is the same for every call.
 */
export function keepDrillJudgement(
  call: { readonly input?: string; readonly sessionId: string; readonly agentVersion?: string },
  verdict: { readonly decision: 'allow' | 'block'; readonly ruleId?: string },
  env: NodeJS.ProcessEnv,
): boolean {
  const command = commandOf(call.input ?? '');
  const id = idIn(command);
  if (id === undefined) return false;
  const home = shieldwatchFolder(env);
  if (!isPlanned(home, id, command)) return false;
  const others = readJudgements(home, id);
  if (others.some(({ sessionId }) => sessionId !== call.sessionId)) return false;
  const judgement: DrillJudgement = {
    decision: verdict.decision,
    ...(verdict.ruleId === undefined ? {} : { ruleId: verdict.ruleId }),
    sessionId: call.sessionId,
    ...(call.agentVersion === undefined ? {} : { agentVersion: call.agentVersion }),
  };
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  const descriptor = openSync(judgementsFile(home, id), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
  try {
    writeSync(descriptor, `${JSON.stringify(judgement)}\n`);
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** Returns the judgements of a drill's call; none if there are none, or the file is not private to this user. */
export function readJudgements(home: string, id: string): DrillJudgement[] {
  const lines = (readPrivate(judgementsFile(home, id)) ?? '').split('\n');
  return lines.flatMap((line) => {
    const { decision, ruleId, sessionId, agentVersion } = parsed(line);
    if ((decision !== 'allow' && decision !== 'block') || typeof sessionId !== 'string') return [];
    return [
      {
        decision,
        sessionId,
        ...(typeof ruleId === 'string' ? { ruleId } : {}),
        ...(typeof agentVersion === 'string' ? { agentVersion } : {}),
      },
    ];
  });
}

function isPlanned(home: string, id: string, command: string): boolean {
  const plan = parsed(readPrivate(planFile(home, id)) ?? '');
  const { expiresAt } = plan;
  return plan['id'] === id && plan['command'] === command && typeof expiresAt === 'number' && Date.now() < expiresAt;
}

function commandOf(input: string): string {
  const { command } = parsed(input);
  return typeof command === 'string' ? command : '';
}

function idIn(command: string): string | undefined {
  const at = command.lastIndexOf(DRILL_MARK);
  const id = at < 0 ? '' : command.slice(at + DRILL_MARK.length, at + DRILL_MARK.length + 32);
  return /^[0-9a-f]{32}$/.test(id) ? id : undefined;
}

/** Returns the text of a small regular file that only this user may read and write; undefined for any other. */
function readPrivate(path: string): string | undefined {
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: opening a pipe would wait for a writer.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode, size } = fstatSync(descriptor);
    const isRegular = (mode & constants.S_IFMT) === constants.S_IFREG;
    const isOwn = process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0);
    return isRegular && isOwn && size <= MAX_BYTES ? readFileSync(descriptor, 'utf8') : undefined;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
