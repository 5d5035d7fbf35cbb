import { isUtf8 } from 'node:buffer';
import { ShieldwatchError } from '#schemas/errors.js';
import { MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';
import type { FieldPlan, MessagePlan } from './message-plan.js';
import { malformed, tooDeep, tooManyEntries, type Position } from './position.js';
import { WireType } from './wire-reader.js';
import type { Meter } from '../request/meter.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Converts an OTLP/JSON request to protobuf in one pass, so that later stages read one format with one decoder. It
 * resolves differences between JSON writers:
 *
 * - names in lowerCamelCase or as in the .proto; unknown names are skipped; for a duplicate name protobuf's rule holds:
 * lists are concatenated, of single values the last one counts;
 * - integers and doubles as numbers or strings, `NaN` and infinities as strings, enums as numbers or names;
 * - a `null` member counts as not sent; a `null` double in a oneof is NaN, which `JSON.stringify` writes that way;
 * - unpaired surrogates and invalid UTF-8 become U+FFFD; a byte order mark is skipped.
 *
 * `meter` gets the number of entries, also when this throws.
 *
 * @throws ShieldwatchError 400 that names the field and what was expected, 413 past the bounds of
 * `schemas/otlp-bounds.ts`.
 */
export function jsonToProtobuf(plan: MessagePlan, body: Buffer, meter: Meter = { entries: 0 }): Buffer {
  const text = isUtf8(body) ? body : Buffer.from(body.toString('utf8'));
  const transcoder = new Transcoder(text);
  try {
    return transcoder.run(plan);
  } finally {
    meter.entries = transcoder.entries;
  }
}

class Transcoder {
  readonly #in: Buffer;
  #at: number;
  #out: Buffer;
  #end = 0;
  #entries = 0;
  /** Path to the current position: a field per level, and its element index; -1 for a field that is not repeated. */
  readonly #fields: FieldPlan[] = [];
  readonly #indexes: number[] = [];
  #level = 0;

  constructor(input: Buffer) {
    this.#in = input;
    this.#at = input.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
    this.#out = Buffer.allocUnsafe(input.length + 64);
  }

  get entries(): number {
    return this.#entries;
  }

  run(plan: MessagePlan): Buffer {
    if (this.#in.length === this.#at) throw new ShieldwatchError('body_not_json', 'the body is empty, expected JSON');
    this.#space();
    this.#message(plan);
    this.#space();
    if (this.#at < this.#in.length) throw invalidJson();
    return this.#out.subarray(0, this.#end);
  }

  #message(plan: MessagePlan): void {
    if (this.#level > MAX_OTLP_DEPTH) throw tooDeep(this.#place());
    this.#count();
    if (this.#in[this.#at] !== OPEN_BRACE) throw this.#expected('an object');
    this.#at += 1;
    let nullDouble: FieldPlan | undefined;
    let isChosen = false;
    for (let isFirst = true; this.#advance(CLOSE_BRACE, isFirst); isFirst = false) {
      const field = this.#name(plan);
      if (field === undefined) {
        this.#skip(this.#level + 1);
      } else if (this.#word('null')) {
        if (field.kind === 'double' && field.others !== undefined) nullDouble = field;
      } else {
        if (field.others !== undefined) isChosen = true;
        const level = this.#level;
        this.#fields[level] = field;
        this.#indexes[level] = -1;
        this.#level = level + 1;
        if (field.repeated) this.#list(field);
        else this.#value(field);
        this.#level = level;
      }
    }
    if (nullDouble !== undefined && !isChosen) {
      this.#tag(nullDouble.number, WireType.Fixed64);
      this.#double(Number.NaN);
    }
  }

  #list(field: FieldPlan): void {
    if (this.#in[this.#at] !== OPEN_BRACKET) throw this.#expected('an array');
    this.#at += 1;
    const at = this.#level - 1;
    const isPacked = field.kind !== 'message' && field.kind !== 'string' && field.kind !== 'bytes';
    let start = 0;
    if (isPacked) {
      this.#tag(field.number, WireType.Bytes);
      start = this.#open();
    }
    for (let index = 0; this.#advance(CLOSE_BRACKET, index === 0); index += 1) {
      this.#indexes[at] = index;
      if (isPacked) {
        this.#count();
        this.#scalar(field);
      } else {
        this.#value(field);
      }
    }
    if (isPacked) this.#close(start);
  }

  #value(field: FieldPlan): void {
    switch (field.kind) {
      case 'message': {
        if (field.message === undefined) return;
        this.#tag(field.number, WireType.Bytes);
        const start = this.#open();
        this.#message(field.message);
        this.#close(start);
        return;
      }
      case 'string':
        this.#tag(field.number, WireType.Bytes);
        this.#string();
        return;
      case 'bytes':
        this.#tag(field.number, WireType.Bytes);
        this.#bytes(field);
        return;
      case 'double':
      case 'fixed64':
      case 'sfixed64':
        this.#tag(field.number, WireType.Fixed64);
        break;
      case 'fixed32':
        this.#tag(field.number, WireType.Fixed32);
        break;
      case 'bool':
      case 'enum':
      case 'int32':
      case 'sint32':
      case 'uint32':
      case 'int64':
      case 'uint64':
        this.#tag(field.number, WireType.Varint);
        break;
    }
    this.#scalar(field);
  }

  /** Writes a value of fixed size or a varint, without its tag. */
  #scalar(field: FieldPlan): void {
    switch (field.kind) {
      case 'double':
        this.#double(this.#readDouble());
        return;
      case 'bool':
        if (this.#word('true')) this.#varint(1);
        else if (this.#word('false')) this.#varint(0);
        else throw this.#expected('a boolean');
        return;
      case 'enum':
        this.#signed(BigInt(this.#readEnum(field)));
        return;
      case 'int32':
        this.#signed(this.#readInteger(-(2n ** 31n), 2n ** 31n - 1n));
        return;
      case 'sint32': {
        const value = this.#readInteger(-(2n ** 31n), 2n ** 31n - 1n);
        this.#signed(value < 0n ? -2n * value - 1n : 2n * value);
        return;
      }
      case 'uint32':
        this.#signed(this.#readInteger(0n, 2n ** 32n - 1n));
        return;
      case 'fixed32':
        this.#reserve(4);
        this.#end = this.#out.writeUInt32LE(Number(this.#readInteger(0n, 2n ** 32n - 1n)), this.#end);
        return;
      case 'int64':
        this.#signed(this.#readInteger(-(2n ** 63n), 2n ** 63n - 1n));
        return;
      case 'uint64':
        this.#signed(this.#readInteger(0n, 2n ** 64n - 1n));
        return;
      case 'fixed64':
        this.#reserve(8);
        this.#end = this.#out.writeBigUInt64LE(this.#readInteger(0n, 2n ** 64n - 1n), this.#end);
        return;
      case 'sfixed64':
        this.#reserve(8);
        this.#end = this.#out.writeBigInt64LE(this.#readInteger(-(2n ** 63n), 2n ** 63n - 1n), this.#end);
        return;
      case 'string':
      case 'bytes':
      case 'message':
        // Their length precedes them: see #value.
        return;
    }
  }

  // Reading.

  /** Advances to the next member or element, or past the end of the object or array. @returns whether there is one. */
  #advance(close: number, isFirst: boolean): boolean {
    this.#space();
    const byte = this.#in[this.#at];
    if (byte === close) {
      this.#at += 1;
      return false;
    }
    if (!isFirst) {
      if (byte !== COMMA) throw invalidJson();
      this.#at += 1;
      this.#space();
    }
    return true;
  }

  /** Reads a member's name and the colon after it. @returns undefined for a name that the message does not have. */
  #name(plan: MessagePlan): FieldPlan | undefined {
    const start = this.#at;
    const isEscaped = this.#scanString();
    const field = isEscaped
      ? plan.byName.get(this.#unescaped(start, this.#at))
      : this.#named(plan, start + 1, this.#at - 1);
    this.#colon();
    return field;
  }

  #named(plan: MessagePlan, start: number, end: number): FieldPlan | undefined {
    const input = this.#in;
    const length = end - start;
    for (const { bytes, field } of plan.byLength[length] ?? NONE) {
      let same = 0;
      while (same < length && bytes[same] === input[start + same]) same += 1;
      if (same === length) return field;
    }
    return undefined;
  }

  #colon(): void {
    this.#space();
    if (this.#in[this.#at] !== COLON) throw invalidJson();
    this.#at += 1;
    this.#space();
  }

  /** Skips a string. @returns whether it contains escapes. */
  #scanString(): boolean {
    const input = this.#in;
    if (input[this.#at] !== QUOTE) throw invalidJson();
    let at = this.#at + 1;
    let isEscaped = false;
    for (;;) {
      const byte = input[at];
      if (byte === QUOTE) break;
      // Also true at the end of the input; control characters are not allowed in strings.
      if (byte === undefined || byte < 0x20) throw invalidJson();
      if (byte === BACKSLASH) {
        isEscaped = true;
        at += 1;
      }
      at += 1;
    }
    this.#at = at + 1;
    return isEscaped;
  }

  #unescaped(start: number, end: number): string {
    try {
      // Node 20 has toWellFormed, but the TypeScript library for ES2023 does not declare it.
      return (JSON.parse(this.#in.toString('utf8', start, end)) as string).replace(/\p{Surrogate}/gu, '\ufffd');
    } catch {
      throw invalidJson();
    }
  }

  /** Reads the text of a string value; undefined for a value of another type. */
  #text(): string | undefined {
    if (this.#in[this.#at] !== QUOTE) return undefined;
    const start = this.#at;
    return this.#scanString() ? this.#unescaped(start, this.#at) : this.#in.toString('utf8', start + 1, this.#at - 1);
  }

  /** Reads the characters of a number; undefined for a value of another type. */
  #number(): string | undefined {
    const input = this.#in;
    const start = this.#at;
    let at = start;
    const digits = (): boolean => {
      const from = at;
      for (let byte = input[at]; byte !== undefined && byte >= 0x30 && byte <= 0x39; byte = input[at]) at += 1;
      return at > from;
    };
    if (input[at] === 0x2d) at += 1;
    const isZero = input[at] === 0x30;
    if (isZero) at += 1;
    else if (!digits()) {
      if (at > start) throw invalidJson();
      return undefined;
    }
    if (input[at] === 0x2e) {
      at += 1;
      if (!digits()) throw invalidJson();
    }
    if (input[at] === 0x65 || input[at] === 0x45) {
      at += 1;
      if (input[at] === 0x2b || input[at] === 0x2d) at += 1;
      if (!digits()) throw invalidJson();
    }
    this.#at = at;
    return input.toString('latin1', start, at);
  }

  /** Skips `word` if it is next. */
  #word(word: 'null' | 'true' | 'false'): boolean {
    const at = this.#at;
    if (this.#in[at] !== word.charCodeAt(0) || this.#in.toString('latin1', at, at + word.length) !== word) return false;
    this.#at = at + word.length;
    return true;
  }

  #space(): void {
    const input = this.#in;
    let at = this.#at;
    for (let byte = input[at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09; byte = input[at])
      at += 1;
    this.#at = at;
  }

  /** Skips the value of an unknown name. */
  #skip(depth: number): void {
    if (depth > 2 * MAX_OTLP_DEPTH) throw tooDeep(this.#place());
    const byte = this.#in[this.#at];
    if (byte === QUOTE) {
      this.#skipString();
    } else if (byte === OPEN_BRACE) {
      this.#at += 1;
      this.#count();
      for (let isFirst = true; this.#advance(CLOSE_BRACE, isFirst); isFirst = false) {
        this.#skipString();
        this.#colon();
        this.#skip(depth + 1);
      }
    } else if (byte === OPEN_BRACKET) {
      this.#at += 1;
      this.#count();
      for (let isFirst = true; this.#advance(CLOSE_BRACKET, isFirst); isFirst = false) this.#skip(depth + 1);
    } else if (!this.#word('null') && !this.#word('true') && !this.#word('false') && this.#number() === undefined) {
      throw invalidJson();
    }
  }

  #skipString(): void {
    const start = this.#at;
    if (this.#scanString()) this.#unescaped(start, this.#at);
  }

  #readInteger(least: bigint, greatest: bigint): bigint {
    const start = this.#at;
    const number = this.#number();
    const text = number ?? this.#text() ?? '';
    let integer: bigint | undefined;
    if (INTEGER.test(text)) integer = BigInt(text);
    // Numbers such as 1e3 or 7.0 are integers; a string must consist of digits.
    else if (number !== undefined && Number.isInteger(Number(number))) integer = BigInt(Number(number));
    if (integer !== undefined && integer >= least && integer <= greatest) return integer;
    throw this.#expected(`an integer from ${String(least)} to ${String(greatest)}, as a number or a string`, start);
  }

  #readEnum(field: FieldPlan): number {
    const start = this.#at;
    const name = this.#text();
    if (name === undefined || INTEGER.test(name)) {
      this.#at = start;
      return Number(this.#readInteger(-(2n ** 31n), 2n ** 31n - 1n));
    }
    const number = field.enumValues?.get(name);
    if (number === undefined) throw this.#expected(`one of ${[...(field.enumValues?.keys() ?? [])].join(', ')}`, start);
    return number;
  }

  #readDouble(): number {
    const start = this.#at;
    const number = this.#number();
    if (number !== undefined) return Number(number);
    const text = this.#text();
    const named = text === undefined ? undefined : NAMED_NUMBERS.get(text);
    if (named !== undefined) return named;
    if (text !== undefined && text.length <= 400 && NUMBER.test(text)) return Number(text);
    throw this.#expected('a number', start);
  }

  // Writing.

  #string(): void {
    if (this.#in[this.#at] !== QUOTE) throw this.#expected('a string');
    const start = this.#at + 1;
    if (this.#scanString()) {
      this.#content(Buffer.from(this.#unescaped(start - 1, this.#at)));
      return;
    }
    const end = this.#at - 1;
    this.#varint(end - start);
    this.#reserve(end - start);
    this.#in.copy(this.#out, this.#end, start, end);
    this.#end += end - start;
  }

  #bytes(field: FieldPlan): void {
    const start = this.#at;
    const text = this.#text();
    if (field.idBytes !== undefined) {
      const digits = 2 * field.idBytes;
      if (text === undefined || !HEX.test(text) || (text.length !== 0 && text.length !== digits)) {
        throw this.#expected(`${String(digits)} hexadecimal digits`, start);
      }
      this.#content(Buffer.from(text, 'hex'));
      return;
    }
    if (text === undefined || !BASE64.test(text)) throw this.#expected('base64', start);
    this.#content(Buffer.from(text, 'base64'));
  }

  #content(bytes: Buffer): void {
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    bytes.copy(this.#out, this.#end);
    this.#end += bytes.length;
  }

  #tag(number: number, wireType: number): void {
    this.#varint((number << 3) | wireType);
  }

  #varint(value: number): void {
    this.#reserve(5);
    let rest = value;
    for (; rest > 127; rest >>>= 7) this.#out[this.#end++] = (rest & 127) | 128;
    this.#out[this.#end++] = rest;
  }

  /** Writes a varint of up to 64 bits; negative values take ten bytes. */
  #signed(value: bigint): void {
    if (value >= 0n && value <= 0x7fffffffn) {
      this.#varint(Number(value));
      return;
    }
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) this.#out[this.#end++] = Number(rest & 127n) | 128;
    this.#out[this.#end++] = Number(rest);
  }

  #double(value: number): void {
    this.#reserve(8);
    this.#end = this.#out.writeDoubleLE(value, this.#end);
  }

  /** Reserves one byte for the length of what follows, which is usually enough. */
  #open(): number {
    this.#reserve(1);
    this.#end += 1;
    return this.#end;
  }

  /** Writes the length, moving the content if the length takes more than one byte. */
  #close(start: number): void {
    const length = this.#end - start;
    let size = 1;
    for (let rest = length; rest > 127; rest >>>= 7) size += 1;
    if (size > 1) {
      this.#reserve(size);
      this.#out.copyWithin(start + size - 1, start, this.#end);
    }
    this.#end = start - 1;
    this.#varint(length);
    this.#end = start - 1 + size + length;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(2 * this.#out.length + bytes);
    this.#out.copy(larger, 0, 0, this.#end);
    this.#out = larger;
  }

  #count(): void {
    this.#entries += 1;
    if (this.#entries > MAX_OTLP_ENTRIES) throw tooManyEntries();
  }

  #place(): Position | undefined {
    let place: Position | undefined;
    for (let level = 0; level < this.#level; level += 1) {
      const index = this.#indexes[level] ?? -1;
      place = { parent: place, name: this.#fields[level]?.name ?? '', index: index < 0 ? undefined : index };
    }
    return place;
  }

  /** Creates the 400 for a value of the wrong type that begins at `start`, or for invalid JSON there. */
  #expected(what: string, start = this.#at): ShieldwatchError {
    const place = this.#place();
    this.#at = start;
    this.#skip(this.#level);
    return malformed(place, what);
  }
}

const NONE: readonly never[] = [];
const INTEGER = /^-?\d{1,20}$/;
/** A JSON number; in strings also `.5` and `5.`. */
const NUMBER = /^-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const HEX = /^[0-9a-fA-F]*$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const NAMED_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function invalidJson(): ShieldwatchError {
  return new ShieldwatchError('body_not_json', 'the body is not JSON');
}
