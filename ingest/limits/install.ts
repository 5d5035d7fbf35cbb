import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { announcedSize } from '../request/content.js';
import type { Plan } from '../plans.js';
import { Buckets, type BucketSettings } from './bucket.js';

export interface QuotaSettings {
  /** Requests of one token. */
  requests: BucketSettings;
  /** Bytes of bodies of one token, as they arrive. */
  bytes: BucketSettings;
  /** What the bodies of one token make us do: OTLP messages and list elements, values of JSON. */
  entries: BucketSettings;
  /** How many tokens that use up their quota an organisation may have at once, by its plan. */
  organisation?: Readonly<Record<Plan, number>>;
  /** Refused tokens from one address: guessing is slow, and a typo in a fleet is not locked out for long. */
  failures: BucketSettings;
}

const MIB = 1024 * 1024;
const DEFAULT_SHARES: Readonly<Record<Plan, number>> = { team: 4, enterprise: 64 };

export const DEFAULT_QUOTAS: QuotaSettings = {
  requests: { rate: 500, burst: 1_000 },
  bytes: { rate: 64 * MIB, burst: 256 * MIB },
  // A span of 15 attributes has 31: some 32,000 of these a second, which is more than one machine stores.
  entries: { rate: 1_000_000, burst: 4_000_000 },
  failures: { rate: 20, burst: 500 },
};

/** Per-token quotas, and a brake on guessing tokens. Answers 429 with Retry-After, which OTLP clients obey. */
export function installQuotas(app: FastifyInstance, settings: QuotaSettings): void {
  const requests = new Buckets(settings.requests);
  const bytes = new Buckets(settings.bytes);
  const entries = new Buckets(settings.entries);
  const failures = new Buckets(settings.failures);
  const shares = settings.organisation ?? DEFAULT_SHARES;
  const ofOrg = {
    requests: new Buckets(settings.requests),
    bytes: new Buckets(settings.bytes),
    entries: new Buckets(settings.entries),
  };

  // As preParsing: the caller is known, the body is not read yet.
  app.addHook('preParsing', (request, _reply, _payload, next) => {
    const { caller } = request;
    if (caller === null || caller.tokenId === 'session') {
      next();
      return;
    }
    const now = Date.now();
    const size = announcedSize(request) ?? 0;
    const wait = Math.max(
      requests.take(caller.tokenId, 1, now),
      bytes.take(caller.tokenId, size, now),
      entries.take(caller.tokenId, 0, now),
    );
    if (wait > 0) {
      next(limited('this token has used up its quota for now; try again', wait));
      return;
    }
    const share = shares[caller.plan ?? 'team'];
    const orgWait = Math.max(
      ofOrg.requests.take(caller.orgId, 1 / share, now),
      ofOrg.bytes.take(caller.orgId, size / share, now),
      ofOrg.entries.take(caller.orgId, 0, now),
    );
    next(
      orgWait > 0
        ? limited('this organisation has used up the quota of its plan for now; try again', orgWait)
        : undefined,
    );
  });

  app.decorate('countBytes', ({ caller }: FastifyRequest, size: number) => {
    // Taken already: the next request pays, as for a large body that was announced.
    if (caller === null || caller.tokenId === 'session') return;
    bytes.charge(caller.tokenId, size);
    ofOrg.bytes.charge(caller.orgId, size / shares[caller.plan ?? 'team']);
  });

  app.decorate('countEntries', ({ caller }: FastifyRequest, count: number) => {
    if (caller === null || caller.tokenId === 'session') return;
    entries.charge(caller.tokenId, count);
    ofOrg.entries.charge(caller.orgId, count / shares[caller.plan ?? 'team']);
  });

  app.decorate('countRefusal', (request: FastifyRequest) => {
    const wait = failures.take(request.ip, 1);
    if (wait > 0) throw limited('too many requests with a wrong token from this address; try again', wait);
  });
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Notes a token that was refused. @throws ShieldwatchError 429 when there were too many. */
    countRefusal(request: FastifyRequest): void;
    /** Notes bytes of a body whose length was not announced, which the token's quota could not count before. */
    countBytes(request: FastifyRequest, size: number): void;
    /** Notes what a body made us do, which is known once it was read. The token pays before its next request. */
    countEntries(request: FastifyRequest, count: number): void;
  }
}

function limited(message: string, retryAfterSeconds: number): ShieldwatchError {
  return new ShieldwatchError('rate_limited', message, { retryAfterSeconds: Math.min(retryAfterSeconds, 3_600) });
}
