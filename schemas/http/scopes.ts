import { z } from 'zod';

/**
 * What a token may touch. `admin` opens the control plane, within the role of the token's member.
 * `webhook:drift` is for the secret in a per-source address and opens nothing else.
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
