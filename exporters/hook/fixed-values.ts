import { userInfo } from 'node:os';
import { policyMode, stricterMode, type PolicyMode } from './policy-mode.js';

/**
 * Returns the policy mode of a hook: that of `--policy-mode`, default `strict`. The environment can only make it
 * stricter, because settings files that an agent may write can set it.
 */
export function fixedMode(args: readonly string[], env: NodeJS.ProcessEnv): PolicyMode {
  return stricterMode(policyMode(optionValue(args, '--policy-mode')), env);
}

/**
 * Replaces values from the environment by those that the installed command fixes: `--home <dir>` (or `--user-home`: the
 * home folder that the system knows for this user), `--spool <dir>`, `--spool-max-mb <number>` and `--repository
 * <owner/name>`. With a fixed home the environment determines none of them: a missing option has its default.
 */
export function fixEnvironment(args: readonly string[], env: NodeJS.ProcessEnv): void {
  const home = optionValue(args, '--home');
  const isUserHome = args.includes('--user-home');
  if (home === undefined && !isUserHome) return;
  if (isUserHome) env['HOME'] = userInfo().homedir;
  set(env, 'SHIELDWATCH_HOME', home);
  set(env, 'SHIELDWATCH_SPOOL_DIR', optionValue(args, '--spool'));
  set(env, 'SHIELDWATCH_SPOOL_MAX_MB', optionValue(args, '--spool-max-mb'));
  set(env, 'SHIELDWATCH_REPOSITORY', optionValue(args, '--repository'));
}

function set(env: NodeJS.ProcessEnv, name: string, value: string | undefined): void {
  if (value !== undefined) env[name] = value;
  else if (env[name] !== undefined) Reflect.deleteProperty(env, name);
}

function optionValue(args: readonly string[], name: string): string | undefined {
  const index = args.indexOf(name);
  return index < 0 ? args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1) : args[index + 1];
}
