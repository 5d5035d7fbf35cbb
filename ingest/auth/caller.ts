import type { FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import type { Scope } from '#schemas/http/scopes.js';
import type { Role } from '#schemas/http/roles.js';
import type { Plan } from '../plans.js';

/** Scopes any one of which lets a client send OTLP; what a request holds is not looked into. */
export const INGEST_SCOPES = [
  'ingest:scan',
  'ingest:runtime',
  'ingest:drift',
  'ingest:otlp',
] as const satisfies readonly Scope[];

/** What a token hands on to the tokens that it mints: they work no longer than it and the members behind it. */
export interface Authority {
  tokenId: string;
  /** Ids of the members by whose authority the token works: its own, and those who minted it. */
  members: readonly string[];
  expiresAt: Date | null;
}

/** Who sent a request. The organisation comes from here and from nowhere else. */
export interface Caller {
  orgId: string;
  tokenId: string;
  /** Name for people and the audit trail: `member:<login>`, `token:<id>`, `session`, `machine`. */
  actor: string;
  scopes: readonly string[];
  /** What the caller may decide, beside what its scopes let it touch. Tokens of no member: see `roleOf`. */
  role: Role;
  /** Repository that the token is bound to; null: any of the organisation. */
  repository: string | null;
  /** By whose authority tokens are minted; absent: the machine itself. */
  authority?: Authority;
  /** The organisation is being deleted: nothing is changed there any more. */
  isOrgDeleted?: boolean;
  /** Plan of the organisation; absent: the least. */
  plan?: Plan;
  /** Days that landing rows of this organisation live. */
  retentionDays: number;
  /** Whether the organisation keeps prompts, answers, tool arguments and results; absent: it does not. */
  keepContent?: boolean;
  /** Whether the organisation keeps e-mail addresses and login names; absent: pseudonyms stand in their place. */
  keepIdentities?: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** The caller of a request that passed {@link requireScope}. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null)
    throw new ShieldwatchError('token_missing', 'send a token: Authorization: Bearer eccp_...');
  return request.caller;
}
