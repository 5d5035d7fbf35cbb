import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drillSpan, type DrillRecord } from '#schemas/records/drill.js';
import { programOn } from '../install/ask-client.js';
import type { Places } from '../install/client.js';
import { CLIENTS, placesHere } from '../install/install.js';
import type { Sender } from '../otlp/sender.js';
import { makeFolder } from '../spool/make-folder.js';
import { shieldwatchFolder } from '../spool/location.js';
import { Outbox } from '../watch/outbox.js';
import { DRILLED } from './clients.js';
import { recordOf, runDrill } from './run-drill.js';
import { seatId } from './seat.js';

export interface DailyOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Undefined: drills, and sends nothing. */
  readonly sender: Sender | undefined;
  readonly signal: AbortSignal;
  /** Reports to the user. */
  readonly say: (line: string) => void;
  /** Drills every installed agent. Default: {@link drillAll}. */
  readonly drill?: (env: NodeJS.ProcessEnv, signal: AbortSignal) => Promise<DrillRecord[]>;
  readonly now?: () => number;
  /** Milliseconds between two looks at the clock. Default ten minutes. */
  readonly lookMs?: number;
}

/** Less than a day, so that a proof is renewed before it is 24 hours old. */
const INTERVAL_MS = 20 * 3_600_000;
const LOOK_MS = 10 * 60_000;
const NO_PROJECT = { isForProject: false };

/**
 * Drills every installed agent once a day, without a project, until it is stopped. The time of the last drill is kept
 * in the producers' folder, so that a restart does not repeat it; results wait on disk until the gateway has them.
 */
export async function drillDaily(options: DailyOptions): Promise<void> {
  const { env, sender, signal, say, drill = drillAll, now = Date.now, lookMs = LOOK_MS } = options;
  const folder = shieldwatchFolder(env);
  const outbox =
    sender === undefined
      ? undefined
      : new Outbox<DrillRecord>({
          folder: join(folder, 'outbox', 'drill'),
          deliver: (record) => sender.spans([drillSpan(record)]),
          say,
          signal,
        });
  while (!signal.aborted) {
    const last = lastDrill(folder);
    // A clock that was set back must not stop drills.
    if (last === undefined || now() - last >= INTERVAL_MS || last > now()) {
      try {
        const records = await drill(env, signal);
        // A drill that was stopped shows nothing.
        if (isAborted(signal)) break;
        for (const record of records) {
          if (record.result !== 'proved')
            say(`drill of ${record.client}: ${record.result}; run \`shieldwatch drill --live\``);
          outbox?.add(record);
        }
      } catch (error) {
        say(`not drilled: ${error instanceof Error ? error.message : String(error)}`);
      }
      keepLastDrill(folder, now());
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined);
  }
  await outbox?.drained();
}

/** A function, because TypeScript would narrow the property and miss its change. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function drillAll(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<DrillRecord[]> {
  // The folder of the daemon is no project.
  const places: Places = placesHere(shieldwatchFolder(env), env);
  const records: DrillRecord[] = [];
  for (const client of CLIENTS) {
    if (isAborted(signal) || programOn(places, DRILLED[client.name].program) === undefined) continue;
    const result = await runDrill(client, places, { ...NO_PROJECT, signal });
    records.push(recordOf(result, seatId(env), places, NO_PROJECT));
  }
  return records;
}

const fileOf = (folder: string): string => join(folder, 'last-drill');

function lastDrill(folder: string): number | undefined {
  try {
    const time = Date.parse(readFileSync(fileOf(folder), 'utf8').trim());
    return Number.isNaN(time) ? undefined : time;
  } catch {
    return undefined;
  }
}

function keepLastDrill(folder: string, time: number): void {
  makeFolder(folder);
  writeFileSync(`${fileOf(folder)}.tmp`, `${new Date(time).toISOString()}\n`, { mode: 0o600 });
  renameSync(`${fileOf(folder)}.tmp`, fileOf(folder));
}
