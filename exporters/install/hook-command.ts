import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '#schemas/root.js';
import { CommandError } from '#schemas/errors.js';
import { FIXED_SEED_OPTION } from '../hook-start.js';
import { shieldwatchFolder } from '../spool/location.js';
import { variable } from '../environment.js';

/** The command or URL that an agent calls before each tool call. */
export type InstalledHook =
  | { readonly type: 'command'; readonly command: string }
  | { readonly type: 'http'; readonly url: string; readonly token: string };

/** What happens if the hook itself fails; only Claude Code lets the user choose. */
export type OnFailure = 'block' | 'continue';

/** Ends every command that we install, to identify it. The hook ignores it. */
const MARK = 'shieldwatch-hook';

/**
 * One helper thread is enough for such a short process, and fastest to start and end; see also {@link
 * FIXED_SEED_OPTION}. Node's compile cache is valid for these options only.
 */
export const NODE_OPTIONS = ['--v8-pool-size=1', FIXED_SEED_OPTION] as const;

/**
 * Runs after a hook that did not allow a call: a line on stderr, then exit code 2. Agents run the tool after any other
 * exit code, and Codex also after 2 if stderr is empty, so the line is written however the hook's process ended.
 * Without the trap a closed stderr would kill the shell before it exits with 2.
 */
const BLOCK_TAIL =
  "|| { trap '' PIPE; echo 'shieldwatch: the call is blocked; without a reason above, the guard itself failed' >&2; exit 2; }";

/**
 * Variables that change which code a process runs, as the command sets them for Node. An assignment before a command
 * needs no process, and no shell function from the environment can intercept it.
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

/** Values that the command fixes, so that the environment does not determine them. */
export interface FixedValues {
  /**
   * The producers' folder, and the home folder, which limits the search for policies. `of-user`: the calling user's, as
   * the system knows it.
   */
  readonly home: { readonly producers: string; readonly user: string } | 'of-user';
  readonly spool?: string | undefined;
  readonly spoolMaxMb?: string | undefined;
  readonly repository?: string | undefined;
}

/** Returns the values of the current environment, to be fixed by an installed hook. */
export function fixedValues(env: NodeJS.ProcessEnv, isForAllUsers: boolean): FixedValues {
  const spool = isForAllUsers ? undefined : variable(env, 'SHIELDWATCH_SPOOL_DIR');
  return {
    home: isForAllUsers ? 'of-user' : { producers: resolve(shieldwatchFolder(env)), user: env['HOME'] || homedir() },
    spool: spool ? resolve(spool) : undefined,
    spoolMaxMb: variable(env, 'SHIELDWATCH_SPOOL_MAX_MB') || undefined,
    repository: variable(env, 'SHIELDWATCH_REPOSITORY') || undefined,
  };
}

export interface HookCommandOptions {
  readonly mode?: string | undefined;
  readonly onFailure?: OnFailure;
  readonly file?: string;
  readonly fixed?: FixedValues;
}

/**
 * Returns the shell command that starts the bundled hook: this Node and this file by absolute path, since agents are
 * started without PATH, and fixed values as options. With `block` it ends with {@link BLOCK_TAIL}.
 */
export function hookCommand({ mode, onFailure = 'block', file = hookFile(), fixed }: HookCommandOptions = {}): string {
  const command = [quoted(process.execPath), ...NODE_OPTIONS, quoted(file), ...options(mode, fixed), MARK].join(' ');
  // Not every Windows shell supports `||` and assignments.
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

/** Quotes a word for a shell. */
function quoted(word: string): string {
  return process.platform === 'win32' ? `"${word}"` : `"${word.replace(/["\\$`]/g, '\\$&')}"`;
}

/** Returns whether this program, or a user following our README, installed the command or URL. */
export function isOurs(text: string): boolean {
  return /shieldwatch[- ]hook\b/.test(text) || /^http:\/\/127\.0\.0\.1:\d+\/hook\?shieldwatch-hook$/.test(text);
}

/** Returns the URL of the agent's HTTP hook, marked like the command. */
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
