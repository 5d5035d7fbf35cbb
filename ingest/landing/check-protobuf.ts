import { MAX_OTLP_DEPTH, MAX_OTLP_ENTRIES } from '#schemas/otlp-bounds.js';
import type { FieldKind, FieldPlan, MessagePlan } from './message-plan.js';
import { malformed, tooDeep, tooManyEntries, type Position } from './position.js';
import { WireType } from './wire-reader.js';
import type { Meter } from '../request/meter.js';

/** Wire type of a single value, by kind. */
export const WIRE_TYPES: Readonly<Record<FieldKind, number>> = {
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
};

/**
 * Validates an OTLP/protobuf request and the bounds of `schemas/otlp-bounds.ts` without decoding values. Copies and
 * allocates nothing, so a request can be forwarded as received.
 *
 * @returns the number of entries: messages and elements of repeated numbers. `meter` gets it too, also when this
 * throws.
 * @throws ShieldwatchError 400 that names the field, 413 when a request has too many entries.
 */
export function checkProtobuf(plan: MessagePlan, bytes: Buffer, meter: Meter = { entries: 0 }): number {
  new Checker(bytes).run(plan, meter);
  return meter.entries;
}

class Checker {
  readonly #bytes: Buffer;
  #at = 0;
  #entries = 0;
  /** Path to the current position: for each level the start of its message, and the field and tag within it. */
  readonly #plans: MessagePlan[] = [];
  readonly #starts: number[] = [];
  readonly #tags: number[] = [];
  readonly #fields: FieldPlan[] = [];
  #level = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  run(plan: MessagePlan, meter: Meter): void {
    try {
      this.#message(plan, this.#bytes.length);
    } finally {
      meter.entries = this.#entries;
    }
  }

  #message(plan: MessagePlan, end: number): void {
    const level = this.#level;
    if (level > MAX_OTLP_DEPTH) throw tooDeep(this.#place(level));
    this.#count(1);
    this.#plans[level] = plan;
    this.#starts[level] = this.#at;
    while (this.#at < end) {
      const start = this.#at;
      const tag = this.#small(end, level);
      const wireType = tag & 7;
      const field = plan.byNumber[tag >>> 3];
      if (tag < 8) throw this.#invalid(level);
      if (field === undefined) {
        this.#skip(wireType, end, level);
        continue;
      }
      this.#fields[level] = field;
      this.#tags[level] = start;
      const isWhole = wireType === WIRE_TYPES[field.kind];
      if (wireType !== WireType.Bytes) {
        if (!isWhole) throw this.#invalid(level + 1);
        if (field.repeated) this.#count(1);
        this.#skip(wireType, end, level + 1);
        continue;
      }
      const length = this.#small(end, level + 1);
      const stop = this.#at + length;
      if (stop > end) throw this.#invalid(level + 1);
      if (!isWhole) {
        if (!field.repeated) throw this.#invalid(level + 1);
        this.#packed(WIRE_TYPES[field.kind], stop, level + 1);
      } else if (field.message !== undefined) {
        this.#level = level + 1;
        this.#message(field.message, stop);
        this.#level = level;
      } else if (field.idBytes !== undefined && length !== 0 && length !== field.idBytes) {
        throw malformed(this.#place(level + 1), `${String(field.idBytes)} bytes`);
      }
      this.#at = stop;
    }
  }

  /** Checks packed elements. */
  #packed(wireType: number, stop: number, level: number): void {
    while (this.#at < stop) {
      this.#count(1);
      this.#skip(wireType, stop, level);
    }
  }

  /** Skips a value. */
  #skip(wireType: number, end: number, level: number): void {
    switch (wireType) {
      case WireType.Varint: {
        // A varint of 64 bits has at most ten bytes.
        const last = Math.min(end, this.#at + 10);
        while (this.#at < last && (this.#bytes[this.#at] ?? 0) > 127) this.#at += 1;
        if (this.#at >= last) throw this.#invalid(level);
        this.#at += 1;
        return;
      }
      case WireType.Fixed64:
        this.#at += 8;
        break;
      case WireType.Fixed32:
        this.#at += 4;
        break;
      case WireType.Bytes:
        // Read the length first, because reading it advances the position.
        this.#at = this.#small(end, level) + this.#at;
        break;
      default:
        // OTLP has no groups.
        throw this.#invalid(level);
    }
    if (this.#at > end) throw this.#invalid(level);
  }

  /** Reads a tag or a length of up to 31 bits. */
  #small(end: number, level: number): number {
    const first = this.#bytes[this.#at] ?? 0;
    if (this.#at < end && first < 128) {
      this.#at += 1;
      return first;
    }
    let value = 0;
    for (let shift = 0; shift < 35 && this.#at < end; shift += 7) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) {
        if (value > 0x7fffffff) break;
        return value;
      }
    }
    throw this.#invalid(level);
  }

  #count(entries: number): void {
    this.#entries += entries;
    if (this.#entries > MAX_OTLP_ENTRIES) throw tooManyEntries();
  }

  #invalid(levels: number): Error {
    return malformed(this.#place(levels), 'valid protobuf');
  }

  /** Builds the path to the current position. List indexes are counted only here, when an error is reported. */
  #place(levels: number): Position | undefined {
    let place: Position | undefined;
    for (let level = 0; level < levels; level += 1) {
      const field = this.#fields[level];
      if (field === undefined) return place;
      place = { parent: place, name: field.name, index: field.repeated ? this.#indexAt(level, field) : undefined };
    }
    return place;
  }

  #indexAt(level: number, field: FieldPlan): number {
    const stop = this.#tags[level] ?? 0;
    this.#at = this.#starts[level] ?? 0;
    let index = 0;
    while (this.#at < stop) {
      const tag = this.#small(stop, 0);
      if (this.#plans[level]?.byNumber[tag >>> 3] === field) index += 1;
      this.#skip(tag & 7, stop, 0);
    }
    return index;
  }
}
