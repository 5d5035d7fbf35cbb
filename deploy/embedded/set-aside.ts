import { readdirSync } from 'node:fs';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { machineActor } from '#ingest/control/control-plane.js';
import { organisationsOf } from '#ingest/telemetry/replay.js';
import { SIGNALS, type Signal } from '#ingest/request/signal.js';
import { CommandError, ShieldwatchError } from '#schemas/errors.js';

/** Files with what the store will never take (collector/README.md). */
export interface SetAside {
  files: number;
  folder: string;
}

/** One of them. */
export interface SetAsideFile {
  name: string;
  signal: Signal;
  /** Why the store will never take it: `refused469`, `crash`. */
  reason: string;
  bytes: number;
  setAsideAt: string;
}

/** `<time>-<signal>-<reason>-<random>.otlp`; a name that is none of these names no file. */
const NAME = new RegExp(
  `^(\\d{4})(\\d\\d)(\\d\\d)T(\\d\\d)(\\d\\d)(\\d\\d)(\\d{3})Z-(${SIGNALS.join('|')})-([a-z]+\\d*)-[0-9a-f]{8}\\.otlp$`,
);
/** What a collector that ended was writing. Its records are in the queue still, and are set aside again. */
const UNFINISHED = '.otlp.part';

/** Where a data folder's collector puts what it sets aside. */
export const setAsideFolder = (dataDir: string): string => join(dataDir, 'collector-queue', 'set-aside');

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Counts what a data folder's collector set aside; empty where there is nothing. */
export function setAsideBy(dataDir: string): { setAside?: SetAside } {
  const folder = setAsideFolder(dataDir);
  const files = namesIn(folder).filter((name) => NAME.test(name)).length;
  return files === 0 ? {} : { setAside: { files, folder } };
}

/** Counts files that a collector was writing when it ended. */
export function unfinishedIn(folder: string): number {
  return namesIn(folder).filter((name) => name.endsWith(UNFINISHED)).length;
}

/** The files, oldest first, and how many are unfinished. */
export async function listSetAside(dataDir: string): Promise<{ files: SetAsideFile[]; unfinished: number }> {
  const folder = setAsideFolder(dataDir);
  const files = await Promise.all(
    namesIn(folder)
      .filter((name) => NAME.test(name))
      .sort()
      .map(async (name) => ({ ...describe(name), bytes: (await stat(join(folder, name))).size })),
  );
  return { files, unfinished: unfinishedIn(folder) };
}

function describe(name: string): Omit<SetAsideFile, 'bytes'> {
  const [, year, month, day, hour, minute, second, ms, signal, reason = ''] = NAME.exec(name) ?? [];
  if (signal === undefined) throw new CommandError('name a file as `shieldwatch set-aside list` shows it');
  return {
    name,
    signal: signal as Signal,
    reason,
    setAsideAt: `${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}.${ms ?? ''}Z`,
  };
}

/** Reads one of the files. @throws CommandError when there is none of that name. */
export async function readSetAside(
  dataDir: string,
  name: string,
): Promise<{ signal: Signal; reason: string; body: Buffer }> {
  const { signal, reason } = describe(name);
  const body = await readFile(join(setAsideFolder(dataDir), name)).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new CommandError(`there is no file ${name}; \`shieldwatch set-aside list\` shows what there is`);
    throw error;
  });
  return { signal, reason, body };
}

const request = z.strictObject({ name: z.string().max(200) });

/** What a running stack does about set-aside files, for the holder of its data folder. One file is dealt with by one call at a time. */
export function setAsideControl(
  gateway: FastifyInstance,
  dataDir: string,
  log: (line: string) => void,
): (action: string, body: unknown) => Promise<unknown> {
  const busy = new Set<string>();

  async function record(
    action: string,
    orgs: readonly string[],
    name: string,
    signal: Signal,
    reason: string,
  ): Promise<void> {
    for (const orgId of orgs) {
      await gateway.plane.change(machineActor(orgId), (tx) =>
        tx.record({ action, subject: name, detail: { signal, reason } }),
      );
    }
    log(`[set-aside] ${action.replace('set_aside.', '')} ${name}`);
  }

  /** Sends a file's records again and removes it once they are safe. */
  async function replay(name: string): Promise<unknown> {
    const { signal, reason, body } = await readSetAside(dataDir, name);
    const done = await gateway.replay(signal, body);
    await record('set_aside.replay', done.delivered, name, signal, reason);
    await rm(join(setAsideFolder(dataDir), name));
    return done;
  }

  /** Deletes a file permanently. An unreadable one belongs to no organisation: only the log mentions it. */
  async function drop(name: string): Promise<unknown> {
    const { signal, reason, body } = await readSetAside(dataDir, name);
    const orgs = await knownOf(organisationsIn(signal, body));
    await record('set_aside.drop', orgs, name, signal, reason);
    await rm(join(setAsideFolder(dataDir), name));
    return { organisations: orgs };
  }

  async function knownOf(orgs: readonly string[]): Promise<string[]> {
    const known: string[] = [];
    for (const orgId of orgs)
      if ((await gateway.plane.read(orgId, (tx) => tx.query('SELECT id FROM org'))).length > 0) known.push(orgId);
    return known;
  }

  return async (action, body) => {
    if (action === 'list') return listSetAside(dataDir);
    const parsed = request.safeParse(body);
    if (!parsed.success || (action !== 'replay' && action !== 'drop'))
      throw new CommandError('expected replay or drop, and the name of a set-aside file');
    const { name } = parsed.data;
    if (busy.has(name)) throw new CommandError(`${name} is being dealt with already`);
    busy.add(name);
    try {
      return await (action === 'replay' ? replay(name) : drop(name));
    } catch (error) {
      throw error instanceof ShieldwatchError ? new CommandError(`${name}: ${error.message}`) : error;
    } finally {
      busy.delete(name);
    }
  };
}

function organisationsIn(signal: Signal, body: Buffer): string[] {
  try {
    return organisationsOf(signal, body);
  } catch (error) {
    if (error instanceof ShieldwatchError) return [];
    throw error;
  }
}
