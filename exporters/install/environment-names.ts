import type { InstalledHook } from './hook-command.js';

/**
 * Variables that change what a shell or the dynamic linker does before our command is read: nothing in a command can undo
 * them. `BASH_ENV` and functions act in bash (Codex and Gemini CLI start it), `ENV` in a shell that reads it.
 */
const ACTS_BEFORE =
  /^(?:LD_|DYLD_|BASH_ENV$|ENV$|ZDOTDIR$|BASH_FUNC_|SHELLOPTS$|BASHOPTS$|PS4$|GLIBC_TUNABLES$|CLAUDE_CODE_SHELL)/;

/** Variables that change which code or which folders a command uses, unless it sets them itself. */
const ACTS_ON_COMMAND = /^(?:NODE_|OPENSSL_CONF$|HOME$|PATH$|SHIELDWATCH_)/;

/** What the installed command needs no mending for: they only make Node or the hook stricter, or say nothing to it. */
const HARMLESS =
  /^(?:NODE_EXTRA_CA_CERTS|NODE_ENV|NODE_NO_WARNINGS|NODE_TLS_REJECT_UNAUTHORIZED|SHIELDWATCH_(?:URL|TOKEN|ACTOR|ACTOR_KEY|AGENT_PORT|RUNTIME_LOGS|POLICY_MODE))$/;

/** Variables that move an agent's settings or switch its hooks off. */
const MOVES_SETTINGS =
  /^(?:CLAUDE_CODE_(?:SIMPLE|SAFE_MODE|IGNORE_PERSISTED_TRUST)|CLAUDE_CONFIG_DIR|CLAUDE_PROJECT_DIR|CODEX_HOME|GEMINI_CLI_\w+|GEMINI_RESTRICTED_MODE|IFS|GCONV_PATH|SHIELDWATCH_POLICY_MODE)$/;

/** Whether setting a variable changes which code runs in the place of a hook, or whether one is called. Windows does not tell cases apart. */
export function changesCode(name: string): boolean {
  const upper = name.toUpperCase();
  return (
    ACTS_BEFORE.test(upper) || MOVES_SETTINGS.test(upper) || (ACTS_ON_COMMAND.test(upper) && !HARMLESS.test(upper))
  );
}

/**
 * Names of variables that change which code a hook runs when they are in its environment; names only, since values
 * may be secrets. An HTTP hook starts nothing.
 */
export function harmfulNames(hook: InstalledHook, names: readonly string[]): string[] {
  if (hook.type === 'http') return [];
  return names.filter(
    (name) =>
      ACTS_BEFORE.test(name) || (ACTS_ON_COMMAND.test(name) && !HARMLESS.test(name) && !isSetAside(hook.command, name)),
  );
}

/** Whether the command as `install` writes it makes the variable harmless. */
function isSetAside(command: string, name: string): boolean {
  if (!command.startsWith('NODE_OPTIONS= ')) return false;
  if (name === 'HOME' || name.startsWith('SHIELDWATCH_')) return / --(?:home|user-home) /.test(command);
  // The rest of Node's variables load no code and write nothing that the hook reads.
  return true;
}

/** Code that a shell or the linker runs before our command, or in the place of a word of it. `LD_LIBRARY_PATH` and other functions have honest uses. */
const RUNS_HERE =
  /^(?:LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|BASH_ENV|CLAUDE_CODE_SHELL_PREFIX|SHELLOPTS|BASH_FUNC_(?:exit|trap|echo)%%)$/;

/** Those of this environment that an agent started from it would hand on. */
export function harmfulHere(hook: InstalledHook, env: NodeJS.ProcessEnv): string[] {
  return hook.type === 'http' ? [] : Object.keys(env).filter((name) => RUNS_HERE.test(name) && env[name] !== '');
}

/** Names of the variables that a dotenv file sets. */
export function dotenvNames(text: string): string[] {
  return [...text.matchAll(/^\s*(?:export\s+)?([\w.-]+)(?:\s*=|:\s)/gm)].map(([, name = '']) => name);
}
