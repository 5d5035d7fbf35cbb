/** Protobuf wire types. OTLP does not use groups (3 and 4). */
export const WireType = { Varint: 0, Fixed64: 1, Bytes: 2, Fixed32: 5 } as const;

/**
 * Reads the protobuf wire format. Every method returns undefined when the input ends too early; none reads out of
 * bounds. protobufjs's decoder is not used, because it builds the whole message before anything can be counted, and
 * does not report where the input is invalid.
 */
export class WireReader {
  readonly #buffer: Buffer;
  #position = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get isAtEnd(): boolean {
    return this.#position >= this.#buffer.length;
  }

  tag(): { number: number; wireType: number } | undefined {
    const value = this.#smallVarint();
    if (value === undefined || value < 8) return undefined;
    return { number: value >>> 3, wireType: value & 7 };
  }

  /** Reads an unsigned 64-bit varint. */
  varint(): bigint | undefined {
    let low = 0;
    // Most varints are small: use plain numbers up to 28 bits.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#buffer[this.#position];
      if (byte === undefined) return undefined;
      this.#position += 1;
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#buffer[this.#position];
      if (byte === undefined) return undefined;
      this.#position += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  }

  fixed32(): number | undefined {
    const at = this.#take(4);
    return at === undefined ? undefined : this.#buffer.readUInt32LE(at);
  }

  fixed64(): bigint | undefined {
    const at = this.#take(8);
    return at === undefined ? undefined : this.#buffer.readBigUInt64LE(at);
  }

  double(): number | undefined {
    const at = this.#take(8);
    return at === undefined ? undefined : this.#buffer.readDoubleLE(at);
  }

  /** Returns a view of length-delimited bytes, without copying. */
  bytes(): Buffer | undefined {
    const length = this.#smallVarint();
    const at = length === undefined ? undefined : this.#take(length);
    return at === undefined ? undefined : this.#buffer.subarray(at, this.#position);
  }

  /** Skips a value of an unknown field. Returns false when it cannot. */
  skip(wireType: number): boolean {
    switch (wireType) {
      case WireType.Varint:
        return this.varint() !== undefined;
      case WireType.Fixed64:
        return this.#take(8) !== undefined;
      case WireType.Bytes:
        return this.bytes() !== undefined;
      case WireType.Fixed32:
        return this.#take(4) !== undefined;
      default:
        return false;
    }
  }

  /** Reads a tag or a length of up to 31 bits, without BigInt. */
  #smallVarint(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#buffer[this.#position];
      if (byte === undefined) return undefined;
      this.#position += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value > 0x7fffffff ? undefined : value;
    }
    return undefined;
  }

  #take(length: number): number | undefined {
    const at = this.#position;
    if (at + length > this.#buffer.length) return undefined;
    this.#position = at + length;
    return at;
  }
}
