import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { auditExportQuery, auditList, auditQuery, auditVerdict, auditVerifyQuery } from '#schemas/http/control.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { verifyTrail, type AuditEntry } from '../control/audit-chain.js';
import type { AuditFiles } from '../control/audit-files.js';
import { readAudit, type ControlPlane } from '../control/control-plane.js';
import { createTurns } from '../limits/turns.js';

const LIST = {
  id: 'listAudit',
  method: 'GET',
  url: '/v1/audit',
  tag: 'audit',
  summary: 'The audit trail, oldest first',
  scopes: ['admin'],
  role: 'admin',
  query: auditQuery,
  response: auditList,
} as const satisfies RouteSpec;
const EXPORT = {
  id: 'exportAudit',
  method: 'GET',
  url: '/v1/audit/export',
  tag: 'audit',
  summary: 'The whole audit trail as NDJSON',
  scopes: ['admin'],
  role: 'admin',
  description: 'One entry per line, in the format of `shieldwatch audit verify --file`. The export itself is recorded.',
  query: auditExportQuery,
  response: z.string(),
  responseType: 'application/x-ndjson',
} as const satisfies RouteSpec;
const VERIFY = {
  id: 'verifyAudit',
  method: 'GET',
  url: '/v1/audit/verify',
  tag: 'audit',
  summary: 'Verify the audit trail and find the first invalid entry',
  scopes: ['admin'],
  role: 'admin',
  description:
    'Compares the trail with the heads that this gateway published, and with `count` and `head` if given. `unchecked` lists what could not be verified.',
  query: auditVerifyQuery,
  response: auditVerdict,
} as const satisfies RouteSpec;

/** Entries per query. */
const PAGE_ENTRIES = 1_000;

/** Adds the routes of the audit trail: list, export, verify. */
export function auditRoutes(app: FastifyInstance, options: { plane: ControlPlane; audit: AuditFiles }): void {
  const { plane, audit } = options;
  /** A large trail takes minutes of work: one at a time. */
  const inTurn = createTurns(1);

  async function* pages(orgId: string, from: number, limit = Infinity): AsyncGenerator<AuditEntry[]> {
    let after = from;
    for (let left = limit; left > 0;) {
      const wanted = Math.min(PAGE_ENTRIES, left);
      const entries = await plane.read(orgId, (tx) => readAudit(tx, orgId, after, wanted));
      if (entries.length > 0) yield entries;
      const last = entries.at(-1);
      if (last === undefined || entries.length < wanted) return;
      after = last.seq;
      left -= entries.length;
    }
  }

  async function* entriesOf(orgId: string): AsyncGenerator<AuditEntry> {
    for await (const entries of pages(orgId, 0)) yield* entries;
  }

  async function* linesOf(orgId: string, after: number, limit?: number): AsyncGenerator<string> {
    for await (const entries of pages(orgId, after, limit))
      yield entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  }

  addRoute(app, LIST, async ({ caller, query }) => {
    const after = Number(decodeCursor(query.cursor, ['number'])?.[0] ?? 0);
    const entries = await plane.read(caller.orgId, (tx) => readAudit(tx, caller.orgId, after, query.limit + 1));
    const { rows, nextCursor } = page(entries, query.limit, (last) => [last.seq]);
    return { entries: rows, nextCursor };
  });

  addRoute(app, EXPORT, async ({ caller, query, reply }) => {
    if (query.after === 0)
      await plane.change(caller, (tx) => tx.record({ action: 'audit.export', subject: caller.orgId }));
    return reply.type('application/x-ndjson').send(Readable.from(linesOf(caller.orgId, query.after, query.limit)));
  });

  addRoute(app, VERIFY, ({ caller, query: { count, head } }) =>
    inTurn(caller.orgId, () =>
      verifyTrail(entriesOf(caller.orgId), {
        orgId: caller.orgId,
        publicKey: audit.publicKey,
        heads: audit.heads(),
        ...(count === undefined || head === undefined ? {} : { noted: { count, head } }),
      }),
    ),
  );
}
