import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { auditList, auditQuery, auditVerdict } from '#schemas/http/control.js';
import { decodeCursor, page } from '../api/cursor.js';
import { addRoute, type RouteSpec } from '../api/route.js';
import { verifyChain, type AuditEntry } from '../control/audit-chain.js';
import type { AuditFiles } from '../control/audit-files.js';
import { readAudit, type ControlPlane } from '../control/control-plane.js';

const LIST = {
  id: 'listAudit', method: 'GET', url: '/v1/audit', tag: 'audit', summary: 'The audit trail, oldest first', scopes: ['admin'], role: 'admin',
  query: auditQuery, response: auditList,
} as const satisfies RouteSpec;
const EXPORT = {
  id: 'exportAudit', method: 'GET', url: '/v1/audit/export', tag: 'audit', summary: 'The whole audit trail as NDJSON', scopes: ['admin'], role: 'admin',
  description: 'One entry a line, as `shieldwatch audit verify --file` reads it. The export is itself an entry.',
  response: z.string(), responseType: 'application/x-ndjson',
} as const satisfies RouteSpec;
const VERIFY = {
  id: 'verifyAudit', method: 'GET', url: '/v1/audit/verify', tag: 'audit', summary: 'Check the trail: the first entry that is not what was written', scopes: ['admin'], role: 'admin',
  response: auditVerdict,
} as const satisfies RouteSpec;

/** Entries read at once. */
const STRETCH = 1_000;

/** An organisation's audit trail: read, exported, verified. */
export function auditRoutes(app: FastifyInstance, options: { plane: ControlPlane; audit: AuditFiles }): void {
  const { plane, audit } = options;

  async function* all(orgId: string): AsyncGenerator<AuditEntry[]> {
    for (let after = 0; ; ) {
      const entries = await plane.read(orgId, (tx) => readAudit(tx, orgId, after, STRETCH));
      if (entries.length > 0) yield entries;
      const last = entries.at(-1);
      if (last === undefined || entries.length < STRETCH) return;
      after = last.seq;
    }
  }

  addRoute(app, LIST, async ({ caller, query }) => {
    const after = Number(decodeCursor(query.cursor, ['number'])?.[0] ?? 0);
    const entries = await plane.read(caller.orgId, (tx) => readAudit(tx, caller.orgId, after, query.limit + 1));
    const { rows, nextCursor } = page(entries, query.limit, (last) => [last.seq]);
    return { entries: rows, nextCursor };
  });

  addRoute(app, EXPORT, async ({ caller, reply }) => {
    await plane.change(caller, (tx) => tx.record({ action: 'audit.export', subject: caller.orgId }));
    const lines: string[] = [];
    for await (const entries of all(caller.orgId)) lines.push(...entries.map((entry) => JSON.stringify(entry)));
    return reply.type('application/x-ndjson').send(`${lines.join('\n')}\n`);
  });

  addRoute(app, VERIFY, async ({ caller }) => {
    const heads = audit.heads();
    const entries: AuditEntry[] = [];
    for await (const stretch of all(caller.orgId)) entries.push(...stretch);
    return verifyChain(caller.orgId, entries, heads, audit.publicKey);
  });
}
