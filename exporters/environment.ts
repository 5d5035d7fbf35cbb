/** The environment of this process. No other file of the producers reads it; functions take it as a parameter. */
export const environment: NodeJS.ProcessEnv = process.env;

/** Variables that the producers define: every one of them, as README.md lists them. */
export const VARIABLES = [
  'SHIELDWATCH_URL',
  'SHIELDWATCH_TOKEN',
  'SHIELDWATCH_REPOSITORY',
  'SHIELDWATCH_HOME',
  'SHIELDWATCH_SPOOL_DIR',
  'SHIELDWATCH_SPOOL_MAX_MB',
  'SHIELDWATCH_POLICY_MODE',
  'SHIELDWATCH_AGENT_PORT',
  'SHIELDWATCH_RUNTIME_LOGS',
  'SHIELDWATCH_ACTOR_KEY',
  'SHIELDWATCH_ACTOR',
] as const;

/** Returns the text of a variable that the producers define; undefined if it is not set. */
export function variable(env: NodeJS.ProcessEnv, name: (typeof VARIABLES)[number]): string | undefined {
  return env[name];
}
