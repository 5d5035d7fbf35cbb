import { setTimeout as sleep } from 'node:timers/promises';
import { SendError } from '../otlp/failure.js';
import { createSender, type Sender } from '../otlp/sender.js';
import { acquireLock, LockedError } from '../ship/lock.js';
import { Shipment, type ShipResult } from '../ship/shipment.js';
import { drillDaily } from '../drill/daily.js';
import type { PolicyMode } from '../hook/policy-mode.js';
import { startHttpHook } from './http-hook.js';

export interface AgentOptions {
  /** Base URL of the gateway. */
  readonly url: string;
  /** Undefined: judges calls and fills the spool, but sends nothing. */
  readonly token: string | undefined;
  readonly spoolDir: string;
  /** Stock `runtime.ndjson` files, which need not exist yet. */
  readonly runtimeLogs: readonly string[];
  /** Port of the HTTP hook; 0: any free one. */
  readonly port: number;
  readonly hookToken: string;
  readonly mode: PolicyMode;
  readonly env: NodeJS.ProcessEnv;
  /** Drills every installed agent once a day. */
  readonly isDrilling?: boolean;
  /** Reports to the user. */
  readonly say: (line: string) => void;
  /** Interval between two reads of the spool. Default 1 s. */
  readonly pollMs?: number;
  /** Time limit of one request in milliseconds, retries included, before the agent waits and retries. Default 30 s. */
  readonly deadlineMs?: number;
}

/** A running agent. */
export interface RunningAgent {
  readonly hookUrl: string;
  /** Stops sending and closes; unacknowledged records stay in the spool. */
  stop(): Promise<void>;
}

const LONGEST_WAIT_MS = 60_000;
/** Wait after responses that only a person can fix, such as an unknown token. */
const WAIT_FOR_PERSON_MS = 30_000;

/**
 * Runs `shieldwatch agent`: serves the HTTP hook, and sends the records of spool and stock logs until it is stopped.
 */
export async function startAgent(options: AgentOptions): Promise<RunningAgent> {
  const stopping = new AbortController();
  const sender =
    options.token === undefined
      ? undefined
      : createSender({ url: options.url, token: options.token }, options.deadlineMs ?? 30_000, stopping.signal);
  const { port, hookToken: token, mode, env } = options;
  const hook = await startHttpHook({ port, token, mode, env });
  const drilling = options.isDrilling
    ? drillDaily({ env, sender, signal: stopping.signal, say: options.say })
    : Promise.resolve();
  const shipping = sender === undefined ? Promise.resolve() : shipUntilAborted(sender, options, stopping.signal);
  return {
    hookUrl: hook.url,
    stop: async () => {
      stopping.abort();
      // Also aborts the request in flight; it was not acknowledged, so it is sent again later.
      sender?.close();
      await Promise.all([shipping, drilling, hook.close()]);
    },
  };
}

async function shipUntilAborted(sender: Sender, options: AgentOptions, signal: AbortSignal): Promise<void> {
  let failures = 0;
  let lastProblem = '';
  while (!signal.aborted) {
    let wait = options.pollMs ?? 1000;
    try {
      report(await shipOnce(sender, options), options.say);
      if (failures > 0) options.say('sending again');
      failures = 0;
      lastProblem = '';
    } catch (error) {
      // Aborted while waiting, which the loop's condition cannot see.
      if (isAborted(signal)) return;
      wait = waitAfter(error, failures);
      failures += 1;
      const problem = error instanceof Error ? error.message : String(error);
      // Reported once, not at each retry.
      if (problem !== lastProblem && !(error instanceof LockedError))
        options.say(`not sent, will be tried again: ${problem}`);
      lastProblem = problem;
    }
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}

/** A function, because TypeScript would narrow the property and miss its change. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function shipOnce(sender: Sender, { spoolDir, runtimeLogs }: AgentOptions): Promise<ShipResult> {
  const lock = await acquireLock(spoolDir);
  try {
    const shipment = new Shipment({ spoolDir, runtimeLogs, onBatch: () => lock.touch() }, sender);
    await shipment.run();
    return shipment.result;
  } finally {
    await lock.release();
  }
}

function report({ dropped, rejected, skipped, warnings }: ShipResult, say: (line: string) => void): void {
  for (const warning of warnings) say(`warning: ${warning}`);
  if (dropped > 0) say(`warning: ${String(dropped)} records were dropped: the spool or the disk was full`);
  if (skipped > 0) say(`warning: ${String(skipped)} lines were not records and were skipped`);
  if (rejected > 0) say(`warning: ${String(rejected)} records were rejected permanently`);
}

/** Doubles with each failure, and is at least as long as the server's Retry-After. */
function waitAfter(error: unknown, failures: number): number {
  const backOff = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** failures) * (0.5 + Math.random() / 2);
  if (!(error instanceof SendError)) return backOff;
  if (!error.isRetryable) return WAIT_FOR_PERSON_MS;
  return Math.max(backOff, error.retryAfterMs ?? 0);
}
