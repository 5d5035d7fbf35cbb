import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';

/** What a token or a session may do. */
export const SCOPES = ['ingest:scan', 'ingest:runtime', 'ingest:drift', 'read'] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes any one of which lets a client send OTLP. */
export const INGEST_SCOPES = ['ingest:scan', 'ingest:runtime', 'ingest:drift'] as const satisfies readonly Scope[];

/** Who sent a request. The organisation comes from here and from nowhere else. */
export interface Caller {
  orgId: string;
  tokenId: string;
  scopes: readonly string[];
  /** Repository the token is bound to; null: any of the organisation. */
  repository: string | null;
  /** Days that landing rows of this organisation live. */
  retentionDays: number;
  /** Whether the organisation keeps prompts, answers, tool arguments and results; absent: it does not. */
  keepContent?: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** The caller of a request that passed {@link requireScope}. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new ShieldwatchError('token_missing', 'send a token: Authorization: Bearer eccp_...');
  return request.caller;
}
