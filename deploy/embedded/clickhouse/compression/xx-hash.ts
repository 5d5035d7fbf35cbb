/** xxHash32, the checksum of LZ4 frames, over bytes that arrive in pieces. */
const [P1, P2, P3, P4, P5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1] as const;
const STRIPE = 16;

export class XxHash32 {
  #lanes = Int32Array.of(P1 + P2, P2, 0, -P1);
  #rest: Buffer = Buffer.alloc(0);
  #length = 0;

  update(bytes: Buffer): this {
    this.#length += bytes.length;
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    for (; at + STRIPE <= all.length; at += STRIPE) {
      for (let lane = 0; lane < 4; lane++)
        this.#lanes[lane] = Math.imul(
          rotate((this.#lanes[lane] as number) + Math.imul(all.readInt32LE(at + 4 * lane), P2), 13),
          P1,
        );
    }
    this.#rest = Buffer.from(all.subarray(at));
    return this;
  }

  digest(): number {
    const [a, b, c, d] = this.#lanes as unknown as [number, number, number, number];
    let hash = this.#length >= STRIPE ? rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18) : P5;
    hash = (hash + this.#length) | 0;
    let at = 0;
    for (; at + 4 <= this.#rest.length; at += 4)
      hash = Math.imul(rotate(hash + Math.imul(this.#rest.readInt32LE(at), P3), 17), P4);
    for (; at < this.#rest.length; at++)
      hash = Math.imul(rotate(hash + Math.imul(this.#rest.readUInt8(at), P5), 11), P1);
    hash = Math.imul(hash ^ (hash >>> 15), P2);
    hash = Math.imul(hash ^ (hash >>> 13), P3);
    return (hash ^ (hash >>> 16)) >>> 0;
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | ((value | 0) >>> (32 - bits));
}
