import type { InstalledHook } from './hook-command.js';

/**
 * Variables that change what a shell or the dynamic linker does before our command is parsed: no command can undo that.
 * `BASH_ENV` and functions affect bash (Codex and Gemini CLI start it), `ENV` a shell that reads it.
 */
const ACTS_BEFORE =
  /^(?:LD_|DYLD_|BASH_ENV$|ENV$|ZDOTDIR$|BASH_FUNC_|SHELLOPTS$|BASHOPTS$|PS4$|GLIBC_TUNABLES$|CLAUDE_CODE_SHELL)/;

/** Variables that change which code or folders a command uses, unless it sets them itself. */
const ACTS_ON_COMMAND = /^(?:NODE_|OPENSSL_CONF$|HOME$|PATH$|SHIELDWATCH_)/;

/** Variables that are safe for the installed command: they only make Node or the hook stricter, or do not affect it. */
const HARMLESS =
  /^(?:NODE_EXTRA_CA_CERTS|NODE_ENV|NODE_NO_WARNINGS|NODE_TLS_REJECT_UNAUTHORIZED|SHIELDWATCH_(?:URL|TOKEN|ACTOR|ACTOR_KEY|AGENT_PORT|RUNTIME_LOGS|POLICY_MODE))$/;

/** Variables that move an agent's settings or disable its hooks. */
const MOVES_SETTINGS =
  /^(?:CLAUDE_CODE_(?:SIMPLE|SAFE_MODE|IGNORE_PERSISTED_TRUST)|CLAUDE_CONFIG_DIR|CLAUDE_PROJECT_DIR|CODEX_HOME|GEMINI_CLI_\w+|GEMINI_RESTRICTED_MODE|IFS|GCONV_PATH|SHIELDWATCH_POLICY_MODE)$/;

/**
 * Returns whether setting a variable changes which code runs instead of a hook, or whether a hook is called. Windows
 * ignores case.
 */
export function changesCode(name: string): boolean {
  const upper = name.toUpperCase();
  return (
    ACTS_BEFORE.test(upper) || MOVES_SETTINGS.test(upper) || (ACTS_ON_COMMAND.test(upper) && !HARMLESS.test(upper))
  );
}

/**
 * Returns the names of variables that change which code a hook runs if they are in its environment; names only, since
 * values may be secrets. An HTTP hook starts nothing.
 */
export function harmfulNames(hook: InstalledHook, names: readonly string[]): string[] {
  if (hook.type === 'http') return [];
  return names.filter(
    (name) =>
      ACTS_BEFORE.test(name) || (ACTS_ON_COMMAND.test(name) && !HARMLESS.test(name) && !isSetAside(hook.command, name)),
  );
}

/** Returns whether the command as `install` writes it makes the variable harmless. */
function isSetAside(command: string, name: string): boolean {
  if (!command.startsWith('NODE_OPTIONS= ')) return false;
  if (name === 'HOME' || name.startsWith('SHIELDWATCH_')) return / --(?:home|user-home) /.test(command);
  // Node's other variables load no code and write nothing that the hook reads.
  return true;
}

/**
 * Code that a shell or the linker runs before our command, or instead of one of its words. `LD_LIBRARY_PATH` and other
 * functions have legitimate uses.
 */
const RUNS_HERE =
  /^(?:LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|BASH_ENV|CLAUDE_CODE_SHELL_PREFIX|SHELLOPTS|BASH_FUNC_(?:exit|trap|echo)%%)$/;

/** Returns those of this environment, which an agent started from it would inherit. */
export function harmfulHere(hook: InstalledHook, env: NodeJS.ProcessEnv): string[] {
  return hook.type === 'http' ? [] : Object.keys(env).filter((name) => RUNS_HERE.test(name) && env[name] !== '');
}

/** Returns the names of the variables that a dotenv file sets. */
export function dotenvNames(text: string): string[] {
  return [...text.matchAll(/^\s*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)/gm)].map(([, name = '']) => name);
}
