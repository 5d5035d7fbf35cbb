import { WIRE_TYPES } from './check-protobuf.js';
import type { FieldPlan, MessagePlan } from './message-plan.js';
import { malformed, type Position } from './position.js';
import { WireReader, WireType } from './wire-reader.js';

/** Decodes an OTLP/protobuf message, already validated by {@link checkProtobuf}, into the shapes of `otlp.ts`. */
export function decodeProtobuf(plan: MessagePlan, bytes: Buffer): Record<string, unknown> {
  return readMessage(plan, new WireReader(bytes), undefined, {});
}

/** Decodes into `message`. If a message is sent in two parts, the second is merged into the first. */
function readMessage(
  plan: MessagePlan,
  reader: WireReader,
  place: Position | undefined,
  message: Record<string, unknown>,
): Record<string, unknown> {
  for (const field of plan.fields) {
    if (message[field.name] !== undefined) continue;
    const absent = absentValue(field);
    if (absent !== undefined) message[field.name] = absent;
  }
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    const field = tag === undefined ? undefined : plan.byNumber[tag.number];
    if (tag === undefined || (field === undefined && !reader.skip(tag.wireType)))
      throw malformed(place, 'valid protobuf');
    if (field === undefined) continue;
    if (field.repeated) {
      readRepeated(field, tag.wireType, message[field.name] as unknown[], reader, place);
      continue;
    }
    const at = { parent: place, name: field.name, index: undefined };
    const before = field.others === undefined ? message[field.name] : undefined;
    message[field.name] = readValue(field, tag.wireType, reader, at, before);
    for (const other of field.others ?? NONE) if (message[other] !== undefined) message[other] = undefined;
  }
  return message;
}

const NONE: readonly string[] = [];

/** Returns the value of a field that was not sent; undefined if it stays absent. */
function absentValue(field: FieldPlan): unknown {
  if (field.repeated) return [];
  if (field.optional) return undefined;
  switch (field.kind) {
    case 'string':
      return '';
    case 'bytes':
      return Buffer.alloc(0);
    case 'bool':
      return false;
    case 'int64':
    case 'uint64':
    case 'fixed64':
    case 'sfixed64':
      return 0n;
    case 'double':
    case 'int32':
    case 'sint32':
    case 'uint32':
    case 'fixed32':
    case 'enum':
    case 'message':
      return 0;
  }
}

function readRepeated(
  field: FieldPlan,
  wireType: number,
  list: unknown[],
  reader: WireReader,
  place: Position | undefined,
): void {
  const element = WIRE_TYPES[field.kind];
  if (wireType === element) {
    list.push(readValue(field, wireType, reader, { parent: place, name: field.name, index: list.length }, undefined));
    return;
  }
  // Packed elements.
  const packed = wireType === WireType.Bytes ? reader.bytes() : undefined;
  if (packed === undefined) throw malformed({ parent: place, name: field.name, index: list.length }, 'valid protobuf');
  const inner = new WireReader(packed);
  while (!inner.isAtEnd) {
    list.push(readValue(field, element, inner, { parent: place, name: field.name, index: list.length }, undefined));
  }
}

function readValue(field: FieldPlan, wireType: number, reader: WireReader, place: Position, before: unknown): unknown {
  const value = wireType === WIRE_TYPES[field.kind] ? readScalar(field, reader) : undefined;
  if (value === undefined) throw malformed(place, 'valid protobuf');
  if (field.idBytes !== undefined && Buffer.isBuffer(value) && value.length !== 0 && value.length !== field.idBytes) {
    throw malformed(place, `${String(field.idBytes)} bytes`);
  }
  if (field.message === undefined) return value;
  return readMessage(field.message, new WireReader(value as Buffer), place, (before ?? {}) as Record<string, unknown>);
}

/** Reads a value, or the bytes of a message; undefined when the input ends too early. */
function readScalar(field: FieldPlan, reader: WireReader): unknown {
  switch (field.kind) {
    case 'message':
    case 'bytes':
      return reader.bytes();
    case 'string':
      return reader.bytes()?.toString('utf8');
    case 'double':
      return reader.double();
    case 'fixed64':
      return reader.fixed64();
    case 'sfixed64':
      return mapKnown(reader.fixed64(), (bits) => BigInt.asIntN(64, bits));
    case 'fixed32':
      return reader.fixed32();
    case 'bool':
      return mapKnown(reader.varint(), (bits) => bits !== 0n);
    case 'uint64':
      return reader.varint();
    case 'int64':
      return mapKnown(reader.varint(), (bits) => BigInt.asIntN(64, bits));
    case 'uint32':
      return mapKnown(reader.varint(), (bits) => Number(BigInt.asUintN(32, bits)));
    case 'int32':
    case 'enum':
      return mapKnown(reader.varint(), (bits) => Number(BigInt.asIntN(32, bits)));
    case 'sint32':
      return mapKnown(reader.varint(), (bits) => {
        const zigzag = BigInt.asUintN(32, bits);
        return Number((zigzag >> 1n) ^ -(zigzag & 1n));
      });
  }
}

function mapKnown<T>(bits: bigint | undefined, map: (bits: bigint) => T): T | undefined {
  return bits === undefined ? undefined : map(bits);
}
