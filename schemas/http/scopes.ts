import { z } from 'zod';

/**
 * What a token may access. `admin` opens the control plane, within the role of the token's member. `webhook:drift` is
 * for the secret in a webhook URL and gives no other access.
 */
export const SCOPES = [
  'ingest:scan',
  'ingest:runtime',
  'ingest:drift',
  'ingest:otlp',
  'webhook:drift',
  'read',
  'admin',
] as const;
export const scope = z.enum(SCOPES);
export type Scope = z.infer<typeof scope>;
