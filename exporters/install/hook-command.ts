import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '#schemas/root.js';
import { CommandError } from '#schemas/errors.js';
import { FIXED_SEED_OPTION } from '../hook-start.js';
import { shieldwatchFolder } from '../spool/location.js';

/** What an agent runs before each tool call. */
export type InstalledHook =
  | { readonly type: 'command'; readonly command: string }
  | { readonly type: 'http'; readonly url: string; readonly token: string };

/** What happens when the hook itself fails; only Claude Code lets one choose. */
export type OnFailure = 'block' | 'continue';

/** Ends every command of ours, so that it is found again. The hook ignores it. */
const MARK = 'shieldwatch-hook';

/**
 * One helper thread is enough for a process that lives for a millisecond, and soonest started and ended; and see
 * {@link FIXED_SEED_OPTION}. Node's code cache is valid for these options only.
 */
export const NODE_OPTIONS = ['--v8-pool-size=1', FIXED_SEED_OPTION] as const;

/**
 * What follows a hook that did not allow a call: a line on stderr, then exit code 2. Agents run the tool after every
 * other exit code, and Codex also after 2 when stderr is empty, so the line is written however the process before it
 * ended. Without the trap a closed stderr would kill the shell before it exits with 2.
 */
const BLOCK_TAIL =
  "|| { trap '' PIPE; echo 'shieldwatch: the call is blocked; without a reason above, the guard itself failed' >&2; exit 2; }";

/**
 * What of the environment changes which code a process runs, as the command sets it for Node. An assignment before a
 * command costs no process, and no function of the shell's that the environment defines can stand in its way.
 */
const NEUTRALISED = {
  NODE_OPTIONS: '',
  NODE_DISABLE_COMPILE_CACHE: '1',
  OPENSSL_CONF: '',
  LD_PRELOAD: '',
  LD_AUDIT: '',
  LD_LIBRARY_PATH: '',
  ...(process.platform === 'darwin' ? { DYLD_INSERT_LIBRARIES: '', DYLD_LIBRARY_PATH: '' } : {}),
};

/** What the command fixes, so that nothing in the environment chooses it. */
export interface FixedValues {
  /**
   * The producers' folder, and the home folder, which bounds the search for policies. `of-user`: what the system knows of
   * whoever calls.
   */
  readonly home: { readonly producers: string; readonly user: string } | 'of-user';
  readonly spool?: string | undefined;
  readonly spoolMaxMb?: string | undefined;
  readonly repository?: string | undefined;
}

/** What a hook that is installed from here fixes: what the environment says now. */
export function fixedValues(env: NodeJS.ProcessEnv, isForAllUsers: boolean): FixedValues {
  return {
    home: isForAllUsers ? 'of-user' : { producers: resolve(shieldwatchFolder(env)), user: env['HOME'] || homedir() },
    spool: env['SHIELDWATCH_SPOOL_DIR'] && !isForAllUsers ? resolve(env['SHIELDWATCH_SPOOL_DIR']) : undefined,
    spoolMaxMb: env['SHIELDWATCH_SPOOL_MAX_MB'] || undefined,
    repository: env['SHIELDWATCH_REPOSITORY'] || undefined,
  };
}

export interface HookCommandOptions {
  readonly mode?: string | undefined;
  readonly onFailure?: OnFailure;
  readonly file?: string;
  readonly fixed?: FixedValues;
}

/**
 * The shell command that starts the bundled hook: this Node and this file by their full paths, since agents
 * are started without PATH, and fixed values are passed as options. With `block` it ends with {@link BLOCK_TAIL}.
 */
export function hookCommand({ mode, onFailure = 'block', file = hookFile(), fixed }: HookCommandOptions = {}): string {
  const command = [quoted(process.execPath), ...NODE_OPTIONS, quoted(file), ...options(mode, fixed), MARK].join(' ');
  // Not every shell of Windows knows `||` and assignments.
  if (process.platform === 'win32') return command;
  const assigned = Object.entries({ ...NEUTRALISED, ...homeOf(fixed) })
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
  // With `exec` the shell starts no second process.
  return onFailure === 'block' ? `${assigned} ${command} ${BLOCK_TAIL}` : `${assigned} exec ${command}`;
}

function options(mode: string | undefined, fixed: FixedValues | undefined): string[] {
  const values = [
    ['--policy-mode', mode],
    ['--home', fixed === undefined || fixed.home === 'of-user' ? undefined : fixed.home.producers],
    ['--spool', fixed?.spool],
    ['--spool-max-mb', fixed?.spoolMaxMb],
    ['--repository', fixed?.repository],
  ] as const;
  return [
    ...values.flatMap(([name, value]) => (value === undefined ? [] : [name, quoted(value)])),
    ...(fixed?.home === 'of-user' ? ['--user-home'] : []),
  ];
}

function homeOf(fixed: FixedValues | undefined): Record<string, string> {
  return fixed === undefined || fixed.home === 'of-user' ? {} : { HOME: quoted(fixed.home.user) };
}

/** A word for a shell, in double quotes. */
function quoted(word: string): string {
  return process.platform === 'win32' ? `"${word}"` : `"${word.replace(/["\\$`]/g, '\\$&')}"`;
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
