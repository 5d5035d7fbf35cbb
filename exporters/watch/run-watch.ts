import { createHash } from 'node:crypto';
import { realpathSync, watch, type FSWatcher } from 'node:fs';
import { join, sep } from 'node:path';
import { bodyOfDrift, driftTelemetry, type DriftRecord } from '#schemas/mapping/drift.js';
import type { ScanExport } from '#schemas/records/scan-telemetry.js';
import { createSender, type Sender } from '../otlp/sender.js';
import { exportScan, postScan } from '../scan/export-scan.js';
import { scanFolder, type ScanOptions } from '../scan/run-scan.js';
import { shieldwatchFolder } from '../spool/location.js';
import { driftBetween, type ScanState } from './drift.js';
import { Outbox } from './outbox.js';
import { environment } from '../environment.js';

export interface WatchOptions extends ScanOptions {
  /** Milliseconds without a change before the folder is scanned again. Default 500, as AgentShield's. */
  readonly debounceMs?: number;
  /** Folder of unsent messages. Default: one per watched folder in the producers' own. */
  readonly outboxDir?: string;
  /** Reports to the user. */
  readonly say: (line: string) => void;
  readonly onDrift?: (drift: DriftRecord) => void;
}

/**
 * A message: a scan, and its difference to the previous one. Stored together, so that neither is kept without the
 * other.
 */
interface Message {
  readonly scan: ScanExport;
  readonly drift?: DriftRecord;
}

/** A running watch. */
export interface RunningWatch {
  /** Resolves when no message waits to be sent. */
  drained(): Promise<void>;
  stop(): Promise<void>;
}

/** Folders without agent configuration. */
const IGNORED = new Set(['.git', 'node_modules']);

/**
 * Runs `shieldwatch watch`: AgentShield's `watch` with our comparison. Scans once, then after each change, and sends
 * new and resolved findings; each scan that differs is sent as well. A change during a scan triggers another.
 */
export async function startWatch(options: WatchOptions): Promise<RunningWatch> {
  const stopping = new AbortController();
  const sender =
    options.token === undefined
      ? undefined
      : createSender({ url: options.url, token: options.token }, options.deadlineMs, stopping.signal);
  const outbox =
    sender === undefined
      ? undefined
      : new Outbox<Message>({
          folder: options.outboxDir ?? outboxFolder(options.dir),
          deliver: (message) => deliver(sender, message, options.via === 'rest'),
          say: options.say,
          signal: stopping.signal,
        });
  const first = await scanFolder(options);
  outbox?.add(scanMessage(first));

  let baseline: ScanState = first;
  const rescan = async (isOvertaken: () => boolean): Promise<void> => {
    const scanned = await scanFolder(options);
    // A file that was read half written would show as findings that disappear and return.
    if (isOvertaken()) return;
    const drift = driftBetween(baseline, scanned);
    baseline = scanned;
    if (drift === undefined) return;
    options.onDrift?.(drift);
    outbox?.add({ ...scanMessage(scanned), drift });
  };
  const changes = onChange(options.dir, options.debounceMs ?? 500, rescan, options.say);
  return {
    drained: () => outbox?.drained() ?? Promise.resolve(),
    stop: async () => {
      changes.close();
      stopping.abort();
      sender?.close();
      await outbox?.drained();
    },
  };
}

/** Drops AgentShield's printed output, which is not sent. */
function scanMessage({ scan, findings, durationMs }: ScanExport): Message {
  return { scan: { scan, findings, durationMs } };
}

async function deliver(to: Sender, { scan, drift }: Message, isRest: boolean): Promise<void> {
  await (isRest ? postScan(to, scan) : exportScan(to, scan));
  if (drift !== undefined) await sendDrift(to, drift, isRest);
}

/** Sends a drift by OTLP or REST; the server creates the same event from both. */
export async function sendDrift(to: Sender, drift: DriftRecord, isRest: boolean): Promise<void> {
  if (isRest) await to.json('v1/ingest/drift', bodyOfDrift(drift));
  else await to.spans([{ ...driftTelemetry(drift), repository: drift.repository }]);
}

/** Returns the folder for the messages of one watched folder. */
function outboxFolder(dir: string): string {
  return join(
    shieldwatchFolder(environment),
    'outbox',
    createHash('sha256').update(realpathSync(dir)).digest('hex').slice(0, 16),
  );
}

/** Consecutive scans that are discarded because files changed meanwhile; the next one counts. */
const MAX_OVERTAKEN = 10;

/** Calls `act` when files have changed and been quiet for a while; never twice at once. */
function onChange(
  dir: string,
  debounceMs: number,
  act: (isOvertaken: () => boolean) => Promise<void>,
  say: (line: string) => void,
): { close(): void } {
  let timer: NodeJS.Timeout | undefined;
  let isActing = false;
  let isClosed = false;
  let changes = 0;
  let overtaken = 0;
  const fire = async (): Promise<void> => {
    if (isActing) {
      schedule();
      return;
    }
    isActing = true;
    const before = changes;
    try {
      await act(() => {
        overtaken = changes === before ? 0 : overtaken + 1;
        return overtaken > 0 && overtaken <= MAX_OVERTAKEN;
      });
    } catch (error) {
      say(`not scanned: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      isActing = false;
    }
  };
  const schedule = (): void => {
    clearTimeout(timer);
    if (!isClosed) timer = setTimeout(() => void fire(), debounceMs);
  };
  const watcher: FSWatcher = watch(dir, { recursive: true }, (_event, name) => {
    if (name !== null && name.split(sep).some((part) => IGNORED.has(part))) return;
    changes += 1;
    schedule();
  });
  watcher.on('error', (error) => {
    say(`changes may be missed: ${error.message}`);
  });
  return {
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      watcher.close();
    },
  };
}
