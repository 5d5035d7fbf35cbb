import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '#schemas/errors.js';
import { packageRoot } from '#schemas/root.js';
import type { GuardMessage } from './guard.js';

const GUARD = join(packageRoot(), 'dist', 'deploy', 'embedded', 'guard.js');
const START_MS = 30_000;
const POLL_MS = 100;
const KEPT_LINES = 200;
/** What the exporter logs when it could not look whether otel_logs has EventName; see collector/config.yaml. */
const SCHEMA_NOT_SEEN = 'schema detection failed';

/** One run of the collector's process. */
export interface CollectorProcess {
  readonly pid: number;
  /** Resolves when it is gone, to its exit code or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** SIGTERM, and SIGKILL if that does not end it; resolves when it is gone. */
  end(): Promise<void>;
}

export interface CollectorProcessSettings {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Answers 200 when the collector is up. */
  readonly healthUrl: string;
  readonly onLine: (line: string) => void;
  /** Gives up. */
  readonly signal: AbortSignal;
}

/** The collector did not come up; `lines` is what it said. */
export class CollectorStartError extends CommandError {
  override readonly name = 'CollectorStartError';
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    const why =
      lines.find((line) => line.startsWith('Error: ')) ?? lines.find((line) => !line.includes('\tinfo\t')) ?? '';
    super(`the collector did not start${why === '' ? '' : `: ${why.replace(/^Error: /, '')}`}`);
    this.lines = lines;
  }
}

/** Starts the collector through the guard and resolves when it takes requests. */
export async function launchCollector(settings: CollectorProcessSettings): Promise<CollectorProcess> {
  // Detached: Ctrl-C in a terminal reaches only our own process, which stops its parts in order.
  const guard = fork(GUARD, settings.command, {
    env: settings.env,
    detached: true,
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const end = async (): Promise<void> => {
    if (guard.connected) guard.disconnect();
    await ended;
  };

  let pid = 0;
  guard.on('message', (message: GuardMessage) => (pid = message.pid));
  const lines: string[] = [];
  const outputs = [guard.stdout, guard.stderr].flatMap((stream) => (stream === null ? [] : [createInterface(stream)]));
  for (const output of outputs) {
    output.on('line', (line) => {
      if (lines.length < KEPT_LINES) lines.push(line);
      settings.onLine(line);
      // Better no collector for a moment than one that writes log records without their event name.
      if (line.includes(SCHEMA_NOT_SEEN)) void end();
    });
  }
  const gone = new AbortController();
  // Not the guard's `close` event: it does not come once this side has closed the channel.
  const closed = Promise.all(outputs.map((output) => once(output, 'close')));
  const ended = once(guard, 'exit').then(async ([code, signal]: (number | string | null)[]) => {
    await closed;
    gone.abort();
    return code ?? signal ?? 'an unknown cause';
  });

  const signal = AbortSignal.any([settings.signal, gone.signal, AbortSignal.timeout(START_MS)]);
  try {
    await isHealthy(settings.healthUrl, signal);
  } catch {
    await end();
    throw new CollectorStartError(lines);
  }
  return { pid, ended, end };
}

async function isHealthy(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const healthy = await fetch(url, { signal }).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}
