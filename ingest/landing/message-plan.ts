import { join } from 'node:path';
import protobuf from 'protobufjs';
import { packageRoot } from '#schemas/root.js';
import type { Signal } from '../request/signal.js';

/** How one field is decoded, from JSON and from protobuf. */
export interface FieldPlan {
  /** lowerCamelCase name, as in OTLP/JSON and in `otlp.ts`. */
  readonly name: string;
  /** Name in the .proto file, which OTLP/JSON parsers accept as well. */
  readonly protoName: string;
  readonly number: number;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  /** The field is absent unless sent: messages, members of a oneof, `optional` fields. */
  readonly optional: boolean;
  /** For a member of a oneof, the names of the other members. The last member on the wire counts. */
  readonly others: readonly string[] | undefined;
  /** For trace and span ids, the bytes of a non-empty id. In JSON ids are hex; other bytes are base64. */
  readonly idBytes: number | undefined;
  readonly message: MessagePlan | undefined;
  /** For enums, numbers by name. */
  readonly enumValues: ReadonlyMap<string, number> | undefined;
}

export type FieldKind =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'double'
  | 'int32'
  | 'sint32'
  | 'uint32'
  | 'fixed32'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64'
  | 'enum'
  | 'message';

export interface MessagePlan {
  readonly fields: readonly FieldPlan[];
  /** Fields by number; unused numbers are undefined. */
  readonly byNumber: readonly (FieldPlan | undefined)[];
  /** Fields by either name. */
  readonly byName: ReadonlyMap<string, FieldPlan>;
  /** Fields by the length of their name in bytes: few names share a length. */
  readonly byLength: readonly (readonly { readonly bytes: Buffer; readonly field: FieldPlan }[] | undefined)[];
}

const KINDS: ReadonlySet<string> = new Set<FieldKind>([
  'string',
  'bytes',
  'bool',
  'double',
  'int32',
  'sint32',
  'uint32',
  'fixed32',
  'int64',
  'uint64',
  'fixed64',
  'sfixed64',
]);
const ID_BYTES: Readonly<Record<string, number>> = { trace_id: 16, span_id: 8, parent_span_id: 8 };

const SERVICES: Readonly<Record<Signal, { file: string; message: string }>> = {
  traces: { file: 'trace/v1/trace_service.proto', message: 'trace.v1.ExportTraceServiceRequest' },
  metrics: { file: 'metrics/v1/metrics_service.proto', message: 'metrics.v1.ExportMetricsServiceRequest' },
  logs: { file: 'logs/v1/logs_service.proto', message: 'logs.v1.ExportLogsServiceRequest' },
};

/** Loads the vendored OpenTelemetry definitions (`proto/README.md`). */
export function loadOtlp(): protobuf.Root {
  const folder = join(packageRoot(), 'ingest/landing/proto');
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => join(folder, target);
  const files = Object.values(SERVICES).map(({ file }) => `opentelemetry/proto/collector/${file}`);
  root.loadSync(files, { keepCase: true }).resolveAll();
  return root;
}

/** Returns the message type of a signal's export request. */
export function requestType(root: protobuf.Root, signal: Signal): protobuf.Type {
  return root.lookupType(`opentelemetry.proto.collector.${SERVICES[signal].message}`);
}

/** Creates the plans of the three export requests from the definitions. */
export function createRequestPlans(): Readonly<Record<Signal, MessagePlan>> {
  const root = loadOtlp();
  const known = new Map<protobuf.Type, MessagePlan>();
  const plan = (signal: Signal): MessagePlan => planMessage(requestType(root, signal), known);
  return { traces: plan('traces'), metrics: plan('metrics'), logs: plan('logs') };
}

function planMessage(type: protobuf.Type, known: Map<protobuf.Type, MessagePlan>): MessagePlan {
  const existing = known.get(type);
  if (existing !== undefined) return existing;
  const fields: FieldPlan[] = [];
  const byNumber: (FieldPlan | undefined)[] = [];
  const byName = new Map<string, FieldPlan>();
  const byLength: { bytes: Buffer; field: FieldPlan }[][] = [];
  const plan = { fields, byNumber, byName, byLength };
  // Registered before its fields are planned, because AnyValue contains itself.
  known.set(type, plan);
  for (const field of type.fieldsArray) {
    const each = planField(field, known);
    fields.push(each);
    byNumber[field.id] = each;
    byName.set(each.name, each).set(each.protoName, each);
    for (const name of new Set([each.name, each.protoName]))
      (byLength[name.length] ??= []).push({ bytes: Buffer.from(name), field: each });
  }
  return plan;
}

function planField(field: protobuf.Field, known: Map<protobuf.Type, MessagePlan>): FieldPlan {
  const { resolvedType } = field;
  const message = resolvedType instanceof protobuf.Type ? planMessage(resolvedType, known) : undefined;
  const enumValues = resolvedType instanceof protobuf.Enum ? new Map(Object.entries(resolvedType.values)) : undefined;
  return {
    name: protobuf.util.camelCase(field.name),
    protoName: field.name,
    number: field.id,
    kind: kindOf(field),
    repeated: field.repeated,
    optional: message !== undefined || field.partOf !== null,
    others: otherMembers(field),
    idBytes: ID_BYTES[field.name],
    message,
    enumValues,
  };
}

/** Returns the other members of a field's oneof. protobufjs wraps each `optional` field in a oneof of its own. */
function otherMembers({ partOf, name }: protobuf.Field): readonly string[] | undefined {
  if (partOf === null || partOf.fieldsArray.length < 2) return undefined;
  return partOf.fieldsArray.filter((other) => other.name !== name).map((other) => protobuf.util.camelCase(other.name));
}

function kindOf(field: protobuf.Field): FieldKind {
  if (field.resolvedType instanceof protobuf.Type) return 'message';
  if (field.resolvedType instanceof protobuf.Enum) return 'enum';
  if (KINDS.has(field.type)) return field.type as FieldKind;
  throw new Error(`the OTLP definitions use ${field.type}, which is not supported`);
}
