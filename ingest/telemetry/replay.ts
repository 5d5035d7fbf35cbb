import protobuf from 'protobufjs/minimal.js';
import { ShieldwatchError } from '#schemas/errors.js';
import {
  ATTR_TENANT_ORG_ID,
  ATTR_TENANT_REPOSITORY,
  ATTR_TENANT_RETENTION_DAYS,
  ATTR_TENANT_TOKEN_ID,
} from '#schemas/semconv.js';
import { DEFAULT_LANDING_RETENTION_DAYS } from '#schemas/time.js';
import type { Caller } from '../auth/caller.js';
import type { ControlPlane } from '../control/control-plane.js';
import { readOtlp } from '../landing/otlp-work.js';
import { WireReader, WireType } from '../landing/wire-reader.js';
import { PROTOBUF_TYPE } from '../request/content.js';
import type { Signal } from '../request/signal.js';
import type { TelemetrySink } from './sink.js';

/** Who sent a part of a request, as the collector stamped it on the resources. */
interface Tenant {
  orgId: string;
  tokenId: string;
  repository: string | null;
  retentionDays: number;
}

/** What became of a request that was sent again. */
export interface Replay {
  /** Organisations whose part was delivered. */
  delivered: string[];
  /** Organisations that are deleted: their part was left out. */
  deleted: string[];
}

/** Number of the one list that an export request of any signal holds, `resource_spans`, `resource_logs` or `resource_metrics`. */
const RESOURCES = 1;
const RESOURCE_LISTS = { traces: 'resourceSpans', logs: 'resourceLogs', metrics: 'resourceMetrics' } as const;

/**
 * Sends an OTLP export request again that went through redaction before, as what the collector sets aside. Each
 * organisation's part goes the way of its client's own requests, by today's settings of the organisation.
 *
 * @throws ShieldwatchError 400 for what is no OTLP or names no organisation, 503 when it should be tried again; parts that
 * were delivered by then are delivered again, and fact tables deduplicate them.
 */
export async function replay(plane: ControlPlane, sink: TelemetrySink, signal: Signal, body: Buffer): Promise<Replay> {
  const callers: { caller: Caller; body: Buffer }[] = [];
  const deleted = new Set<string>();
  for (const part of byTenant(signal, body)) {
    const { tenant } = part;
    const [org] = await plane.read(tenant.orgId, (tx) =>
      tx.query<{ keep_content: boolean; keep_identities: boolean; is_deleted: boolean }>(
        'SELECT keep_content, keep_identities, deleted_at IS NOT NULL AS is_deleted FROM org',
      ),
    );
    if (org === undefined)
      throw new ShieldwatchError('body_invalid', 'the request is of an organisation that is not of this server');
    if (org.is_deleted) deleted.add(tenant.orgId);
    else
      callers.push({
        caller: {
          ...tenant,
          actor: 'machine',
          scopes: [],
          role: 'member',
          keepContent: org.keep_content,
          keepIdentities: org.keep_identities,
        },
        body: part.body,
      });
  }
  for (const { caller, body: of } of callers)
    await sink.deliver({ signal, type: PROTOBUF_TYPE, encoding: 'identity', body: [of] }, caller);
  return { delivered: [...new Set(callers.map(({ caller }) => caller.orgId))], deleted: [...deleted] };
}

/** Organisations that a request was stamped with. @throws ShieldwatchError as {@link replay} does. */
export function organisationsOf(signal: Signal, body: Buffer): string[] {
  return [...new Set(byTenant(signal, body).map(({ tenant }) => tenant.orgId))];
}

/** Cuts a request by its resources' tenants; each resource stays byte for byte as it was. */
function byTenant(signal: Signal, body: Buffer): { tenant: Tenant; body: Buffer }[] {
  const resources = readOtlp(signal, body)[RESOURCE_LISTS[signal]] as {
    resource?: { attributes: { key: string; value?: { stringValue?: string } }[] };
  }[];
  const pieces = piecesOf(body);
  const parts = new Map<string, { tenant: Tenant; writer: protobuf.Writer }>();
  resources.forEach(({ resource }, at) => {
    const stamped = (name: string): string =>
      resource?.attributes.find(({ key }) => key === name)?.value?.stringValue ?? '';
    const tenant: Tenant = {
      orgId: stamped(ATTR_TENANT_ORG_ID),
      tokenId: stamped(ATTR_TENANT_TOKEN_ID),
      repository: stamped(ATTR_TENANT_REPOSITORY) || null,
      retentionDays: Number(stamped(ATTR_TENANT_RETENTION_DAYS)) || DEFAULT_LANDING_RETENTION_DAYS,
    };
    const piece = pieces[at];
    if (tenant.orgId === '' || piece === undefined)
      throw new ShieldwatchError(
        'body_invalid',
        `${ATTR_TENANT_ORG_ID}: expected the organisation on every resource, as the collector stamps it`,
      );
    const key = JSON.stringify(tenant);
    const part = parts.get(key) ?? { tenant, writer: protobuf.Writer.create() };
    parts.set(key, part);
    part.writer.uint32((RESOURCES << 3) | WireType.Bytes).bytes(piece);
  });
  return [...parts.values()].map(({ tenant, writer }) => ({ tenant, body: Buffer.from(writer.finish()) }));
}

/** The bytes of each resource's part of a request that is known to be well formed. */
function piecesOf(body: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const reader = new WireReader(body);
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    if (tag === undefined) return pieces;
    if (tag.number === RESOURCES && tag.wireType === WireType.Bytes) pieces.push(reader.bytes() ?? Buffer.alloc(0));
    else if (!reader.skip(tag.wireType)) return pieces;
  }
  return pieces;
}
