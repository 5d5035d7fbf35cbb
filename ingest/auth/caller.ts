import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Role } from '#schemas/http/roles.js';
import type { Plan } from '../plans.js';

/** Scopes that allow OTLP; any one is enough, because the records in a request are not inspected. */
export const INGEST_SCOPES = [
  'ingest:scan',
  'ingest:runtime',
  'ingest:drift',
  'ingest:otlp',
] as const satisfies readonly Scope[];

/** What limits the tokens that a token mints: they end with that token and with the members behind it. */
export interface Authority {
  tokenId: string;
  /** Ids of the members whose authority the token has: its own member, and those who minted it. */
  members: readonly string[];
  expiresAt: Date | null;
}

/** The authenticated sender of a request. The organisation is derived from here only. */
export interface Caller {
  orgId: string;
  tokenId: string;
  /** Name in the audit trail: `member:<login>`, `token:<id>`, `session`, `machine`. */
  actor: string;
  scopes: readonly string[];
  /**
   * What the caller may decide; its scopes limit what it can access. For tokens without a member see `roleOf`.
   */
  role: Role;
  /** Repository that the token is bound to; null for the whole organisation. */
  repository: string | null;
  /** Authority of tokens that this caller mints; absent for the machine itself. */
  authority?: Authority;
  /** The organisation is being deleted, so changes are rejected. */
  isOrgDeleted?: boolean;
  /** Plan of the organisation. Default: the smallest. */
  plan?: Plan;
  /** Days for which landing rows of this organisation are kept. */
  retentionDays: number;
  /** Whether the organisation keeps prompts, answers, tool arguments and results. Default: no. */
  keepContent?: boolean;
  /** Whether the organisation keeps e-mail addresses and login names. Default: no, pseudonyms replace them. */
  keepIdentities?: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/**
 * Returns the caller of a request that passed {@link requireScope}.
 * @throws ShieldwatchError 401.
 */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null)
    throw new ShieldwatchError('token_missing', 'send a token: Authorization: Bearer eccp_...');
  return request.caller;
}
