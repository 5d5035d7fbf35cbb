import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '#schemas/root.js';
import { CommandError } from '#schemas/errors.js';
import { FIXED_SEED_OPTION } from '../hook/hash-flood.js';
import type { OnFailure } from './client.js';

/** What an agent is told to do before each tool call. */
export type InstalledHook =
  | { readonly type: 'command'; readonly command: string }
  | { readonly type: 'http'; readonly url: string; readonly token: string };

/** Ends every command of ours, so that it is found again. The hook ignores it. */
const MARK = 'shieldwatch-hook';

/**
 * One helper thread is enough for a process that lives for a millisecond, and soonest started and ended; and see
 * {@link FIXED_SEED_OPTION}. Node keeps what it compiles for these options alone.
 */
export const NODE_OPTIONS = ['--v8-pool-size=1', FIXED_SEED_OPTION] as const;

/**
 * What follows a hook that did not allow a call: a line on stderr, then exit code 2. Agents run the tool after every
 * other exit code, and Codex also after 2 when stderr is empty, so the line is written however the process before it
 * ended. Without the trap a stderr that nobody reads would kill the shell before it exits with 2.
 */
const BLOCK_TAIL = "|| { trap '' PIPE; echo 'shieldwatch: the call is blocked; without a reason above, the guard itself failed' >&2; exit 2; }";

/**
 * The shell command that starts the bundled hook: this Node and this file by their full paths, since agents
 * are started with whatever PATH. With `block` it ends with {@link BLOCK_TAIL}.
 */
export function hookCommand({ mode, onFailure = 'block', file = hookFile() }: { mode?: string | undefined; onFailure?: OnFailure; file?: string } = {}): string {
  const option = mode === undefined ? '' : ` --policy-mode ${mode}`;
  const command = `"${process.execPath}" ${NODE_OPTIONS.join(' ')} "${file}"${option} ${MARK}`;
  // Not every shell of Windows knows `||`.
  if (process.platform === 'win32') return command;
  // A shell that is asked to exec starts no second process.
  return onFailure === 'block' ? `${command} ${BLOCK_TAIL}` : `exec ${command}`;
}

/** True of a command or URL that this, or a person following our README, has installed. */
export function isOurs(text: string): boolean {
  return /shieldwatch[- ]hook\b/.test(text) || /^http:\/\/127\.0\.0\.1:\d+\/hook\?shieldwatch-hook$/.test(text);
}

/** URL of the agent's HTTP hook, marked like the command. */
export function hookUrl(port: number): string {
  return `http://127.0.0.1:${String(port)}/hook?${MARK}`;
}

/** Beside this file in the installable package, in `dist/` otherwise. */
export function hookFile(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [join(here, 'hook.cjs'), join(packageRoot(), 'dist', 'exporters', 'hook.cjs')];
  const found = candidates.find((file) => existsSync(file));
  if (found === undefined) throw new CommandError('the bundled hook is missing: run `npm run build`');
  return found;
}
