import { ShieldwatchError } from '#schemas/errors.js';
import { absentValue } from './decode-json.js';
import type { FieldPlan, MessagePlan } from './message-plan.js';
import { malformed, MAX_DEPTH, type Place } from './place.js';
import { WireReader, WireType } from './wire-reader.js';

/**
 * Values a request may hold. An empty message costs two bytes on the wire and some hundred in memory; without
 * a limit, a small body of them would take the process down.
 */
const MAX_VALUES = 4_000_000;

/** Reads a message of OTLP/protobuf into the same shape as `decodeJson`. */
export function decodeProtobuf(plan: MessagePlan, bytes: Buffer): Record<string, unknown> {
  return readMessage(plan, new WireReader(bytes), undefined, 0, { left: MAX_VALUES });
}

interface Budget {
  left: number;
}

function readMessage(
  plan: MessagePlan,
  reader: WireReader,
  place: Place | undefined,
  depth: number,
  budget: Budget,
): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw malformed(place, `at most ${String(MAX_DEPTH)} levels`);
  const message: Record<string, unknown> = {};
  for (const field of plan.fields) {
    const absent = absentValue(field);
    if (absent !== undefined) message[field.name] = absent;
  }
  while (!reader.isAtEnd) {
    const tag = reader.tag();
    const field = tag === undefined ? undefined : plan.byNumber.get(tag.number);
    if (tag === undefined || (field === undefined && !reader.skip(tag.wireType))) throw malformed(place, 'valid protobuf');
    if (field === undefined) continue;
    if (field.repeated) {
      readRepeated(field, tag.wireType, message[field.name] as unknown[], reader, place, depth, budget);
    } else {
      const at = { parent: place, name: field.name, index: undefined };
      message[field.name] = readValue(field, tag.wireType, reader, at, depth, budget);
    }
  }
  return message;
}

function readRepeated(
  field: FieldPlan,
  wireType: number,
  list: unknown[],
  reader: WireReader,
  place: Place | undefined,
  depth: number,
  budget: Budget,
): void {
  const element = ELEMENT_TYPES[field.kind];
  if (wireType === element) {
    list.push(readValue(field, wireType, reader, { parent: place, name: field.name, index: list.length }, depth, budget));
    return;
  }
  // Packed: the elements one after the other in one piece of bytes.
  const packed = wireType === WireType.Bytes ? reader.bytes() : undefined;
  if (packed === undefined) throw malformed({ parent: place, name: field.name, index: list.length }, 'valid protobuf');
  const inner = new WireReader(packed);
  while (!inner.isAtEnd) {
    list.push(readValue(field, element, inner, { parent: place, name: field.name, index: list.length }, depth, budget));
  }
}

const ELEMENT_TYPES = {
  string: WireType.Bytes,
  bytes: WireType.Bytes,
  message: WireType.Bytes,
  double: WireType.Fixed64,
  fixed64: WireType.Fixed64,
  sfixed64: WireType.Fixed64,
  fixed32: WireType.Fixed32,
  bool: WireType.Varint,
  int32: WireType.Varint,
  sint32: WireType.Varint,
  uint32: WireType.Varint,
  int64: WireType.Varint,
  uint64: WireType.Varint,
  enum: WireType.Varint,
} as const;

function readValue(
  field: FieldPlan,
  wireType: number,
  reader: WireReader,
  place: Place,
  depth: number,
  budget: Budget,
): unknown {
  budget.left -= 1;
  if (budget.left < 0) {
    throw new ShieldwatchError('body_too_large', `the body holds more than ${String(MAX_VALUES)} values`);
  }
  const value = wireType === ELEMENT_TYPES[field.kind] ? readScalar(field, reader) : undefined;
  if (value === undefined) throw malformed(place, 'valid protobuf');
  if (field.idBytes !== undefined && Buffer.isBuffer(value) && value.length !== 0 && value.length !== field.idBytes) {
    throw malformed(place, `${String(field.idBytes)} bytes`);
  }
  if (field.message === undefined) return value;
  return readMessage(field.message, new WireReader(value as Buffer), place, depth + 1, budget);
}

/** The value, or for a message its bytes; undefined when the input ends before it does. */
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
