import { createHmac } from 'node:crypto';
import { userInfo } from 'node:os';
import { variable } from '../environment.js';

/**
 * Returns the user as an HMAC-SHA256 of the user's name (`SHIELDWATCH_ACTOR`, else the login name), equal for one
 * person under one key. Undefined without `SHIELDWATCH_ACTOR_KEY`: a machine without the key sends no actor and cannot
 * compute one.
 */
export function actor(env: NodeJS.ProcessEnv): string | undefined {
  const key = variable(env, 'SHIELDWATCH_ACTOR_KEY');
  if (key === undefined || key === '') return undefined;
  const name = variable(env, 'SHIELDWATCH_ACTOR') || userInfo().username;
  return createHmac('sha256', key).update(name.trim().toLowerCase()).digest('hex').slice(0, 32);
}
