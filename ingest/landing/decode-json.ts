import { type FieldPlan, type MessagePlan } from './message-plan.js';
import { malformed, MAX_DEPTH, type Place } from './place.js';

/**
 * Reads a message of OTLP/JSON. Integers may be numbers or strings (Claude Code sends numbers where proto3
 * JSON says strings), enums numbers or names, names in lowerCamelCase or as in the .proto; unknown names are
 * ignored. What is of the wrong type is refused by its position.
 */
export function decodeJson(plan: MessagePlan, input: unknown): Record<string, unknown> {
  return readMessage(plan, input, undefined, 0);
}

function readMessage(plan: MessagePlan, input: unknown, place: Place | undefined, depth: number): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw malformed(place, `at most ${String(MAX_DEPTH)} levels`);
  if (typeof input !== 'object' || input === null || Array.isArray(input)) throw malformed(place, 'an object');
  const message: Record<string, unknown> = {};
  for (const field of plan.fields) {
    const value = own(input, field.name) ?? own(input, field.protoName);
    if (value === undefined || value === null) {
      const absent = absentValue(field);
      if (absent !== undefined) message[field.name] = absent;
    } else if (field.repeated) {
      if (!Array.isArray(value)) throw malformed({ parent: place, name: field.name, index: undefined }, 'an array');
      message[field.name] = value.map((each: unknown, index) =>
        readValue(field, each, { parent: place, name: field.name, index }, depth),
      );
    } else {
      message[field.name] = readValue(field, value, { parent: place, name: field.name, index: undefined }, depth);
    }
  }
  return message;
}

function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}

/** What a field that was not sent reads as; undefined: it stays absent. */
export function absentValue(field: FieldPlan): unknown {
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

function readValue(field: FieldPlan, value: unknown, place: Place, depth: number): unknown {
  switch (field.kind) {
    case 'message':
      return field.message === undefined ? undefined : readMessage(field.message, value, place, depth + 1);
    case 'string':
      if (typeof value !== 'string') throw malformed(place, 'a string');
      return value;
    case 'bool':
      if (typeof value !== 'boolean') throw malformed(place, 'a boolean');
      return value;
    case 'double':
      return readDouble(value, place);
    case 'bytes':
      return readBytes(field, value, place);
    case 'enum':
      return readEnum(field, value, place);
    case 'int32':
    case 'sint32':
      return Number(readInteger(value, place, -(2n ** 31n), 2n ** 31n - 1n));
    case 'uint32':
    case 'fixed32':
      return Number(readInteger(value, place, 0n, 2n ** 32n - 1n));
    case 'int64':
    case 'sfixed64':
      return readInteger(value, place, -(2n ** 63n), 2n ** 63n - 1n);
    case 'uint64':
    case 'fixed64':
      return readInteger(value, place, 0n, 2n ** 64n - 1n);
  }
}

const INTEGER = /^-?\d{1,20}$/;

function readInteger(value: unknown, place: Place, least: bigint, greatest: bigint): bigint {
  const isInteger = typeof value === 'number' ? Number.isInteger(value) : typeof value === 'string' && INTEGER.test(value);
  if (isInteger) {
    const integer = BigInt(value as number | string);
    if (integer >= least && integer <= greatest) return integer;
  }
  throw malformed(place, `an integer from ${String(least)} to ${String(greatest)}, as a number or a string`);
}

function readEnum(field: FieldPlan, value: unknown, place: Place): number {
  if (typeof value !== 'string' || INTEGER.test(value)) return Number(readInteger(value, place, -(2n ** 31n), 2n ** 31n - 1n));
  const number = field.enumValues?.get(value);
  if (number === undefined) throw malformed(place, `one of ${[...(field.enumValues?.keys() ?? [])].join(', ')}`);
  return number;
}

const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NAMED_NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function readDouble(value: unknown, place: Place): number {
  if (typeof value === 'number') return value;
  const named = NAMED_NUMBERS.get(value);
  if (named !== undefined) return named;
  if (typeof value === 'string' && value.length <= 400 && NUMBER.test(value)) return Number(value);
  throw malformed(place, 'a number');
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function readBytes(field: FieldPlan, value: unknown, place: Place): Buffer {
  if (field.idBytes !== undefined) {
    const isHex = typeof value === 'string' && /^[0-9a-fA-F]*$/.test(value);
    if (!isHex || (value.length !== 0 && value.length !== 2 * field.idBytes)) {
      throw malformed(place, `${String(2 * field.idBytes)} hexadecimal digits`);
    }
    return Buffer.from(value, 'hex');
  }
  if (typeof value !== 'string' || !BASE64.test(value)) throw malformed(place, 'base64');
  return Buffer.from(value, 'base64');
}
