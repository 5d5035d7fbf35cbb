import { CommandError } from '#schemas/errors.js';
import { variable } from '../environment.js';

const DEFAULT_PORT = 4327;

/** Returns the port of the HTTP hook: the given one, else `SHIELDWATCH_AGENT_PORT`, else 4327. */
export function portOf(explicit: string | undefined, env: NodeJS.ProcessEnv): number {
  const text = explicit ?? (variable(env, 'SHIELDWATCH_AGENT_PORT') || String(DEFAULT_PORT));
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new CommandError('the port is not a number from 0 to 65535 (--port, SHIELDWATCH_AGENT_PORT)');
  return port;
}
