/**
 * Runs one command and never lets it outlive the process that asked for it.
 *
 * Forked with an IPC channel: `guard.js <command> [args...]`. The channel closes when the parent ends, however it
 * ends (kill -9 too); the command then gets SIGTERM, and SIGKILL ten seconds later. Closing the channel is also
 * how the parent stops the command. Output is passed on, and the command's pid sent as the only message.
 */
import { spawn } from 'node:child_process';
import process from 'node:process';

const GRACE_MS = 10_000;

/** The guard's only message. */
export interface GuardMessage {
  readonly pid: number;
}

function guard(command: string, args: readonly string[]): void {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.pipe(process.stdout);
  child.stderr.pipe(process.stderr);
  // The parent's end of the pipes may be gone; the command still has to be waited for, with its pipes emptied.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  process.stdout.on('error', () => child.stdout.resume());
  process.stderr.on('error', () => child.stderr.resume());

  const stop = (): void => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
  };
  process.once('disconnect', stop);
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);

  child.once('spawn', () => {
    if (child.pid !== undefined && process.connected) process.send?.({ pid: child.pid } satisfies GuardMessage);
    if (!process.connected) stop();
  });
  child.once('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 127;
    if (process.connected) process.disconnect();
  });
  child.once('close', (code, signal) => {
    if (signal !== null) process.stderr.write(`${command} was ended by ${signal}\n`);
    process.exitCode = code ?? 1;
    if (process.connected) process.disconnect();
  });
}

const [command, ...args] = process.argv.slice(2);
if (command !== undefined) guard(command, args);
