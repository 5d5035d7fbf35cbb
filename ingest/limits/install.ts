import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ShieldwatchError } from '#schemas/errors.js';
import { contentLength } from '../request/content.js';
import type { Plan } from '../plans.js';
import { Buckets, type BucketSettings } from './bucket.js';

export interface QuotaSettings {
  /** Requests per token. */
  requests: BucketSettings;
  /** Received bytes per token. */
  bytes: BucketSettings;
  /** Processed entries per token: OTLP messages and list elements, JSON values. */
  entries: BucketSettings;
  /** By plan, the number of tokens that may use their full quota at once. */
  organisation?: Readonly<Record<Plan, number>>;
  /** Rejected tokens per IP address: slows guessing, without locking out a fleet with a typo for long. */
  failures: BucketSettings;
}

const MIB = 1024 * 1024;
const DEFAULT_SHARES: Readonly<Record<Plan, number>> = { team: 4, enterprise: 64 };

export const DEFAULT_QUOTAS: QuotaSettings = {
  requests: { rate: 500, burst: 1_000 },
  bytes: { rate: 64 * MIB, burst: 256 * MIB },
  // A span with 15 attributes has 31 entries: about 32,000 spans a second, more than one machine can store.
  entries: { rate: 1_000_000, burst: 4_000_000 },
  failures: { rate: 20, burst: 500 },
};

/** Installs per-token quotas and a limit on token guessing. Answers 429 with Retry-After, which OTLP clients obey. */
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

  // In preParsing the caller is known and the body is not read yet.
  app.addHook('preParsing', (request, _reply, _payload, next) => {
    const { caller } = request;
    if (caller === null || caller.tokenId === 'session') {
      next();
      return;
    }
    const now = Date.now();
    const size = contentLength(request) ?? 0;
    const wait = Math.max(
      requests.take(caller.tokenId, 1, now),
      bytes.take(caller.tokenId, size, now),
      entries.take(caller.tokenId, 0, now),
    );
    if (wait > 0) {
      next(limited('the quota of this token is used up; try again', wait));
      return;
    }
    const share = shares[caller.plan ?? 'team'];
    const orgWait = Math.max(
      ofOrg.requests.take(caller.orgId, 1 / share, now),
      ofOrg.bytes.take(caller.orgId, size / share, now),
      ofOrg.entries.take(caller.orgId, 0, now),
    );
    next(orgWait > 0 ? limited("the quota of this organisation's plan is used up; try again", orgWait) : undefined);
  });

  app.decorate('countBytes', ({ caller }: FastifyRequest, size: number) => {
    // Charged afterwards: the next request waits, as for a large announced body.
    if (caller === null || caller.tokenId === 'session') return;
    bytes.charge(caller.tokenId, size);
    ofOrg.bytes.charge(caller.orgId, size / shares[caller.plan ?? 'team']);
  });

  app.decorate('countEntries', ({ caller }: FastifyRequest, count: number) => {
    if (caller === null || caller.tokenId === 'session') return;
    entries.charge(caller.tokenId, count);
    ofOrg.entries.charge(caller.orgId, count / shares[caller.plan ?? 'team']);
  });

  app.decorate('countRejectedToken', (request: FastifyRequest) => {
    const wait = failures.take(request.ip, 1);
    if (wait > 0) throw limited('too many requests with a wrong token from this address; try again', wait);
  });
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Counts a rejected token.
     * @throws ShieldwatchError 429 when there were too many.
     */
    countRejectedToken(request: FastifyRequest): void;
    /** Charges the bytes of a body whose length was not announced. */
    countBytes(request: FastifyRequest, size: number): void;
    /** Charges the entries of a body once it has been read. A debt delays the token's next request. */
    countEntries(request: FastifyRequest, count: number): void;
  }
}

function limited(message: string, retryAfterSeconds: number): ShieldwatchError {
  return new ShieldwatchError('rate_limited', message, { retryAfterSeconds: Math.min(retryAfterSeconds, 3_600) });
}
