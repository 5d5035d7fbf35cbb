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

/** Tenant of a part of a request, from the resource attributes that the collector stamped. */
interface Tenant {
  orgId: string;
  tokenId: string;
  repository: string | null;
  retentionDays: number;
}

/** Result of a replay. */
export interface Replay {
  /** Organisations whose part was delivered. */
  delivered: string[];
  /** Deleted organisations, whose part was left out. */
  deleted: string[];
}

/** Field number of `resource_spans`, `resource_logs` and `resource_metrics` in their export requests. */
const RESOURCES = 1;
const RESOURCE_LISTS = { traces: 'resourceSpans', logs: 'resourceLogs', metrics: 'resourceMetrics' } as const;

/**
 * Sends an OTLP export request again that the collector redacted and set aside. Each organisation's part is delivered
 * like a client's request, with the organisation's current settings.
 *
 * @throws ShieldwatchError 400 for invalid OTLP or a missing organisation, 503 for a temporary failure; a retry repeats
 * delivered parts, and fact tables deduplicate them.
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
      throw new ShieldwatchError(
        'body_invalid',
        'the request belongs to an organisation that this server does not have',
      );
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

/**
 * Returns the organisations stamped on a request.
 * @throws ShieldwatchError as {@link replay} does.
 */
export function organisationsOf(signal: Signal, body: Buffer): string[] {
  return [...new Set(byTenant(signal, body).map(({ tenant }) => tenant.orgId))];
}

/** Splits a request by its resources' tenants; the bytes of each resource stay unchanged. */
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

/** Returns the bytes of each resource's part of a valid request. */
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
